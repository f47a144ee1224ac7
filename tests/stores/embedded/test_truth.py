"""The graph that `causeway graph` shows is the one that was sent, call by call, soon after the last acknowledgement."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks import truth
from benchmarks.ingest import server
from tests.servers.ports import free_port
from tests.servers.process import wait_for

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]
SPANS = 30_000
ANSWERED_S = 60.0  # the promise is for a machine of its own; starting `causeway graph` takes seconds on a busy one


@pytest.mark.parametrize("command", ["up", "collect"])
def test_the_graph_shown_is_the_graph_sent(tmp_path: Path, command: str) -> None:
    """Server, sender and question are processes; every edge has as many calls as were made, and no other exists."""
    data, sent_file = tmp_path / "data", tmp_path / "truth.json"
    options = ["--port", str(free_port())] if command == "up" else []
    with server(data, command, *options) as (process, grpc_port, _):
        wanted = ["--endpoint", f"127.0.0.1:{grpc_port}", "--spans", str(SPANS), "--truth", str(sent_file)]
        subprocess.run([sys.executable, "-m", "benchmarks.load", *wanted], check=True, stdout=subprocess.DEVNULL)
        edges: dict[str, int] = json.loads(sent_file.read_text())["edges"]
        sent = {tuple(edge.split(">")): calls for edge, calls in edges.items()}
        shown: dict[tuple[str, ...], int] = {}

        def complete() -> bool:
            shown.clear()
            shown.update(truth.graph(data))
            return sum(shown.values()) >= sum(sent.values())

        wait_for(complete, what="all calls in the graph", timeout_s=ANSWERED_S)
        assert process.poll() is None
        assert shown == sent
        assert truth.check(data)
    assert truth.graph(data) == sent
