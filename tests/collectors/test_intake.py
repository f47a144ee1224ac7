"""What the intake says when a signal has no place to go, and what its health tells while servers are away."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry, generate_latest

from causeway.errors import BadRequest, StoreError
from causeway.stores.journal.drain import DrainPlan, Tables
from causeway.stores.journal.spool import Spool, SpoolConfig
from collectors.decoded import Outcome
from collectors.health import DrainMeters, readiness
from collectors.intake import Intake, decode_for_log
from tests.collectors.otlp.requests import metrics_request, trace_request
from tests.servers.process import wait_for


class FakeSink:
    """Counts the records it is given; refuses when told to."""

    def __init__(self) -> None:
        self.rows: dict[str, int] = {}
        self.error: StoreError | None = None

    def flush(self, batches: list[Tables], *, log_position: int) -> int:  # noqa: ARG002
        if self.error is not None:
            raise self.error
        for batch in batches:
            for name, table in batch.items():
                self.rows[name] = self.rows.get(name, 0) + table.num_rows
        return 0

    def close(self) -> None:
        pass


@pytest.fixture
def sink() -> FakeSink:
    """Where the spool of a test delivers to."""
    return FakeSink()


def test_a_signal_without_a_place_is_refused_for_good(tmp_path: Path, sink: FakeSink) -> None:
    """Every point of a request is counted as rejected with the reason, none is logged; other signals go their way."""

    async def ask() -> tuple[Outcome, Outcome]:
        metrics = await intake.submit("metrics", metrics_request(good=3, bad=2).SerializeToString(), "protobuf")
        traces = await intake.submit("traces", trace_request(good=4).SerializeToString(), "protobuf")
        with pytest.raises(BadRequest):
            await intake.submit("metrics", b"nonsense", "protobuf")
        return metrics, traces

    spool = Spool(tmp_path, {"sink": DrainPlan(sink)}, decode=decode_for_log)
    intake = Intake(spool, refused={"metrics": "name a place"})
    metrics, traces = asyncio.run(ask())
    intake.close()
    spool.flush()
    spool.close()
    assert (metrics.rejected, metrics.message) == (5, "name a place")
    assert (traces.rejected, traces.message) == (0, "")
    assert sink.rows["spans"] == 4
    assert "samples" not in sink.rows


def test_ready_while_there_is_room(tmp_path: Path, sink: FakeSink) -> None:
    """An outage is told with 200, a full log with 503; the numbers of each drain are there to be scraped."""
    sink.error = StoreError("connection refused")
    request = trace_request(good=50).SerializeToString()
    bound = len(request) + 20
    spool = Spool(
        tmp_path,
        {"sink": DrainPlan(sink)},
        decode=decode_for_log,
        config=SpoolConfig(flush_age_s=0.01, spool_bytes_max=bound),
    )
    registry = CollectorRegistry()
    registry.register(DrainMeters(spool))
    assert readiness(spool)[0] == 200
    intake = Intake(spool, registry=registry)
    asyncio.run(intake.submit("traces", request, "protobuf"))
    wait_for(lambda: spool.failing, what="the outage")
    status, text = readiness(spool)
    assert status == 503
    assert "no room" in text
    assert "sink does not take records: connection refused" in text
    numbers = generate_latest(registry).decode()
    assert 'causeway_drain_failing{drain="sink"} 1.0' in numbers
    assert f'causeway_drain_waiting_bytes{{drain="sink"}} {float(bound)}' in numbers
    sink.error = None
    spool.flush()
    assert readiness(spool) == (200, f"ok\n0 B of {bound / 1024:.3g} KiB wait in the log\n")
    assert 'causeway_drain_waiting_bytes{drain="sink"} 0.0' in generate_latest(registry).decode()
    intake.close()
    spool.close()
