"""Whether the graph that people are shown ten seconds after the last acknowledgement is the one that was sent.

    python -m benchmarks.truth --spans 1000000 --json
    python -m benchmarks.truth --command collect --sender other_load.py

The platform, the sender and `causeway graph` are processes of their own. A sender is a Python file that takes
--endpoint, --spans, --seed and --truth as `benchmarks.load` does, and writes {"spans": n, "edges": {"caller>callee":
calls}} to the file of --truth. Afterwards `causeway rebuild --check` compares every rollup with the stored spans.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from benchmarks.ingest import free_port, server
from benchmarks.machine import report
from causeway.window import iso

PROMISE_S = 10.0  # answers lag no longer
AROUND_NS = 1_800 * 1_000_000_000
_EXAMPLES_MAX = 10


def measure(
    folder: Path,
    *,
    spans: int,
    command: str = "up",
    sender: Path | None = None,
    seed: int = 1,
    wait_s: float = PROMISE_S,
) -> dict[str, Any]:
    """Send, wait, ask, compare. differences: edges whose calls are not those that were sent, [sent, shown]."""
    data, truth_file = folder / "data", folder / "truth.json"
    options = ["--port", str(free_port())] if command == "up" else []
    program = [str(sender)] if sender else ["-m", "benchmarks.load"]
    with server(data, command, *options) as (process, grpc_port, _):
        wanted = ["--endpoint", f"127.0.0.1:{grpc_port}", "--spans", str(spans), "--seed", str(seed)]
        load = [sys.executable, *program, *wanted, "--truth", str(truth_file)]
        subprocess.run(load, check=True, stdout=subprocess.DEVNULL)
        acknowledged = time.monotonic()
        time.sleep(wait_s)
        shown = graph(data)
        answered_s = time.monotonic() - acknowledged
        assert process.poll() is None, f"causeway {command} ended with status {process.returncode}"
    truth = json.loads(truth_file.read_text())
    sent = {tuple(edge.split(">")): calls for edge, calls in truth["edges"].items()}
    different = {
        ">".join(edge): [sent.get(edge, 0), shown.get(edge, 0)]
        for edge in sorted({*sent, *shown})
        if sent.get(edge, 0) != shown.get(edge, 0)
    }
    return {
        "spans": truth["spans"],
        "edges": len(sent),
        "calls_sent": sum(sent.values()),
        "calls_shown": sum(shown.values()),
        "identical": not different,
        "differences": dict(list(different.items())[:_EXAMPLES_MAX]),
        "asked_after_s": wait_s,
        "answered_after_s": round(answered_s, 1),
        "rollups_identical": check(data),
    }


def graph(data: Path) -> dict[tuple[str, ...], int]:
    """Calls between services as `causeway graph` shows them."""
    now = time.time_ns()
    window = ["--from", iso(now - AROUND_NS), "--to", iso(now + AROUND_NS)]
    document = json.loads(_causeway("graph", "--data", str(data), *window, "--format", "json").stdout)
    services = {node["id"] for node in document["nodes"] if node["type"] == "service"}
    found: dict[tuple[str, ...], int] = {}
    for edge in document["edges"]:
        ends = (edge["caller"], edge["callee"])
        if services.issuperset(ends) and edge["calls"]:
            found[ends] = found.get(ends, 0) + edge["calls"]
    return found


def check(data: Path) -> bool:
    """Whether the rollups are what the stored spans make."""
    return _causeway("rebuild", "--data", str(data), "--check", "--format", "json", may_fail=True).returncode == 0


def _causeway(*arguments: str, may_fail: bool = False) -> subprocess.CompletedProcess[bytes]:
    done = subprocess.run([sys.executable, "-m", "causeway", *arguments], capture_output=True, check=False)
    assert may_fail or done.returncode == 0, (
        f"causeway {arguments[0]} ended with {done.returncode}: {done.stderr.decode()}"
    )
    return done


def main() -> None:
    """Run the benchmark and print JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--spans", type=int, default=1_000_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--command", choices=("up", "collect"), default="up")
    parser.add_argument("--sender", type=Path, help="another program that sends; default: benchmarks.load")
    parser.add_argument("--json", action="store_true", help="accepted for symmetry: the answer is always JSON")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="causeway-truth-") as folder:
        report(measure(Path(folder), spans=asked.spans, command=asked.command, sender=asked.sender, seed=asked.seed))


if __name__ == "__main__":
    main()
