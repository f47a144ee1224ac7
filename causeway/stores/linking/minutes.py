"""The rollup rows of one minute of spans, computed from what a store holds, such that all minutes add up exactly.

A linker that sees spans as they come makes rows which depend on what came before. Where any of many workers may compute
any minute at any time, each row must belong to one minute for good:

* what a span counts by itself, and its link to its parent, belong to the minute of the span, wherever its parent is;
* that a client span's callee answered with spans of its own is told by one of them: one in the client's own minute if
  there is any, else one in the earliest minute that has any.

So the rows of a minute depend on its spans and on the traces of those whose parent is in another minute, and the sum
over all minutes is what a linker makes of all spans. `Watch` holds what would change the rows of a minute if it came.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from causeway.stores.linking.hashing import IdentitySet, binary_hash, fold
from causeway.stores.linking.linker import Linker
from causeway.stores.linking.spans import flat_links, links_of
from causeway.window import HOUR_NS, MINUTE_NS, Window

# What the linker reads of a span.
LINKED_COLUMNS = (
    "trace_id",
    "span_id",
    "parent_span_id",
    "service",
    "operation",
    "kind",
    "start_ns",
    "duration_ns",
    "status",
    "instance",
    "version",
    "peer_service",
    "peer_type",
    "protocol",
    "adjusted_count_milli",
    "links",
)
# Parents and children farther apart than this are not linked.
REACH_NS = HOUR_NS
# A minute of more spans is computed in parts, each with the traces that fall to it: about 150 bytes a span at once.
SPANS_AT_ONCE_MAX = 2_000_000
TRACES_AT_ONCE = 4_000
# So many identities are watched for a minute; where there would be more, `Watch.complete` is False.
WATCHED_MAX = 4_000
_TRACE = np.dtype("V16")

Fetch = Callable[[list[bytes], Window], Iterable[pa.Table]]


@dataclass(frozen=True, slots=True)
class Watch:
    """Identities whose coming makes a minute worth computing again.

    parents: (n,) uint64, of spans that children here wait for; answered: (n,) uint64, of client spans in other minutes
    whose callee is told here to have answered.
    """

    parents: np.ndarray
    answered: np.ndarray
    complete: bool = True

    def __len__(self) -> int:
        return len(self.parents) + len(self.answered)


@dataclass(frozen=True, slots=True)
class Minute:
    """A computed minute. documents: how many were read, copies of one span included.

    identities: (n,) uint64, the spans of the minute. asked: (n,) uint64, the client spans that they answer.
    orphaned: the traces of those whose parent was not found.
    """

    minute_ns: int
    tables: dict[str, pa.Table]
    documents: int
    watch: Watch
    identities: np.ndarray
    asked: np.ndarray
    orphaned: tuple[bytes, ...] = ()

    def changes(self, other_ns: int, watch: Watch) -> bool:
        """Whether spans of this minute are what the other minute, with that watch, would have to know of."""
        if not watch.complete and abs(other_ns - self.minute_ns) <= MINUTE_NS:
            return True
        if len(watch.parents) and np.isin(watch.parents, self.identities).any():
            return True
        known = watch.answered[np.isin(watch.answered, self.asked)]
        return len(known) > 0 and (self.minute_ns < other_ns or bool(np.isin(known, self.identities).any()))


@dataclass(slots=True)
class _Own:
    """What is kept of the spans of a minute: 32 bytes each, and 24 a link to another trace.

    wanted: what a span is linked to, by its identity and its trace's id; the parent (0 for roots), or the linked span.
    """

    identity: list[np.ndarray] = field(default_factory=list)
    wanted: list[np.ndarray] = field(default_factory=list)
    trace: list[np.ndarray] = field(default_factory=list)


def compute_minute(minute_ns: int, scan: Callable[[], Iterable[pa.Table]], fetch: Fetch, *, expected: int) -> Minute:
    """The rows of the minute that begins there.

    scan: tables with LINKED_COLUMNS of its spans, copies allowed, in any order; it is called again for every
    SPANS_AT_ONCE_MAX of the `expected`. fetch: all spans of some traces in a window.
    """
    parts = max(1, -(-expected // SPANS_AT_ONCE_MAX))
    made = [_compute_part(minute_ns, scan(), fetch, part, parts) for part in range(parts)]
    if parts == 1:
        return made[0]
    names = {name for one in made for name in one.tables}
    return Minute(
        minute_ns,
        {name: pa.concat_tables([one.tables[name] for one in made if name in one.tables]) for name in sorted(names)},
        max(one.documents for one in made),
        _watch([one.watch.parents for one in made], [one.watch.answered for one in made]),
        np.concatenate([one.identities for one in made]),
        np.concatenate([one.asked for one in made]),
        tuple(trace for one in made for trace in one.orphaned),
    )


def _compute_part(minute_ns: int, scanned: Iterable[pa.Table], fetch: Fetch, part: int, parts: int) -> Minute:
    linker = Linker(remember_max=1 << 40, waiting_max=1 << 40)
    asked: list[np.ndarray] = []
    linker.answers = asked
    seen, own, documents = IdentitySet(), _Own(), 0
    for table in scanned:
        documents += table.num_rows
        fresh = _take_in(table, seen, own, part, parts)
        linker.add(fresh)
    identity, wanted, trace = (
        _joined(own.identity, np.uint64),
        _joined(own.wanted, np.uint64),
        _joined(own.trace, _TRACE),
    )
    missing = np.flatnonzero((wanted != 0) & ~np.isin(wanted, identity))
    lost = _Own(wanted=[wanted[missing]], trace=[trace[missing]])
    outside = _outside(minute_ns, np.unique(trace[missing]), fetch, whole=parts > 1)
    answered = [_supply(linker, table, earlier, lost) for table, earlier in outside]
    awaited = np.unique(linker.awaited())
    watch = _watch([awaited], answered)
    orphaned = np.unique(np.concatenate(lost.trace)[np.isin(np.concatenate(lost.wanted), awaited)])
    ids = tuple(one.tobytes() for one in orphaned)
    return Minute(minute_ns, linker.take(), documents, watch, identity, _joined(asked, np.uint64), ids)


def _take_in(table: pa.Table, seen: IdentitySet, own: _Own, part: int, parts: int) -> pa.Table:
    """The rows of this part that were not there before, noted in `own`."""
    trace = binary_hash(table["trace_id"])
    identity = fold(trace, binary_hash(table["span_id"]))
    wanted = seen.add(identity)
    if parts > 1:
        wanted &= trace % np.uint64(parts) == part
    if not wanted.all():
        table, trace, identity = table.filter(pa.array(wanted)), trace[wanted], identity[wanted]
    own.identity.append(identity)
    own.wanted.append(_parents(table, trace))
    own.trace.append(_trace_ids(table["trace_id"]))
    row, linked, ids = links_of(table)
    if len(row):
        other = np.flatnonzero(linked != trace[row])
        own.wanted.append(ids[other])
        own.trace.append(_trace_ids(flat_links(table)[1])[other])
    return table


def _outside(minute_ns: int, traces: np.ndarray, fetch: Fetch, *, whole: bool) -> Iterator[tuple[pa.Table, np.ndarray]]:
    """The spans of those traces in other minutes, some whole traces at a time, and (n,) bool: which are earlier.

    whole: also those of this minute, where another part of it may hold them.
    """
    before = Window(minute_ns - REACH_NS, minute_ns)
    after = Window(minute_ns + (0 if whole else MINUTE_NS), minute_ns + MINUTE_NS + REACH_NS)
    for first in range(0, len(traces), TRACES_AT_ONCE):
        ids = [trace.tobytes() for trace in traces[first : first + TRACES_AT_ONCE]]
        earlier = [table.select(LINKED_COLUMNS) for table in fetch(ids, before)]
        later = [table.select(LINKED_COLUMNS) for table in fetch(ids, after)]
        if earlier or later:
            found = pa.concat_tables([*earlier, *later], promote_options="permissive")
            count = sum(table.num_rows for table in earlier)
            yield found, np.arange(found.num_rows) < count


def _supply(linker: Linker, outside: pa.Table, earlier: np.ndarray, lost: _Own) -> np.ndarray:
    """Let the linker find spans of other minutes; the client spans whose answer this minute tells.

    Those spans tell themselves of an answer that comes before any of this minute. earlier: (n,) bool. lost: takes
    those whose parents are not among them. Costs no more than sorting.
    """
    if not outside.num_rows:
        return np.empty(0, np.uint64)
    trace = binary_hash(outside["trace_id"])
    identity, parent = fold(trace, binary_hash(outside["span_id"])), _parents(outside, trace)
    minutes = outside["start_ns"].to_numpy() // MINUTE_NS * MINUTE_NS
    order = np.argsort(identity, kind="stable")
    place = np.minimum(np.searchsorted(identity[order], parent), len(order) - 1)
    above = order[place]
    found = identity[above] == parent
    first_to_tell = found & (earlier | (minutes == minutes[above]))
    alone = np.flatnonzero((parent != 0) & ~found)
    lost.wanted.append(parent[alone])
    lost.trace.append(_trace_ids(outside["trace_id"])[alone])
    return linker.supply(outside, first_to_tell)


def _watch(parents: list[np.ndarray], answered: list[np.ndarray]) -> Watch:
    waited, told = np.unique(_joined(parents, np.uint64)), np.unique(_joined(answered, np.uint64))
    complete = len(waited) <= WATCHED_MAX and len(told) <= WATCHED_MAX
    return Watch(waited[:WATCHED_MAX], told[:WATCHED_MAX], complete)


def _parents(table: pa.Table, trace: np.ndarray) -> np.ndarray:
    """(n,) uint64 identities of the parents, 0 for roots."""
    own = binary_hash(table["parent_span_id"])
    return np.where(own == 0, np.uint64(0), fold(trace, own))


def _trace_ids(column: pa.ChunkedArray) -> np.ndarray:
    """(n,) of 16 bytes each."""
    fixed = pc.cast(column, pa.binary()).combine_chunks()
    if isinstance(fixed, pa.ChunkedArray):
        fixed = pa.concat_arrays(fixed.chunks)
    if not len(fixed):
        return np.empty(0, _TRACE)
    whole = fixed.cast(pa.binary(16))
    return np.frombuffer(whole.buffers()[1], _TRACE)[whole.offset : whole.offset + len(whole)]


def _joined(parts: list[np.ndarray], kind: np.dtype | type) -> np.ndarray:
    return np.concatenate(parts) if parts else np.empty(0, kind)
