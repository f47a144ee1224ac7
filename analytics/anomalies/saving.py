"""A detector in a file, so that a restart forgets nothing."""

from __future__ import annotations

import os
import zipfile
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from analytics.anomalies.detector import Detector, DetectorSettings
from causeway.errors import ConfigError

_FORMAT = 2


def save(detector: Detector, path: Path, *, more: Mapping[str, np.ndarray] | None = None) -> None:
    """Written beside and moved in place: the file is the old one or the new one, whole. more: kept with it, by name."""
    settings = detector.settings
    own = [_FORMAT, detector.step_ns, detector.block, settings.level, settings.points_per_alarm]
    beside = path.with_name(path.name + ".new")
    with beside.open("wb") as file:
        columns = {"own": np.array([*own, settings.alarms_per_week or np.nan], np.float64)}
        columns |= {f"state_{name}": column for name, column in detector.state().items()}
        columns |= {f"more_{name}": column for name, column in (more or {}).items()}
        np.savez(file, allow_pickle=False, **columns)
        file.flush()
        os.fsync(file.fileno())
    beside.replace(path)


def load(path: Path) -> Detector:
    """The detector as it was saved. FileNotFoundError without a file; ConfigError for one that is no detector's."""
    return load_with_more(path)[0]


def load_with_more(path: Path) -> tuple[Detector, dict[str, np.ndarray]]:
    """As `load`, and what was kept with it."""
    try:
        with path.open("rb") as file, np.load(file, allow_pickle=False) as stored:
            columns = {name: stored[name] for name in stored.files}
        version, step_ns, block, level, points, per_week = columns.pop("own").tolist()
        if version != _FORMAT:
            raise ConfigError(f"{path}: format {version:g}, not {_FORMAT}; delete it to learn anew")
        settings = DetectorSettings(level, points, None if np.isnan(per_week) else per_week)
        count = len(columns["state_level"])
        detector = Detector(count, step_ns=int(step_ns), settings=settings, block_points=int(block))
        detector.restore(_named("state_", columns))
    except (ValueError, KeyError, EOFError, zipfile.BadZipFile) as error:
        raise ConfigError(f"{path} holds no saved detector ({error}); delete it to learn anew") from error
    return detector, _named("more_", columns)


def _named(prefix: str, columns: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    return {name.removeprefix(prefix): column for name, column in columns.items() if name.startswith(prefix)}
