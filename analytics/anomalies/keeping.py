"""All series and what is known of them in one file, so that a restart forgets nothing."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np

from analytics.anomalies.options import AnomalyOptions
from analytics.anomalies.saving import load_with_more, save
from analytics.anomalies.series import STEP_NS, Kind, SeriesKey
from analytics.anomalies.streams import Streams
from causeway.errors import ConfigError

FILE_NAME = "anomalies.npz"
_COLUMNS = ("recent", "first_ns", "last_ns", "judged", "alarmed")


def save_streams(streams: Streams, path: Path) -> None:
    """All or nothing: the file is the old one or the new one."""
    rows = [[key.kind, key.entity, key.name, key.unit, key.is_count, row] for key, row in streams.places.rows.items()]
    names = np.frombuffer(json.dumps(rows, ensure_ascii=False).encode(), np.uint8)
    gate = {f"gate_{name}": column for name, column in streams.gate.state().items()}
    own = {name: getattr(streams, name) for name in _COLUMNS}
    until = np.array([streams.until_ns, streams.judges_from_ns, streams.left_out], np.int64)
    save(streams.detector, path, more={"names": names, "until": until, **own, **gate})


def load_streams(path: Path, options: AnomalyOptions) -> Streams:
    """As they were saved, judged by these options from now on.

    FileNotFoundError without a file; ConfigError for one that holds something else.
    """
    detector, more = load_with_more(path)
    streams = Streams(options)
    try:
        rows = json.loads(more["names"].tobytes())
        streams.grow(len(more["first_ns"]))
        streams.detector.restore(detector.state())
        streams.gate.restore({name: more[f"gate_{name}"] for name in streams.gate.state()})
        for kind, entity, name, unit, is_count, row in rows:
            streams.places.give(SeriesKey(Kind(kind), entity, name, unit, is_count), row)
        for name in _COLUMNS:
            getattr(streams, name)[...] = more[name]
        streams.until_ns, streams.judges_from_ns, streams.left_out = more["until"].tolist()
    except (KeyError, ValueError, IndexError) as error:
        raise ConfigError(f"{path} holds no saved series ({error}); delete it to learn anew") from error
    if detector.step_ns != STEP_NS:
        raise ConfigError(f"{path}: steps of {detector.step_ns} ns, not {STEP_NS}; delete it to learn anew")
    return streams
