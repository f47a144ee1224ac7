"""Who called whom, span by span: each batch of new spans becomes additive rollup rows.

The linker remembers recent spans by identity. A span whose parent is known contributes an edge at once; one whose
parent is not waits until it comes, as a span link waits for the linked span. What later spans disprove (a client
span's virtual callee that turns out to be instrumented, an internal span that turns out to be a request from outside,
the request in which a client span was thought to work) is corrected by negative rows, so that the sum of all rows
depends only on the set of spans seen, not on their order or grouping.
"""

from __future__ import annotations

import numpy as np
import pyarrow as pa

from causeway import records
from causeway.latency import bucket_of
from causeway.stores.linking.contexts import Calls, Contexts
from causeway.stores.linking.memory import Memory
from causeway.stores.linking.roots import Roots
from causeway.stores.linking.rows import Tallies
from causeway.stores.linking.spans import (
    ANSWERED,
    ASYNC,
    CLIENT,
    CONSUMER,
    COUNTED,
    ERROR,
    INBOUND,
    LINK,
    PRODUCER,
    ROOT,
    SERVER,
    SYNC,
    TYPES,
    UNSPECIFIED,
    VIRTUAL,
    Batch,
    Names,
    Spans,
    flag_first,
    join,
    no_spans,
)

SPANS_REMEMBERED_MAX = 1_000_000  # about 85 bytes each, with the index
WAITING_MAX = 200_000  # children whose parent may still come, and as many links whose linked span may

_NO_GAP = np.iinfo(np.int64).min


