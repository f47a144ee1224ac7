"""What the linker must count, worked out span by span from all spans at once: no batches, no corrections."""

from __future__ import annotations

from collections import defaultdict
from typing import Any

import pyarrow as pa

from causeway import records
from causeway.stores import rollups
from causeway.stores.linking.spans import MILLI_MAX
from causeway.window import MINUTE_NS

Row = dict[str, Any]
Sums = dict[str, dict[tuple[object, ...], tuple[int, ...]]]
MEASURES = {name: measures for name, measures in rollups.MEASURES.items() if name != "rollup_logs"}


class ByHand:
    """The sums of the rows of edges, calls, instance calls and coverage, by key, as `test_linker.add_up` gives them."""

    def __init__(self, spans: pa.Table) -> None:
        self.rows: list[Row] = spans.to_pylist()
        self.known = {(row["trace_id"], row["span_id"]): row for row in self.rows}
        self.sums: dict[str, dict[tuple[object, ...], dict[str, int]]] = {
            name: defaultdict(lambda: defaultdict(int))
            for name in ("rollup_edges", "rollup_calls", "rollup_instance_calls", "rollup_coverage")
        }
        self.answered = {self._id(self._parent(row)) for row in self.rows if self._answers(row)}
        self._roots()
        for row in self.rows:
            self._own(row)
            self._called(row)
            self._virtual(row)
            for link in row.get("links") or ():
                self._link(row, link)

    def result(self) -> Sums:
        found: Sums = {}
        for name, sums in self.sums.items():
            rows = {key: tuple(counts[measure] for measure in MEASURES[name]) for key, counts in sums.items()}
            found[name] = {key: counts for key, counts in rows.items() if any(counts)}
        return found

    # -- what the spans are --------------------------------------------------------------------------------------

    def _id(self, row: Row | None) -> tuple[bytes, bytes] | None:
        return None if row is None else (row["trace_id"], row["span_id"])

    def _parent(self, row: Row) -> Row | None:
        return self.known.get((row["trace_id"], row["parent_span_id"]))

    def _is_call(self, row: Row) -> bool:
        parent = self._parent(row)
        if parent is None or (row["kind"] == "CONSUMER" and self._names_queue(row)):
            return False
        return parent["service"] != row["service"] or (row["kind"], parent["kind"]) == ("SERVER", "CLIENT")

    def _answers(self, row: Row) -> bool:
        parent = self._parent(row)
        return self._is_call(row) and parent is not None and parent["kind"] == "CLIENT"

    def _names_queue(self, row: Row) -> bool:
        return row["peer_service"] is not None and row["peer_type"] == "queue"

    def _context(self, row: Row) -> str:
        """The operation of the request in which the span works."""
        at, passed = row, set()
        while self._id(at) not in passed:
            passed.add(self._id(at))
            parent = self._parent(at)
            if at["kind"] in {"SERVER", "CONSUMER"} or at["parent_span_id"] is None:
                return str(at["operation"])
            if parent is None:
                break
            if parent["service"] != at["service"]:
                return str(at["operation"])
            at = parent
        return str(row["operation"])

    # -- counting ------------------------------------------------------------------------------------------------

    def _coverage(self, row: Row, **counts: int) -> None:
        slot = row["start_ns"] // records.ROLLUP_STEP_NS * records.ROLLUP_STEP_NS
        for name, count in counts.items():
            self.sums["rollup_coverage"][slot, row["service"]][name] += count

    def _roots(self) -> None:
        together = defaultdict(list)
        for row in self.rows:
            if row["parent_span_id"] is None:
                together[row["trace_id"], row["start_ns"] // MINUTE_NS].append(row)
        for rows in together.values():
            for row in rows:
                self._coverage(row, roots_shared=int(len(rows) > 1))

    def _own(self, row: Row) -> None:
        parent, root = self._parent(row), row["parent_span_id"] is None
        server, client = row["kind"] in {"SERVER", "CONSUMER"}, row["kind"] == "CLIENT"
        self._coverage(
            row,
            spans=1,
            roots=root,
            linked=parent is not None,
            skewed=parent is not None and row["start_ns"] < parent["start_ns"],
            clients=client,
            clients_answered=client and self._id(row) in self.answered,
            servers=server,
            servers_called=server and parent is not None,
            server_roots=server and root,
            sampled=_milli(row) != 1000,
            estimated_milli=_milli(row),
        )

    def _called(self, row: Row) -> None:
        parent = self._parent(row)
        if parent is None:
            return
        lag = max(0, row["start_ns"] - parent["start_ns"] - parent["duration_ns"])
        if row["kind"] == "CONSUMER" and self._names_queue(row) and parent["kind"] == "PRODUCER":
            key = (row["peer_service"], "queue", row["service"], "service", "async", row["protocol"])
            self._edge(row, key, lag_calls=1, lag_ns_sum=lag)
        if not self._is_call(row):
            return
        kind = "async" if row["kind"] == "CONSUMER" or parent["kind"] == "PRODUCER" else "sync"
        asks = parent["kind"] == "CLIENT" or (parent["kind"] == "UNSPECIFIED" and kind == "sync")
        sent = parent["kind"] == "PRODUCER"
        protocol = parent["protocol"] if parent["protocol"] is not None else row["protocol"]
        self._edge(
            row,
            (parent["service"], "service", row["service"], "service", kind, protocol),
            gap_calls=asks,
            gap_ns_sum=asks * (parent["duration_ns"] - row["duration_ns"]),
            lag_calls=sent,
            lag_ns_sum=sent * lag,
            **_counts(row),
        )
        self._pair(row, (parent["service"], self._context(parent), row["service"], row["operation"], kind))
        self._instances(row, _instance(parent), _instance(row), kind)

    def _virtual(self, row: Row) -> None:
        peer = row["peer_service"]
        out = row["kind"] in {"CLIENT", "PRODUCER"} and self._id(row) not in self.answered
        into = row["kind"] == "CONSUMER" and self._names_queue(row)
        if peer is None or not (out or into):
            return
        kind = "sync" if row["kind"] == "CLIENT" else "async"
        own, other = (row["service"], "service"), (peer, row["peer_type"] or "external")
        ends = (*own, *other) if out else (*other, *own)
        self._edge(row, (*ends, kind, row["protocol"]), **_counts(row))
        asked = "" if other[1] == "queue" else row["operation"]
        nobody = (peer, "", None)
        if out:
            self._pair(row, (row["service"], self._context(row), peer, asked, kind))
            self._instances(row, _instance(row), nobody, kind)
        else:
            self._pair(row, (peer, asked, row["service"], row["operation"], kind))
            self._instances(row, nobody, _instance(row), kind)

    def _link(self, row: Row, link: Row) -> None:
        if link["trace_id"] == row["trace_id"]:
            return
        linked = self.known.get((link["trace_id"], link["span_id"]))
        self._coverage(row, links=1, links_found=linked is not None)
        if linked is None:
            return
        message = row["kind"] == "CONSUMER" and linked["kind"] == "PRODUCER"
        lag = max(0, row["start_ns"] - linked["start_ns"] - linked["duration_ns"])
        protocol = row["protocol"] if row["protocol"] is not None else linked["protocol"]
        key = (linked["service"], "service", row["service"], "service", "link", protocol)
        self._edge(row, key, lag_calls=message, lag_ns_sum=message * lag, **_counts(row))
        self._pair(row, (linked["service"], self._context(linked), row["service"], row["operation"], "link"))
        self._instances(row, _instance(linked), _instance(row), "link")

    def _edge(self, row: Row, ends: tuple[object, ...], **counts: int) -> None:
        """By bucket summed away: see `without_buckets`."""
        slot = row["start_ns"] // records.ROLLUP_STEP_NS * records.ROLLUP_STEP_NS
        for name, count in counts.items():
            self.sums["rollup_edges"][slot, *ends][name] += count

    def _pair(self, row: Row, ends: tuple[object, ...]) -> None:
        minute = row["start_ns"] // MINUTE_NS * MINUTE_NS
        for name, count in _counts(row).items():
            self.sums["rollup_calls"][minute, *ends][name] += count

    def _instances(self, row: Row, caller: tuple[object, ...], callee: tuple[object, ...], kind: str) -> None:
        minute = row["start_ns"] // MINUTE_NS * MINUTE_NS
        for name, count in _counts(row).items():
            self.sums["rollup_instance_calls"][minute, *caller, *callee, kind][name] += count


def add_up(parts: list[dict[str, pa.Table]]) -> Sums:
    """The sums per key of every rollup table; keys that come to nothing are left out."""
    out: Sums = {name: {} for name in MEASURES}
    for part in parts:
        for name, table in part.items():
            keys = [column for column in table.column_names if column not in MEASURES[name]]
            for row in table.to_pylist():
                key = tuple(row[column] for column in keys)
                old = out[name].get(key, (0,) * len(MEASURES[name]))
                new = zip(old, MEASURES[name], strict=True)
                out[name][key] = tuple(value + row[measure] for value, measure in new)
    return {name: {key: sums for key, sums in rows.items() if any(sums)} for name, rows in out.items()}


def without_buckets(edges: dict[tuple[object, ...], tuple[int, ...]]) -> dict[tuple[object, ...], tuple[int, ...]]:
    """Sums of edges by all keys but the latency bucket, the last of them."""
    found: dict[tuple[object, ...], tuple[int, ...]] = {}
    for key, sums in edges.items():
        old = found.get(key[:-1], (0,) * len(sums))
        found[key[:-1]] = tuple(one + other for one, other in zip(old, sums, strict=True))
    return {key: sums for key, sums in found.items() if any(sums)}


def _counts(row: Row) -> dict[str, int]:
    return {
        "calls": 1,
        "errors": int(row["status"] == "ERROR"),
        "duration_ns_sum": row["duration_ns"],
        "estimated_milli": _milli(row),
    }


def _milli(row: Row) -> int:
    return min(row.get("adjusted_count_milli") or 1000, MILLI_MAX)


def _instance(row: Row) -> tuple[object, ...]:
    return (row["service"], row["instance"], row["version"])
