"""What watching every series costs: CPU per minute for so many services of five series each, and for learning a week.

    python -m benchmarks.anomalies_watch --services 1000 --json

Series are made from a seed: requests and log lines with a daily course, rare errors, noisy latency; no faults, so that
every alarm is a false one. `read` is measured on an embedded store with ten minutes of spans of as many services.
CPU time of one process, all threads.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import pyarrow as pa

from analytics.anomalies.keeping import save_streams
from analytics.anomalies.options import AnomalyOptions
from analytics.anomalies.readings import Readings, read
from analytics.anomalies.series import STEP_NS, Kind, SeriesKey
from analytics.anomalies.streams import Streams
from benchmarks import machine
from causeway import records
from causeway.stores.contract import Batch
from causeway.stores.embedded.store import EmbeddedStore
from causeway.window import MINUTE_NS, SECOND_NS, Window

START_NS = 1_790_000_000_000_000_000 // (86_400 * SECOND_NS) * 86_400 * SECOND_NS
DAY_MINUTES = 1440
PIECE_MINUTES = 360
READ_MINUTES = 10
_NAMES = (("requests", "/min", True), ("error_ratio", "ratio", False), ("latency_ms", "ms", False))
_LOGS = (("log.lines", "/min", True), ("log.errors", "/min", True))


def keys_of(services: int) -> tuple[SeriesKey, ...]:
    """Five of each, by kind and service."""
    names = [f"service-{i:05}" for i in range(services)]
    calls = [SeriesKey(Kind.CALLS, name, *one) for one in _NAMES for name in names]
    return (*calls, *(SeriesKey(Kind.LOGS, name, *one) for one in _LOGS for name in names))


def pieces(services: int, minutes: int, *, seed: int = 0) -> Iterator[Readings]:
    """Quiet minutes of all series, six hours at a time."""
    rng, keys = np.random.default_rng(seed), keys_of(services)
    rate = rng.lognormal(5.0, 1.0, (services, 1))
    middle_ms = rng.lognormal(3.0, 1.0, (services, 1))
    failing = rng.choice([0.0, 0.001, 0.01], (services, 1))
    for start in range(0, minutes, PIECE_MINUTES):
        minute = np.arange(start, min(start + PIECE_MINUTES, minutes))
        day = 1.0 + 0.4 * np.sin(2 * np.pi * minute / DAY_MINUTES)
        calls = rng.poisson(rate * day).astype(np.float64)
        errors = rng.binomial(calls.astype(np.int64), np.broadcast_to(failing, calls.shape)).astype(np.float64)
        ratio = np.divide(np.where(errors == 1, 0, errors), calls, out=np.full(calls.shape, np.nan), where=calls > 0)
        latency = middle_ms * rng.lognormal(0.0, 1.0 / np.sqrt(np.maximum(calls, 1.0)))
        lines = rng.poisson(0.3 * calls).astype(np.float64)
        heard = np.ones(len(minute), dtype=bool)
        values = np.concatenate([calls, ratio, latency, lines, errors])
        yield Readings(START_NS + minute * MINUTE_NS, keys, values, {Kind.CALLS: heard, Kind.LOGS: heard})


def watched(services: int, days: int) -> dict[str, Any]:
    """Learn a week at once, then watch so many days; the last hour minute by minute, as the job does."""
    streams, count = Streams(AnomalyOptions(series_max=services * 5)), services * 5
    learned_s = judged_s = 0.0
    alarms = 0
    for number, piece in enumerate(pieces(services, (7 + days) * DAY_MINUTES)):
        began = time.process_time()
        found = streams.feed(piece)
        spent = time.process_time() - began
        if number < 7 * DAY_MINUTES // PIECE_MINUTES:
            learned_s += spent
        else:
            alarms, judged_s = alarms + len(found), judged_s + spent
    (last,) = pieces(services, 60, seed=1)
    last = Readings(last.times_ns + (7 + days) * DAY_MINUTES * STEP_NS, last.keys, last.values, last.heard)
    began = time.process_time()
    for place in range(60):
        streams.feed(last.minutes(place, place + 1))
    minute_s = (time.process_time() - began) / 60
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "kept.npz"
        began = time.process_time()
        save_streams(streams, path)
        saved_s, size = time.process_time() - began, path.stat().st_size
    return {
        "series": count,
        "learn_week_cpu_s": round(learned_s, 2),
        "judge_minute_cpu_s": round(minute_s, 4),
        "save_cpu_s": round(saved_s, 2),
        "file_mb": round(size / 1e6, 1),
        "memory_mb": round(psutil.Process().memory_info().rss / 1e6),
        "false_alarms_per_series_and_week": round(alarms / count / days * 7, 3),
        "alarms_per_week": AnomalyOptions().alarms_per_week,
    }


def read_cost(services: int, spans_per_minute: int) -> dict[str, Any]:
    """Reading minutes one by one, and an hour's sixth at once, from the rollups of an embedded store."""
    with tempfile.TemporaryDirectory() as folder:
        store = EmbeddedStore(Path(folder))
        try:
            store.add(Batch({"spans": _spans(services, spans_per_minute)}))
            store.flush()
            read(store, Window(START_NS, START_NS + MINUTE_NS))
            began = time.process_time()
            for minute in range(READ_MINUTES):
                found = read(store, Window(START_NS + minute * MINUTE_NS, START_NS + (minute + 1) * MINUTE_NS))
            one_s = (time.process_time() - began) / READ_MINUTES
            began = time.process_time()
            read(store, Window(START_NS, START_NS + READ_MINUTES * MINUTE_NS))
            many_s = (time.process_time() - began) / READ_MINUTES
        finally:
            store.close()
    said = {"read_minute_cpu_s": round(one_s, 3), "read_minute_of_ten_cpu_s": round(many_s, 3)}
    return {"series_read": len(found.keys), "spans_per_minute": services * spans_per_minute, **said}


