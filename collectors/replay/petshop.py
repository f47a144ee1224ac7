"""The layout of PetShop (Hardt et al., CLeaR 2024): metrics of components, and who calls whom.

One issue is a folder with `metrics.csv` (three header rows: microservice, metric, statistic); `graph.csv` (an
adjacency matrix, callers in rows) and `noissue/metrics.csv` (two usual days) stand two folders above it. The usual
days were recorded months away from the issues: they are moved by whole days to just before the issue. Values that
are missing in the file are missing here.
"""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any

import pyarrow as pa

from causeway.errors import ConfigError
from causeway.window import DAY_NS, SECOND_NS
from collectors.replay import plain

DEPENDENCY = "causeway.dependency"  # a gauge of 1: `client` depends on `server`
# As recorded: our name, its unit, the factor into that unit. Latency in seconds, availability in percent.
_METRICS = {
    "latency": ("server.latency", "s", 1.0),
    "requests": ("server.requests", "{request}", 1.0),
    "availability": ("server.success_ratio", "1", 0.01),
}
_HEADERS = ("microservice", "metric", "statistic")


def is_recording(folder: Path) -> bool:
    """Whether the folder is one issue of this layout."""
    return (folder / "metrics.csv").exists() and (folder.parent.parent / "graph.csv").exists()


def read(folder: Path) -> dict[str, pa.Table]:
    """The metrics of the issue and of the usual days before it. Raises ConfigError for other files."""
    issue = _rows(folder / "metrics.csv")
    usual = _rows(folder.parent.parent / "noissue" / "metrics.csv")
    if not issue or not usual:
        raise ConfigError(f"{folder} holds no values, or the usual days beside it do not")
    start_ns = min(row["time_ns"] for row in issue)
    late_ns = max(row["time_ns"] for row in usual) + 1
    by_ns = -(-(late_ns - start_ns) // DAY_NS) * DAY_NS
    for row in usual:
        row["time_ns"] -= by_ns
    edges = _edges(folder.parent.parent / "graph.csv")
    times = (min(row["time_ns"] for row in usual), start_ns)
    depends = [
        _row(time_ns, caller, (DEPENDENCY, "1", 1.0), {"client": caller, "server": callee})
        for time_ns in times
        for caller, callee in edges
    ]
    return {"metrics": plain.table("metrics", [*usual, *depends, *issue])}


def _rows(path: Path) -> list[dict[str, Any]]:
    lines = list(csv.reader(path.read_text(encoding="utf-8").splitlines()))
    head, body = lines[:3], lines[4:]
    if tuple(line[0] for line in head) != _HEADERS:
        raise ConfigError(f"{path} does not begin with {', '.join(_HEADERS)}")
    found = []
    for place, (service, metric, statistic) in enumerate(zip(*head, strict=True)):
        if place == 0 or metric not in _METRICS:
            continue
        name, unit, factor = _METRICS[metric]
        for line in body:
            if line[place]:
                value = float(line[place]) * factor
                found.append(
                    _row(int(float(line[0]) * SECOND_NS), service, (name, unit, value), {"statistic": statistic})
                )
    return found


def _row(time_ns: int, service: str, said: tuple[str, str, float], attributes: dict[str, str]) -> dict[str, Any]:
    name, unit, value = said
    return {
        "time_ns": time_ns,
        "service": service,
        "name": name,
        "unit": unit,
        "value": value,
        "attributes": attributes,
    }


def _edges(path: Path) -> list[tuple[str, str]]:
    head, *body = csv.reader(path.read_text(encoding="utf-8").splitlines())
    callees = head[1:]
    return [
        (line[0], callee)
        for line in body
        for callee, given in zip(callees, line[1:], strict=True)
        if given and float(given)
    ]