class Linker:
    """Turns new spans into rollup rows. For one thread.

    answers: a list, if set, takes (n,) uint64 identities of client spans that spans counted here answer.
    """

    def __init__(self, *, remember_max: int = SPANS_REMEMBERED_MAX, waiting_max: int = WAITING_MAX) -> None:
        self._names = Names()
        self._memory = Memory(remember_max)
        self._contexts = Contexts(self._memory, waiting_max=waiting_max)
        self._roots = Roots()
        self._waiting_max = waiting_max
        self._waiting, self._links = no_spans(), no_spans()
        self._told: list[np.ndarray] = []
        self._lost: list[tuple[np.ndarray, np.ndarray]] = []  # supplied spans without parents
        self.answers: list[np.ndarray] | None = None
        self._tallies = Tallies()

    @property
    def remembered(self) -> int:
        """Spans that children to come may still be linked to."""
        return self._memory.count

    @property
    def waiting(self) -> int:
        """Spans whose parent has not come yet."""
        return len(self._waiting)

    def add(self, table: pa.Table) -> None:
        """Take in spans that were never taken in before (columns of records.SPANS)."""
        if table.num_rows:
            batch = self._names.read(table)
            places = self._remember(batch.spans)
            self._count_spans(batch)
            self._link_parents(batch.spans, places)
            self._count_virtual(batch.spans, places)
            self._link_links(batch.links)

    def absorb(self, table: pa.Table) -> None:
        """Remember spans that were counted before (read back from the tables): they make no rows by themselves."""
        batch = self._unknown(table)
        if batch is not None:
            places = self._remember(batch.spans)
            service = self._names.service_of(batch.spans.operation)
            self._count_shared_roots(*self._roots.shared(batch.spans, batch.trace, service))
            self._link_parents(batch.spans, places)
            kept, self._tallies = self._tallies, Tallies()
            self._count_virtual(batch.spans, places)
            self._tallies = kept
            self._link_links(batch.links)

    def supply(self, table: pa.Table, tells: np.ndarray) -> np.ndarray:
        """Remember spans that are counted elsewhere; those that waited for them make their rows here.

        tells: (n,) bool, the spans whose own minute tells that the client spans which they answer were answered.
        Returns (n,) uint64 identities: client spans that spans counted here are the first to answer.
        """
        batch = self._unknown(table, tells)
        if batch is None:
            return np.empty(0, np.uint64)
        self._link_silently(batch.spans, self._remember(batch.spans))
        self._told = []
        self._link_parents(no_spans(), np.empty(0, np.int64))
        self._link_links(no_spans())
        return np.concatenate(self._told) if self._told else np.empty(0, np.uint64)

    def awaited(self) -> np.ndarray:
        """(n,) uint64 identities of the spans that spans, links and contexts wait for; some more than once."""
        heads = self._memory.spans.identity[self._contexts.heads()]
        return np.concatenate((self._waiting.parent, self._links.parent, self._orphans_of(heads)))

    def take(self) -> dict[str, pa.Table]:
        """The rollup rows since the last call, by table name; tables without rows are left out."""
        return self._tallies.take(self._names)

    # -- taking in -----------------------------------------------------------------------------------------------

    def _unknown(self, table: pa.Table, tells: np.ndarray | None = None) -> Batch | None:
        """The spans that are not remembered, as counted; those that tell nothing as answering nobody."""
        batch = self._names.read(table)
        spans, links = batch.spans, batch.links
        for part in (spans, links):
            part.flags |= np.uint8(COUNTED)
        if tells is not None:
            spans.flags |= tells.astype(np.uint8) * np.uint8(_TELLS)
        rows = np.flatnonzero(self._memory.find(spans.identity) < 0)
        if not len(rows):
            return None
        if len(rows) == len(spans):
            return batch
        fresh = spans.where(rows)
        links = links.where(np.flatnonzero(np.isin(links.identity, fresh.identity)))
        return Batch(fresh, batch.trace[rows], links)

    def _remember(self, spans: Spans) -> np.ndarray:
        """(n,) places of the spans."""
        first, dropped = self._memory.remember(spans)
        self._contexts.moved(dropped)
        return np.arange(first, first + len(spans))

    # -- counting ------------------------------------------------------------------------------------------------

    def _count_spans(self, batch: Batch) -> None:
        spans = batch.spans
        slot, bucket = _slot(spans.start), bucket_of(spans.duration)
        error = (spans.flags & ERROR).astype(np.int64)
        self._count_operation(spans, slot, bucket, error, sign=1, inbound=spans.having(INBOUND))
        inbound = spans.having(INBOUND).astype(np.int64)
        keys = {"slot": slot, "instance": spans.instance}
        instances = self._tallies.instances
        instances.add({**keys, "bucket": np.where(inbound == 1, bucket, 0)}, calls=inbound, errors=error * inbound)
        instances.add({**keys, "bucket": np.zeros_like(bucket)}, duration=spans.duration * inbound, spans=1)
        self._count_coverage(batch, slot)

    def _count_coverage(self, batch: Batch, slot: np.ndarray) -> None:
        spans = batch.spans
        service, kind = self._names.service_of(spans.operation), self._names.kind_of(spans.operation)
        servers, roots = (kind == SERVER) | (kind == CONSUMER), spans.having(ROOT)
        self._tallies.coverage.add(
            {"slot": slot, "service": service},
            spans=1,
            roots=roots,
            clients=kind == CLIENT,
            servers=servers,
            server_roots=servers & roots,
            sampled=spans.weight != 1000,
            estimated_milli=spans.weight,
        )
        self._count_shared_roots(*self._roots.shared(spans, batch.trace, service))

    def _count_shared_roots(self, start: np.ndarray, service: np.ndarray) -> None:
        self._tallies.coverage.add({"slot": _slot(start), "service": service}, roots_shared=1)

    def _count_operation(
        self,
        spans: Spans,
        slot: np.ndarray,
        bucket: np.ndarray,
        error: np.ndarray,
        *,
        sign: int,
        inbound: np.ndarray,
    ) -> None:
        keys = {
            "slot": slot,
            "operation": spans.operation,
            "inbound": inbound.astype(np.int64),
            "entry": spans.having(ROOT).astype(np.int64),
        }
        self._tallies.operations.add({**keys, "bucket": bucket}, calls=sign, errors=sign * error)
        times = sign * spans.duration
        self._tallies.operations.add({**keys, "bucket": np.zeros_like(bucket)}, duration=times, self_time=times)

    def _count_edges(
        self,
        spans: Spans,
        edge: np.ndarray,
        *,
        sign: int = 1,
        gap: np.ndarray | None = None,
        lag: np.ndarray | None = None,
    ) -> None:
        """gap, lag: (n,) ns, _NO_GAP where there is none."""
        keys = {"slot": _slot(spans.start), "edge": edge}
        self._tallies.edges.add(
            {**keys, "bucket": bucket_of(spans.duration)},
            calls=sign,
            errors=sign * (spans.flags & ERROR).astype(np.int64),
            estimated=sign * spans.weight.astype(np.int64),
        )
        times: dict[str, np.ndarray] = {}
        for name, values in (("gap", gap), ("lag", lag)):
            if values is not None:
                known = values != _NO_GAP
                times |= {name: np.where(known, values, 0), f"{name}_calls": known}
        bottom = np.zeros(len(spans), np.int64)
        self._tallies.edges.add({**keys, "bucket": bottom}, duration=sign * spans.duration, **times)

    def _count_calls(self, calls: Calls) -> None:
        """Calls under the requests in which their callers work."""
        self._add_calls(calls, self._contexts.assign(calls, self._names.operations.column(0)))

    def _add_calls(self, calls: Calls, caller: np.ndarray) -> None:
        self._tallies.calls.add(
            {"slot": calls.slot, "pair": self._names.calls.ids(caller.astype(np.int64), calls.callee, calls.kind)},
            calls=calls.calls,
            errors=calls.errors,
            estimated=calls.weight,
            duration=calls.duration,
        )

    def _count_instance_calls(
        self, spans: Spans, caller: np.ndarray, callee: np.ndarray, kind: np.ndarray, *, sign: int = 1
    ) -> None:
        pair = self._names.instance_calls.ids(caller.astype(np.int64), callee.astype(np.int64), kind)
        self._tallies.instance_calls.add(
            {"slot": _minute(spans.start), "pair": pair},
            calls=sign,
            errors=sign * (spans.flags & ERROR).astype(np.int64),
            duration=sign * spans.duration,
        )

    # -- peers that may send no spans ------------------------------------------------------------------------------

    def _count_virtual(self, spans: Spans, places: np.ndarray, *, sign: int = 1, fresh: bool = False) -> None:
        """Calls of (or, for consumers, by) the peers that spans name. places: (n,) of the spans.

        fresh: the rows are new ones, though the spans may have been counted before.
        """
        rows = np.flatnonzero(spans.having(VIRTUAL))
        if not len(rows):
            return
        spans, places, names = spans.where(rows), places[rows], self._names
        self._count_edges(spans, spans.edge, sign=sign)
        members = names.edges.members(spans.edge)
        inward = names.kind_of(spans.operation) == CONSUMER
        peer, kind = np.where(inward, members[:, 0], members[:, 2]), members[:, 4]
        is_queue = np.where(inward, members[:, 1], members[:, 3]) == TYPES["queue"]
        own_name = names.operations.column(1)[spans.operation]
        asked = names.operations.ids(
            peer, np.where(is_queue, names.unnamed, own_name), np.full(len(spans), UNSPECIFIED, np.int64)
        )
        nobody = names.nobody(peer)
        caller, callee = np.where(inward, nobody, spans.instance), np.where(inward, spans.instance, nobody)
        self._count_instance_calls(spans, caller, callee, kind, sign=sign)
        out, into = np.flatnonzero(~inward), np.flatnonzero(inward)
        if len(out):
            self._count_calls(_calls(spans.where(out), places[out], asked[out], kind[out], sign=sign, fresh=fresh))
        if len(into):
            received = spans.where(into)
            calls = _calls(received, places[into], received.operation.astype(np.int64), kind[into], sign=sign)
            self._add_calls(calls, asked[into])

    def _answer(self, places: np.ndarray) -> None:
        """Callees of these client spans sent spans of their own: the virtual nodes in their place go."""
        first = flag_first(self._memory.spans.flags, places, ANSWERED)
        if len(first):
            spans = self._memory.spans.where(first)
            service = self._names.service_of(spans.operation)
            self._tallies.coverage.add({"slot": _slot(spans.start), "service": service}, clients_answered=1)
            self._count_virtual(spans, first, sign=-1, fresh=True)
            self._told.append(spans.identity)

    # -- linking -------------------------------------------------------------------------------------------------

    def _link_parents(self, spans: Spans, places: np.ndarray) -> None:
        rows = np.flatnonzero(spans.parent != 0)
        children, places = spans.where(rows), places[rows]
        if len(self._waiting):
            children = join(self._waiting, children)
            places = np.concatenate((self._memory.find(self._waiting.identity), places))
        above = self._memory.find(children.parent)
        self._waiting = children.where(np.flatnonzero(above < 0)[-self._waiting_max :])
        found = np.flatnonzero(above >= 0)
        if not len(found):
            return
        self._set_above(places[found], above[found])
        for calls, caller in self._contexts.resolve(self._names.operations.column(0)):
            self._add_calls(calls, caller)
        self._link_found(children.where(found), above[found])

    def _link_silently(self, spans: Spans, places: np.ndarray) -> None:
        """Links of spans whose rows are made elsewhere."""
        rows = np.flatnonzero(spans.parent != 0)
        above = self._memory.find(spans.parent[rows])
        lost = rows[above < 0]
        self._lost.append((spans.identity[lost], spans.parent[lost]))
        rows, above = rows[above >= 0], above[above >= 0]
        self._set_above(places[rows], above)
        asking = np.flatnonzero(self._crossing(spans.where(rows), self._memory.spans.where(above))[1])
        tells = asking[(spans.flags[rows[asking]] & _TELLS) > 0]
        self._memory.spans.flags[above[tells]] |= np.uint8(ANSWERED)

    def _set_above(self, places: np.ndarray, above: np.ndarray) -> None:
        known = places >= 0
        self._memory.above[places[known]] = above[known]

    def _crossing(self, child: Spans, parent: Spans) -> tuple[np.ndarray, np.ndarray]:
        """(n,) bool each: which links are calls, and which of those answer a client span.

        A consumer that names its queue is called by the queue, not by the producer.
        """
        of_child = self._names.operations.members(child.operation)
        of_parent = self._names.operations.members(parent.operation)
        asks = of_parent[:, 2] == CLIENT
        crossing = (of_child[:, 0] != of_parent[:, 0]) | ((of_child[:, 2] == SERVER) & asks)
        direct = crossing & ~((of_child[:, 2] == CONSUMER) & (child.edge >= 0))
        return direct, direct & asks

    def _link_found(self, child: Spans, place: np.ndarray) -> None:
        parent = self._memory.spans.where(place)
        silent = (child.flags & parent.flags & COUNTED) > 0
        if silent.any():
            rows = np.flatnonzero(silent)
            self._link_counted(child.where(rows), parent.where(rows), place[rows])
            made = np.flatnonzero(~silent)
            child, parent, place = child.where(made), parent.where(made), place[made]
        kind, parent_kind = self._names.kind_of(child.operation), self._names.kind_of(parent.operation)
        service, caller = self._names.service_of(child.operation), self._names.service_of(parent.operation)
        self._tallies.coverage.add(
            {"slot": _slot(child.start), "service": service},
            linked=1,
            skewed=child.start < parent.start,
            servers_called=(kind == SERVER) | (kind == CONSUMER),
        )
        is_async = (kind == CONSUMER) | (parent_kind == PRODUCER)
        self._subtract_self_time(child, parent, np.flatnonzero(~is_async))
        self._reveal_inbound(child, np.flatnonzero((service != caller) & ~child.having(INBOUND)))
        direct, answers = (np.flatnonzero(chosen) for chosen in self._crossing(child, parent))
        if len(direct):
            self._count_direct(child.where(direct), parent.where(direct), place[direct], is_async[direct])
        if len(answers):
            self._answer(place[answers])
            if self.answers is not None:
                self.answers.append(parent.identity[answers])
        queued = np.flatnonzero((kind == CONSUMER) & (child.edge >= 0) & (parent_kind == PRODUCER))
        if len(queued):
            self._count_lag(child.where(queued), parent.where(queued))

    def _link_counted(self, child: Spans, parent: Spans, place: np.ndarray) -> None:
        """Links between spans that were counted before: no rows, but what may have to be corrected waits again."""
        direct, answers = self._crossing(child, parent)
        rows = np.flatnonzero(direct)
        if len(rows):
            calls = _calls(child.where(rows), place[rows], *self._ends(child.where(rows), parent.where(rows)))
            self._contexts.assign(calls, self._names.operations.column(0))
        first = flag_first(self._memory.spans.flags, place[answers], ANSWERED)
        kept, self._tallies = self._tallies, Tallies()
        self._count_virtual(self._memory.spans.where(first), first, sign=-1)
        self._tallies = kept

    def _ends(self, child: Spans, parent: Spans) -> tuple[np.ndarray, np.ndarray]:
        """(n,) the callees' operations and the kinds of these calls."""
        kinds = self._names.kind_of(child.operation), self._names.kind_of(parent.operation)
        is_async = (kinds[0] == CONSUMER) | (kinds[1] == PRODUCER)
        return child.operation.astype(np.int64), np.where(is_async, ASYNC, SYNC)

    def _count_direct(self, child: Spans, parent: Spans, place: np.ndarray, is_async: np.ndarray) -> None:
        names = self._names
        kind = np.where(is_async, ASYNC, SYNC)
        edge = self._edges_between(parent, child, kind, first=parent, second=child)
        parent_kind = names.kind_of(parent.operation)
        # A span of no telling kind with a child elsewhere is taken for the client of that call.
        asking = (parent_kind == CLIENT) | ((parent_kind == UNSPECIFIED) & ~is_async)
        gap = np.where(asking, parent.duration - child.duration, _NO_GAP)
        lag = np.where(parent_kind == PRODUCER, _lag(child, parent), _NO_GAP)
        self._count_edges(child, edge, gap=gap, lag=lag)
        self._count_instance_calls(child, parent.instance, child.instance, kind)
        self._count_calls(_calls(child, place, *self._ends(child, parent), fresh=True))

    def _edges_between(
        self, caller: Spans, callee: Spans, kind: np.ndarray, *, first: Spans, second: Spans
    ) -> np.ndarray:
        """(n,) ids of edges between services; the protocol is what `first` says, else what `second` says."""
        names = self._names
        own = np.full(len(caller), TYPES["service"], np.int64)
        protocol = np.where(first.protocol == names.no_protocol, second.protocol, first.protocol).astype(np.int64)
        ends = names.service_of(caller.operation), names.service_of(callee.operation)
        return names.edges.ids(ends[0], own, ends[1], own, kind.astype(np.int64), protocol)

    def _count_lag(self, child: Spans, parent: Spans) -> None:
        """How long messages lay in the queue from which their consumers took them."""
        keys = {"slot": _slot(child.start), "edge": child.edge, "bucket": np.zeros(len(child), np.int64)}
        self._tallies.edges.add(keys, lag_calls=1, lag=_lag(child, parent))

    def _subtract_self_time(self, child: Spans, parent: Spans, rows: np.ndarray) -> None:
        if len(rows):
            above = parent.where(rows)
            self._tallies.operations.add(
                {
                    "slot": _slot(above.start),
                    "operation": above.operation,
                    "inbound": above.having(INBOUND),
                    "entry": above.having(ROOT),
                    "bucket": np.zeros(len(rows), np.int64),
                },
                self_time=-np.minimum(child.duration[rows], above.duration),
            )

    def _reveal_inbound(self, child: Spans, rows: np.ndarray) -> None:
        """Spans of no telling kind that another service called are requests from outside after all."""
        if not len(rows):
            return
        spans = child.where(rows)
        slot, bucket = _slot(spans.start), bucket_of(spans.duration)
        error = (spans.flags & ERROR).astype(np.int64)
        self._count_operation(spans, slot, bucket, error, sign=-1, inbound=np.zeros(len(rows), np.int64))
        self._count_operation(spans, slot, bucket, error, sign=1, inbound=np.ones(len(rows), np.int64))
        keys = {"slot": slot, "instance": spans.instance}
        self._tallies.instances.add({**keys, "bucket": bucket}, calls=1, errors=error)
        self._tallies.instances.add({**keys, "bucket": np.zeros_like(bucket)}, duration=spans.duration)

    def _link_links(self, links: Spans) -> None:
        """Span links: the linked span may have come before, may come later, or never."""
        fresh = np.flatnonzero(~links.having(COUNTED))
        if len(fresh):
            self._count_links(links.where(fresh), links=1)
        if len(self._links):
            links = join(self._links, links)
        if not len(links):
            return
        place = self._memory.find(links.parent)
        self._links = links.where(np.flatnonzero(place < 0)[-self._waiting_max :])
        silent = links.having(COUNTED) & (place >= 0)
        silent[silent] = (self._memory.spans.flags[place[silent]] & COUNTED) > 0
        rows = np.flatnonzero(silent)
        if len(rows):
            kind = np.full(len(rows), LINK, np.int64)
            calls = _calls(links.where(rows), place[rows], links.operation[rows].astype(np.int64), kind)
            self._contexts.assign(calls, self._names.operations.column(0))
        found = np.flatnonzero((place >= 0) & ~silent)
        if not len(found):
            return
        links, place = links.where(found), place[found]
        linked, kind = self._memory.spans.where(place), np.full(len(found), LINK, np.int64)
        self._count_links(links, links_found=1)
        edge = self._edges_between(linked, links, kind, first=links, second=linked)
        is_message = self._names.kind_of(links.operation) == CONSUMER
        is_message &= self._names.kind_of(linked.operation) == PRODUCER
        self._count_edges(links, edge, lag=np.where(is_message, _lag(links, linked), _NO_GAP))
        self._count_instance_calls(links, linked.instance, links.instance, kind)
        self._count_calls(_calls(links, place, links.operation.astype(np.int64), kind, fresh=True))

    def _count_links(self, spans: Spans, **measures: int) -> None:
        service = self._names.service_of(spans.operation)
        self._tallies.coverage.add({"slot": _slot(spans.start), "service": service}, **measures)

    def _orphans_of(self, heads: np.ndarray) -> np.ndarray:
        """The parents of those of the spans that were supplied without them."""
        if not self._lost:
            return np.empty(0, np.uint64)
        identity, parent = (np.concatenate([part[place] for part in self._lost]) for place in (0, 1))
        return parent[np.isin(identity, heads)]