def _spans(services: int, per_minute: int) -> pa.Table:
    rng = np.random.default_rng(2)
    count = services * per_minute * READ_MINUTES
    ids = np.arange(1, count + 1)
    mine: dict[str, Any] = {
        "trace_id": [int(one).to_bytes(16, "big") for one in ids],
        "span_id": [int(one).to_bytes(8, "big") for one in ids],
        "service": [f"service-{i % services:05}" for i in ids],
        "start_ns": START_NS + rng.integers(0, READ_MINUTES * MINUTE_NS, count),
        "duration_ns": (rng.lognormal(3.0, 0.5, count) * 1e6).astype(np.int64),
    }
    said = {"operation": "work", "kind": "SERVER", "status": "UNSET"}
    columns = []
    for one in records.SPANS:
        if one.name in mine:
            columns.append(pa.array(mine[one.name], type=one.type))
        elif one.name in said:
            columns.append(pa.array([said[one.name]] * count, type=one.type))
        else:
            columns.append(pa.nulls(count, one.type))
    return pa.table(columns, schema=records.SPANS)


def main() -> None:
    """Print one JSON document, or lines."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--services", type=int, default=1000)
    parser.add_argument("--days", type=int, default=7, help="watched after the week that is learned")
    parser.add_argument("--spans-per-minute", type=int, default=20, help="of each service, for reading")
    parser.add_argument("--json", action="store_true")
    chosen = parser.parse_args()
    warm = Streams(AnomalyOptions())
    for piece in pieces(2, 3 * DAY_MINUTES):  # compiles
        warm.feed(piece)
    found: dict[str, Any] = {"services": chosen.services}
    found |= watched(chosen.services, chosen.days) | read_cost(chosen.services, chosen.spans_per_minute)
    found["cpu_share_of_a_core"] = round((found["judge_minute_cpu_s"] + found["read_minute_cpu_s"]) / 60, 4)
    found["machine"] = machine.describe()
    if chosen.json:
        print(json.dumps(found, indent=2))
    else:
        for name, value in found.items():
            print(f"{name}: {value}")


if __name__ == "__main__":
    main()
