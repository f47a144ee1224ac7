"""How complete a call graph can be: what the spans behind it lack."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from analytics.frames import records_of
from causeway.findings import Message, MessageValue

# What is counted for each service; see Coverage.
COUNTS = (
    *("spans", "roots", "linked", "orphans", "skewed", "roots_shared"),
    *("clients_unanswered", "servers_uncalled", "links", "links_lost", "sampled"),
)


@dataclass(frozen=True, slots=True)
class Coverage:
    """How complete the graph can be. `linked_ratio`: linked spans among those that have a parent; None
    without any.

    orphans: spans whose parent never came. skewed: spans that begin before their parent (clocks differ).
    silent: services that sent spans in the baseline and none in the window. services: the counts of each service.
    roots_shared: roots whose trace has another root. clients_unanswered: client spans without a span on the other
    side (databases and the like are among them). servers_uncalled: server and consumer spans that name a caller that
    never came. links, links_lost: span links to other traces, and those whose target never came. sampled: spans that
    stand for more than themselves; estimated_spans: how many there were before sampling. lag_ms_mean: how long messages
    waited, from the end of the producer to the start of the consumer; None where no such pair was seen.
    """

    spans: int
    roots: int
    linked: int
    orphans: int
    skewed: int
    linked_ratio: float | None
    silent: tuple[str, ...]
    services: pd.DataFrame
    roots_shared: int = 0
    clients_unanswered: int = 0
    servers_uncalled: int = 0
    links: int = 0
    links_lost: int = 0
    sampled: int = 0
    estimated_spans: float = 0.0
    lag_ms_mean: float | None = None


def coverage_of(services: pd.DataFrame, edges: pd.DataFrame) -> Coverage:
    """The coverage of a World, from its counts by service and its edges."""
    counted = _counted(services)
    sums = {name: int(counted[name].sum()) for name in COUNTS}
    children = sums["spans"] - sums["roots"]
    silent = counted[(counted["spans"] <= 0) & (counted["spans_baseline"] > 0)]["service"]
    return Coverage(
        **sums,
        linked_ratio=sums["linked"] / children if children > 0 else None,
        silent=tuple(sorted(silent)),
        services=counted.sort_values("service").reset_index(drop=True),
        estimated_spans=float(counted["estimated_spans"].sum()),
        lag_ms_mean=_lag_ms(edges),
    )


def _counted(services: pd.DataFrame) -> pd.DataFrame:
    """service, COUNTS, estimated_spans, spans_baseline; what older rollups did not count is 0."""

    def column(name: str) -> pd.Series:
        return services[name] if name in services else pd.Series(0, index=services.index, dtype=np.int64)

    derived = {
        "clients_unanswered": column("clients") - column("clients_answered"),
        "servers_uncalled": column("servers") - column("servers_called") - column("server_roots"),
        "links_lost": column("links") - column("links_found"),
    }
    counts = {name: derived[name] if name in derived else column(name) for name in COUNTS}
    estimated = column("estimated_milli") / 1000
    frame = pd.DataFrame({"service": services["service"], **counts})
    frame["estimated_spans"] = estimated.where(estimated > 0, frame["spans"]).astype(float)
    return frame.assign(spans_baseline=services["spans_baseline"])


def _lag_ms(edges: pd.DataFrame) -> float | None:
    if "lag_calls" not in edges or edges["lag_calls"].sum() <= 0:
        return None
    known = edges[edges["lag_calls"] > 0]
    return float((known["lag_ms_mean"] * known["lag_calls"]).sum() / known["lag_calls"].sum())


def coverage_json(coverage: Coverage) -> dict[str, Any]:
    """The object `coverage` of docs/json.md."""
    return {
        **{name: getattr(coverage, name) for name in COUNTS},
        "estimated_spans": coverage.estimated_spans,
        "linked_ratio": coverage.linked_ratio,
        "lag_ms_mean": coverage.lag_ms_mean,
        "silent": list(coverage.silent),
        "services": records_of(coverage.services),
    }


def coverage_notes(coverage: Coverage) -> tuple[Message, ...]:
    """A sentence for each thing that the graph lacks or estimates; none where all is there."""
    spans = max(coverage.spans, 1)
    counts: dict[str, MessageValue] = {name: f"{getattr(coverage, name):,}" for name in COUNTS}
    counts |= {
        "weight": coverage.estimated_spans / spans,
        "kept": coverage.spans / max(coverage.estimated_spans, 1.0),
        "lag": coverage.lag_ms_mean,
    }
    shown = ["sampled"] if coverage.sampled else []
    shown += [name for name in ("roots_shared", "clients_unanswered", "servers_uncalled") if getattr(coverage, name)]
    shown += ["links"] if coverage.links else []
    shown += ["lag"] if coverage.lag_ms_mean is not None else []
    return tuple(Message(f"callgraph.coverage_{name}", counts) for name in shown)


def coverage_message(coverage: Coverage) -> Message:
    """One sentence for people: how far the graph is to be trusted."""
    spans = f"{coverage.spans:,}"
    if coverage.linked_ratio is None:
        return Message("graph.coverage_unlinked", {"spans": spans})
    return Message(
        "graph.coverage",
        {
            "spans": spans,
            "linked": coverage.linked_ratio,
            "orphans": f"{coverage.orphans:,}",
            "skewed": f"{coverage.skewed:,}",
        },
    )


def coverage_parts(coverage: Coverage) -> tuple[Message, ...]:
    """The same in one line, part by part, for a page that joins them with commas: only what is worth a word."""
    values: dict[str, MessageValue] = {name: f"{getattr(coverage, name):,}" for name in COUNTS}
    values |= {
        "linked": coverage.linked_ratio,
        "kept": coverage.spans / max(coverage.estimated_spans, 1.0),
        "lag": coverage.lag_ms_mean,
    }
    parts = ["linked"] if coverage.linked_ratio is not None else []
    parts += [name for name in ("orphans", "skewed", "sampled", "links_lost") if getattr(coverage, name)]
    parts += ["lag"] if coverage.lag_ms_mean is not None else []
    first = Message("callgraph.coverage_short", values)
    return (first, *(Message(f"callgraph.coverage_short_{name}", values) for name in parts))
