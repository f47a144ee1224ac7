"""One log, several ways out: each at its own pace, everything delivered, nothing twice in a row."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pyarrow as pa
import pytest

from causeway.errors import QueueFull, StoreError
from causeway.stores.journal import wal as wal_module
from causeway.stores.journal.drain import DrainPlan, Tables
from causeway.stores.journal.journal import undelivered
from causeway.stores.journal.spool import Spool, SpoolConfig
from tests.servers.process import wait_for

SIZE = 100
QUICK = SpoolConfig(flush_age_s=0.01, flush_bytes=4 * SIZE, buffer_bytes_max=8 * SIZE, room_wait_s=0.05)


def _payload(number: int) -> bytes:
    return number.to_bytes(4, "big") * (SIZE // 4)


def _decode(signal: str, payloads: Sequence[tuple[bytes, str]]) -> Tables:
    numbers = [int.from_bytes(payload[:4], "big") for payload, _ in payloads]
    return {"samples" if signal == "metrics" else "spans": pa.table({"number": numbers})}


class FakeSink:
    """Keeps what it is given; refuses, crashes or waits when told to."""

    def __init__(self) -> None:
        self.flushes: list[list[int]] = []
        self.positions: list[int] = []
        self.error: Exception | None = None
        self.refused = 0
        self.closed = False
        self.open = threading.Event()
        self.open.set()

    def flush(self, batches: list[Tables], *, log_position: int) -> int:
        self.open.wait(timeout=30)
        if self.error is not None:
            self.refused += 1
            raise self.error
        numbers = [number for batch in batches for table in batch.values() for number in table["number"].to_pylist()]
        self.flushes.append(numbers)
        self.positions.append(log_position)
        return len(numbers)

    def close(self) -> None:
        self.closed = True

    @property
    def numbers(self) -> list[int]:
        return [number for flush in self.flushes for number in flush]


@contextmanager
def spool(folder: Path, *, config: SpoolConfig = QUICK, **sinks: FakeSink) -> Iterator[Spool]:
    opened = Spool(folder, {name: DrainPlan(sink) for name, sink in sinks.items()}, decode=_decode, config=config)
    try:
        yield opened
    finally:
        opened.close(timeout_s=0.5)


def _append(journal: Spool, numbers: Sequence[int], *, signal: str = "traces") -> None:
    for number in numbers:
        payload = _payload(number)
        journal.append([(signal, "protobuf", payload)], _decode(signal, [(payload, "protobuf")]))


def test_an_outage_holds_up_nobody_else(tmp_path: Path) -> None:
    """While one sink refuses, the other gets everything; afterwards the first has everything once and in order."""
    away, there = FakeSink(), FakeSink()
    away.error = StoreError("connection refused")
    with spool(tmp_path, away=away, there=there) as journal:
        _append(journal, range(100))
        wait_for(lambda: len(there.numbers) == 100, what="the other sink")
        wait_for(lambda: away.refused > 0, what="the outage to be noticed")
        assert away.numbers == []
        away.error = None
        journal.flush(timeout_s=30)
        assert away.numbers == there.numbers == list(range(100))
        assert journal.undelivered_bytes == 0


def test_memory_is_bounded_and_the_log_is_read_in_batches(tmp_path: Path) -> None:
    """A drain that is behind lets go of its records and reads batches of flush_bytes and one request at most."""
    sink = FakeSink()
    sink.error = StoreError("away")
    with spool(tmp_path, sink=sink) as journal:
        for number in range(200):
            _append(journal, [number])
            assert journal.waiting_bytes <= QUICK.buffer_bytes_max
        (status,) = journal.statuses()
        assert status.reads_log
        sink.error = None
        journal.flush(timeout_s=30)
        assert sink.numbers == list(range(200))
        assert max(len(flush) for flush in sink.flushes) <= QUICK.flush_bytes // SIZE + 1
        assert not journal.statuses()[0].reads_log


def test_what_a_killed_process_left_is_delivered_by_the_next(tmp_path: Path) -> None:
    """Nothing that was appended is lost; each drain goes on where it was."""
    away, there = FakeSink(), FakeSink()
    away.error = StoreError("away")
    with spool(tmp_path, away=away, there=there) as journal:
        _append(journal, range(50))
        wait_for(lambda: len(there.numbers) == 50, what="the other sink")
        wait_for(lambda: journal.drains["there"].position == journal._wal.end, what="its cursor")
    again, other = FakeSink(), FakeSink()
    with spool(tmp_path, away=again, there=other) as journal:
        _append(journal, [50])
        journal.flush(timeout_s=30)
    assert again.numbers == list(range(51))
    assert other.numbers == [50]


def test_a_full_log_refuses_and_then_takes_in_again(tmp_path: Path) -> None:
    """Beyond spool_bytes_max senders are told when to come back, and nothing of theirs is logged."""
    sink = FakeSink()
    sink.error = StoreError("away")
    config = replace(QUICK, spool_bytes_max=20 * SIZE)
    with spool(tmp_path, config=config, sink=sink) as journal:
        taken = 16
        _append(journal, range(taken))
        with pytest.raises(QueueFull, match="away") as refused:
            _append(journal, range(taken, taken + 1))
        assert refused.value.retry_after_s >= 1
        end = journal._wal.end
        with pytest.raises(QueueFull):
            _append(journal, [taken])
        assert journal._wal.end == end
        sink.error = None
        journal.flush(timeout_s=30)
        _append(journal, [taken])
        journal.flush(timeout_s=30)
        assert sink.numbers == list(range(taken + 1))


def test_the_log_is_kept_for_the_slowest(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Segments go when every drain has delivered them, not before."""
    monkeypatch.setattr(wal_module, "SEGMENT_BYTES_MAX", 5 * SIZE)
    slow, quick = FakeSink(), FakeSink()
    slow.open.clear()
    with spool(tmp_path, slow=slow, quick=quick) as journal:
        _append(journal, range(40))
        wait_for(lambda: len(quick.numbers) == 40, what="the quick sink")
        assert journal.log_bytes() == 40 * (SIZE + 20)
        slow.open.set()
        journal.flush(timeout_s=30)
        wait_for(lambda: journal.log_bytes() < 10 * SIZE, what="the log to be released")
        assert slow.numbers == quick.numbers