_TELLS = 64  # a flag of supplied spans, see `Linker.supply`


def _calls(
    spans: Spans, place: np.ndarray, callee: np.ndarray, kind: np.ndarray, *, sign: int = 1, fresh: bool = False
) -> Calls:
    """The calls that these spans stand for, under the callers' spans at those places. fresh: not counted before."""
    counted = np.zeros(len(spans), np.bool_) if fresh else spans.having(COUNTED)
    return Calls(
        place=place.astype(np.int64),
        slot=_minute(spans.start),
        callee=callee,
        kind=kind.astype(np.int64),
        calls=np.full(len(spans), sign, np.int64),
        errors=sign * (spans.flags & ERROR).astype(np.int64),
        weight=sign * spans.weight.astype(np.int64),
        duration=sign * spans.duration,
        counted=counted,
    )


def _lag(consumer: Spans, producer: Spans) -> np.ndarray:
    return np.maximum(consumer.start - producer.start - producer.duration, 0)


def _slot(start_ns: np.ndarray) -> np.ndarray:
    return start_ns // records.ROLLUP_STEP_NS * records.ROLLUP_STEP_NS


def _minute(start_ns: np.ndarray) -> np.ndarray:
    return start_ns // records.CALLS_STEP_NS * records.CALLS_STEP_NS
