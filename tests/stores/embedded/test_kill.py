"""A collector killed at any moment loses no acknowledged record, doubles none, and leaves a store that opens."""

from __future__ import annotations

import os
import random
import signal
import time
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pytest

from causeway.stores import open_store
from causeway.window import DAY_NS, Window
from tests.contracts.store_contract import edges_by_hand
from tests.servers.collector import start_collector
from tests.servers.ports import free_port
from tests.servers.senders import SPANS_PER_REQUEST, Sender

KILLS = 20
# Short intervals, so that kills fall into every stage: log, flush of each table, compaction, clean-up.
CONFIG = """
[collect.store]
flush_age_s = 0.2
[collect.store.maintenance]
files_min = 3
quiet_s = 0.5
every_s = 0.2
"""


def _all_spans(data: Path) -> tuple[pa.Table, pa.Table]:
    reader = open_store(data)
    window = Window(time.time_ns() - DAY_NS, time.time_ns() + DAY_NS)
    columns = ["trace_id", "span_id", "parent_span_id", "service", "kind", "peer_service", "peer_type"]
    spans = reader.spans(window, columns=columns, limit=None).table
    edges = reader.edges(window)
    reader.close()
    return spans, edges


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_kill_at_random_moments_loses_and_doubles_nothing(tmp_path: Path) -> None:
    """After twenty kills every acknowledged span is stored once, and the graph counts each call once."""
    config = tmp_path / "causeway.toml"
    config.write_text(CONFIG)
    data, port, rng = tmp_path / "data", free_port(), random.Random(20)
    process = start_collector(data, grpc_port=port, http_port=free_port(), config=config)
    sender = Sender(port)
    sender.start()
    for _ in range(KILLS):
        sender.wait_for_progress(rng.randrange(1, 12))
        time.sleep(rng.uniform(0.0, 0.3))
        os.kill(process.pid, signal.SIGKILL)
        process.wait()
        process = start_collector(data, grpc_port=port, http_port=free_port(), config=config)
    sender.finish()
    process.terminate()
    assert process.wait(timeout=60) == 0

    spans, edges = _all_spans(data)
    assert spans.num_rows == sender.spans > KILLS * SPANS_PER_REQUEST
    assert spans.group_by(["trace_id", "span_id"]).aggregate([]).num_rows == spans.num_rows
    found = set(pc.unique(spans["trace_id"]).to_pylist())
    assert found == {bytes.fromhex(trace_id) for trace_id in sender.acknowledged}
    counted = edges.group_by(["caller", "callee"]).aggregate([("calls", "sum")]).to_pylist()
    by_rollup = {(row["caller"], row["callee"]): row["calls_sum"] for row in counted if row["calls_sum"]}
    assert by_rollup == edges_by_hand(spans)
    between = {edge: calls for edge, calls in by_rollup.items() if edge in sender.edges}
    assert between == dict(sender.edges)