def test_a_sink_takes_only_its_own_tables(tmp_path: Path) -> None:
    """Records of other tables pass it by, from memory and from the log, and its cursor goes on."""
    spans, samples = FakeSink(), FakeSink()
    plans = {
        "spans": DrainPlan(spans, frozenset({"spans"}), frozenset({"traces"})),
        "samples": DrainPlan(samples, frozenset({"samples"}), frozenset({"metrics"})),
    }
    spans.error = samples.error = StoreError("away")
    journal = Spool(tmp_path, plans, decode=_decode, config=QUICK)
    for number in range(60):
        _append(journal, [number], signal="metrics" if number % 3 else "traces")
    spans.error = samples.error = None
    journal.flush(timeout_s=30)
    assert spans.numbers == [number for number in range(60) if number % 3 == 0]
    assert samples.numbers == [number for number in range(60) if number % 3]
    assert journal.undelivered_bytes == 0
    journal.close()


def test_a_sink_that_crashes_is_tried_again(tmp_path: Path) -> None:
    """An error that nobody foresaw delays and loses nothing."""
    sink = FakeSink()
    sink.error = ZeroDivisionError("oops")
    with spool(tmp_path, sink=sink) as journal:
        _append(journal, [1])
        wait_for(lambda: journal.failing, what="the failure")
        assert "ZeroDivisionError: oops" in str(journal.failing)
        sink.error = None
        journal.flush(timeout_s=30)
        assert sink.numbers == [1]
        assert journal.failing is None


def test_records_of_a_sink_that_is_gone_are_not_passed_over(tmp_path: Path) -> None:
    """Without the sink the journal refuses to open while there are records for it, and opens when there are none."""
    sink = FakeSink()
    sink.error = StoreError("away")
    with spool(tmp_path, old=sink) as journal:
        _append(journal, [1])
    assert undelivered(tmp_path) == {"old": SIZE + 20}
    with pytest.raises(StoreError, match="old has not taken"):
        Spool(tmp_path, {"new": DrainPlan(FakeSink())}, decode=_decode)
    old = FakeSink()
    with spool(tmp_path, old=old) as journal:
        journal.flush()
    assert old.numbers == [1]
    with spool(tmp_path, new=FakeSink()) as journal:
        journal.flush()
    assert undelivered(tmp_path) == {"new": 0}


def test_how_far_each_drain_is(tmp_path: Path) -> None:
    """Lag grows from when a record was acknowledged, through a restart; failures say since when."""
    away, there = FakeSink(), FakeSink()
    away.error = StoreError("away")
    with spool(tmp_path, away=away, there=there) as journal:
        _append(journal, [1])
        found = wait_for(lambda: _lagging(journal), what="the lag")
        assert found["away"].waiting_bytes == SIZE + 20
        assert found["away"].failing == "away"
        assert found["away"].failing_since_s is not None
        assert found["there"].lag_s == 0
    with spool(tmp_path, away=away, there=there) as journal:
        assert {status.name: status.lag_s > 0.1 for status in journal.statuses()} == {"away": True, "there": False}


def _lagging(journal: Spool):
    found = {status.name: status for status in journal.statuses()}
    done = found["away"].failing and found["away"].lag_s > 0.2 and not found["there"].waiting_bytes
    return found if done else None


def test_closing_takes_no_longer_than_it_may(tmp_path: Path) -> None:
    """A sink that does not answer does not keep the process; its records stay in the log."""
    sink = FakeSink()
    sink.open.clear()
    journal = Spool(tmp_path, {"sink": DrainPlan(sink)}, decode=_decode, config=QUICK)
    _append(journal, [1, 2, 3])
    closing = threading.Thread(target=lambda: journal.close(timeout_s=0.2))
    closing.start()
    closing.join(timeout=10)
    assert not closing.is_alive()
    assert undelivered(tmp_path)["sink"] == 3 * (SIZE + 20)
    sink.open.set()
