"""How many lines a service logs: all, those of errors, and those of each template that the store knows."""

from __future__ import annotations

import numpy as np
import pyarrow.compute as pc

from analytics.anomalies.series import STEP_NS, Kind, Part, SeriesKey
from analytics.world_rollups import text_codes
from causeway.stores.contract import Reader
from causeway.window import Window

LINES, ERRORS, TEMPLATE = "log.lines", "log.errors", "log.template"
_SEVERE = ("ERROR", "FATAL")


def read_log_rates(reader: Reader, times_ns: np.ndarray) -> Part:
    """`log.errors` is 0 where a service logs without errors; the others are NaN where no line came."""
    window = Window(int(times_ns[0]), int(times_ns[-1]) + STEP_NS)
    table = reader.log_counts(window, step_ns=STEP_NS)
    slot = (table.column("slot_ns").to_numpy() - window.start_ns) // STEP_NS
    lines = table.column("lines").to_numpy().astype(np.float64)
    names, service = text_codes(table.column("service"))
    severities, severity = text_codes(table.column("severity"))
    severe = np.isin(severities, _SEVERE)[severity] if len(severity) else np.zeros(0, dtype=bool)
    shape = (len(names), len(times_ns))
    total = _sums(service, slot, lines, shape)
    errors = np.where(total > 0, _sums(service[severe], slot[severe], lines[severe], shape), np.nan)
    keys = [SeriesKey(Kind.LOGS, str(name), LINES, "/min", is_count=True) for name in names]
    keys += [SeriesKey(Kind.LOGS, str(name), ERRORS, "/min", is_count=True) for name in names]
    template = pc.fill_null(table.column("template_id"), 0).to_numpy()
    told = template != 0
    pairs, row = np.unique(np.stack([service[told], template[told]]), axis=1, return_inverse=True)
    of_templates = _sums(row.ravel(), slot[told], lines[told], (pairs.shape[1], len(times_ns)))
    keys += [
        SeriesKey(Kind.TEMPLATES, str(names[place]), f"{TEMPLATE} {number}", "/min", is_count=True)
        for place, number in pairs.T.tolist()
    ]
    values = np.concatenate([np.where(total > 0, total, np.nan), errors, _known(of_templates)])
    heard = total.sum(axis=0) > 0
    return Part(keys, values, {Kind.LOGS: heard, Kind.TEMPLATES: heard})


def _sums(row: np.ndarray, slot: np.ndarray, weights: np.ndarray, shape: tuple[int, int]) -> np.ndarray:
    """(n, t), never below 0: corrections add up to zero or more."""
    found = np.bincount(row * shape[1] + slot, weights=weights, minlength=shape[0] * shape[1])
    return np.maximum(found, 0.0).reshape(shape)


def _known(counts: np.ndarray) -> np.ndarray:
    return np.where(counts > 0, counts, np.nan)
