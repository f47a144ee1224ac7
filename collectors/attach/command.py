"""The command `attach`: what was asked, progress, and a summary at the end."""

from __future__ import annotations

import contextlib
import gc
import hashlib
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from urllib.parse import quote, urlsplit

import pyarrow as pa
import pyarrow.compute as pc
from elasticsearch import Elasticsearch

from causeway.deployment import Deployment
from causeway.errors import ConfigError, StoreError
from causeway.findings import Message
from causeway.stores.contract import Reader
from causeway.stores.elasticsearch.client import connect
from causeway.stores.elasticsearch.layouts import layout_named
from causeway.stores.elasticsearch.settings import LAYOUT_OURS, ElasticsearchSettings, parse_location
from causeway.terminal import Terminal
from causeway.window import HOUR_NS, MINUTE_NS, Window, iso, parse_time
from collectors.attach import places
from collectors.attach import slots as cursors
from collectors.attach.documents import DocumentSource
from collectors.attach.following import Follower, Progress
from collectors.attach.in_place import Roller, open_roller, settings_in_place
from collectors.attach.jaeger_query import STEP_NS, JaegerQuery, QueryFollower
from collectors.attach.pages import COLUMNS, MODES
from collectors.attach.patience import SHARE_DEFAULT, PatientClient, allowed_threads
from collectors.attach.slots import Cursor
from collectors.attach.targets import Target, open_target

JAEGER_QUERY = "jaeger-query"
GARBAGE_THRESHOLDS = (500_000, 50, 50)
QUERY_FROM_NS = HOUR_NS  # a query service does not say how far back it goes


@dataclass(frozen=True, slots=True)
class AttachRequest:
    """What was typed. layout None: found out; index None: the layout's own pattern; start None: all there is."""

    location: str
    layout: str | None = None
    index: str | None = None
    spans: str = MODES[0]
    start: str | None = None
    once: bool = False
    share: float = SHARE_DEFAULT


def attach(asked: AttachRequest, place: Deployment, *, language: str = "en") -> None:
    """Read, follow, and say what came of it. Raises CausewayError."""
    if asked.spans not in MODES:
        raise ConfigError(f"--spans {asked.spans!r} is neither {' nor '.join(MODES)}")
    # Pages are hundreds of thousands of objects without cycles: looking through them takes a third of the time.
    gc.freeze()
    gc.set_threshold(*GARBAGE_THRESHOLDS)
    pa.set_memory_pool(pa.system_memory_pool())  # gives back what a page took; Arrow's own keeps it
    terminal = Terminal(language=language)
    stopping = threading.Event()
    with _stopped_by_signals(stopping):
        if asked.layout == JAEGER_QUERY:
            _attach_query(asked, place, terminal, stopping)
        else:
            _attach_documents(asked, place, terminal, stopping)


def _attach_documents(asked: AttachRequest, place: Deployment, terminal: Terminal, stopping: threading.Event) -> None:
    settings = _source_settings(asked)
    with contextlib.closing(connect(settings)) as client:
        try:
            _read_documents(asked, place, terminal, stopping, settings, client)
        except StoreError:
            if not stopping.is_set():
                raise
            terminal.say(Message("attach.stopped"))


def _read_documents(
    asked: AttachRequest,
    place: Deployment,
    terminal: Terminal,
    stopping: threading.Event,
    settings: ElasticsearchSettings,
    client: Elasticsearch,
) -> None:
    named = asked.index or settings.indices or None
    layout = layout_named(places.chosen_layout(client, _asked_layout(asked, settings), named))
    index = named or layout.index(settings.namespace)
    places.check(client, layout.name, index)
    patient = PatientClient(client, threads=allowed_threads(client, asked.share), stopping=stopping)
    terminal.say(
        Message("attach.opening", {"layout": layout.name, "index": index, "threads": patient.threads}), tone="head"
    )
    source = DocumentSource(patient, layout, index, COLUMNS[asked.spans])
    if place.store is not None and asked.spans == "rollups":
        found = settings_in_place(settings, place, layout=layout.name, index=index)
        _roll_up(asked, found, terminal, source, open_roller(found, client, patient, stopping))
        return
    path = _cursor_path(place, replace(settings, layout=layout.name).location(), index)
    cursor = _cursor(path, asked.spans)
    target = open_target(place, stopping)
    try:
        _follow(asked, terminal, place, Follower(source, target, cursor, path, stopping))
    finally:
        target.close()


def _follow(asked: AttachRequest, terminal: Terminal, place: Deployment, follower: Follower) -> None:
    start_ns, now_ns = _start(asked, 0), time.time_ns()
    found = follower.unread(start_ns, now_ns)
    total = sum(found[slot] for slot in follower.cursor.slots.changed(found))
    with terminal.progress(Message("attach.reading", {"documents": f"{total:,}"}), total) as advance:
        follower.advance = advance
        follower.catch_up(found)
    follower.advance = _nobody
    _summary(terminal, place, follower.target, follower.progress)
    if not asked.once and not follower.stopping.is_set():
        terminal.say(Message("attach.following"))
        follower.follow(start_ns)
        _summary(terminal, place, follower.target, follower.progress)


def _roll_up(
    asked: AttachRequest, settings: ElasticsearchSettings, terminal: Terminal, source: DocumentSource, roller: Roller
) -> None:
    start_ns, now_ns = _start(asked, 0), time.time_ns()
    extent = source.extent(Window(start_ns, now_ns + HOUR_NS))
    due = roller.worker.due(extent.aligned(MINUTE_NS)) if extent else []
    with terminal.progress(Message("attach.rolling_up", {"minutes": f"{len(due):,}"}), len(due)) as advance:
        roller.advance = advance
        roller.catch_up(due)
    roller.advance = _nobody
    location = f"{settings.location()}&indices={quote(settings.indices, safe='*')}"
    values = {"documents": f"{roller.progress.documents:,}", "minutes": f"{roller.progress.ranges:,}"}
    terminal.say(Message("attach.rolled_up", values), tone="good")
    if extent is not None:
        times = f"--from {iso(extent.start_ns)} --to {iso(extent.end_ns)}"
        terminal.say(Message("attach.next", {"command": f"causeway graph --store '{location}' {times}"}))
    if not asked.once and not roller.stopping.is_set():
        terminal.say(Message("attach.following"))
        roller.follow(start_ns)


def _nobody(by: int) -> None:
    """Takes the place of a progress bar that is gone."""


def _attach_query(asked: AttachRequest, place: Deployment, terminal: Terminal, stopping: threading.Event) -> None:
    source = JaegerQuery(asked.location, COLUMNS[asked.spans])
    path = _cursor_path(place, asked.location, JAEGER_QUERY)
    cursor = _cursor(path, asked.spans)
    services = len(source.services())
    target = open_target(place, stopping)
    try:
        follower = QueryFollower(source, target, cursor, path, stopping)
        terminal.say(Message("attach.query_opening", {"url": source.url, "services": services}), tone="head")
        now_ns = time.time_ns()
        start_ns = _start(asked, now_ns - QUERY_FROM_NS)
        steps = max(1, (now_ns - max(start_ns, cursor.until_ns)) // STEP_NS)
        with terminal.progress(Message("attach.query_reading"), steps) as advance:
            follower.advance = advance
            follower.catch_up(start_ns, now_ns)
        follower.advance = _nobody
        if not asked.once and not stopping.is_set():
            _summary(terminal, place, target, follower.progress)
            terminal.say(Message("attach.following"))
            follower.follow(start_ns)
        _summary(terminal, place, target, follower.progress)
        if source.cut_off:
            terminal.say(Message("attach.query_cut_off", {"windows": source.cut_off}), tone="warn")
    finally:
        source.close()
        target.close()


def _source_settings(asked: AttachRequest) -> ElasticsearchSettings:
    """Of `elasticsearch://...`, or of the plain address of a node."""
    parts = urlsplit(asked.location)
    if parts.scheme in {"http", "https"}:
        query = "&".join(part for part in (parts.query, "tls=1" if parts.scheme == "https" else "") if part)
        return parse_location(f"elasticsearch://{parts.netloc}/?{query}")
    return parse_location(asked.location)


def _asked_layout(asked: AttachRequest, settings: ElasticsearchSettings) -> str | None:
    if asked.layout is not None:
        return asked.layout
    return settings.layout if settings.layout != LAYOUT_OURS else None


def _start(asked: AttachRequest, otherwise_ns: int) -> int:
    return parse_time(asked.start, now_ns=time.time_ns()) if asked.start else otherwise_ns


def _cursor_path(place: Deployment, source: str, index: str) -> Path:
    """One file per source and target in the data folder."""
    key = "\n".join((source, index, place.location))
    return place.data / "attach" / f"{hashlib.blake2b(key.encode(), digest_size=8).hexdigest()}.npz"


def _cursor(path: Path, spans: str) -> Cursor:
    found = cursors.load(path)
    if found is None:
        return Cursor(spans)
    if found.spans != spans:
        raise ConfigError(
            f"this data folder was filled with --spans {found.spans}: go on so, or attach into a new --data folder"
        )
    return found


@contextmanager
def _stopped_by_signals(stopping: threading.Event) -> Iterator[None]:
    """Ctrl-C and SIGTERM end the run at the next page; a second one ends it at once."""

    def stop(number: int, _frame: object) -> None:
        if stopping.is_set():
            raise SystemExit(128 + number)
        stopping.set()

    before = {number: signal.signal(number, stop) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _summary(terminal: Terminal, place: Deployment, target: Target, progress: Progress) -> None:
    terminal.say(
        Message("attach.done", {"spans": f"{progress.spans:,}", "documents": f"{progress.documents:,}"}), tone="good"
    )
    if place.store is not None:
        terminal.say(Message("attach.next_analyze"))
        return
    found = _extent(target.reader())
    if found is None:
        terminal.say(Message("attach.empty"), tone="warn")
        return
    window, reader = found
    edges, operations = reader.edges(window), reader.operations(window)
    entries = operations.filter(pc.and_(operations["entry"], pc.greater(operations["calls"], 0)))
    pairs = edges.filter(pc.greater(edges["calls"], 0)).group_by(["caller", "callee", "kind"]).aggregate([])
    values = {
        "services": len(pc.unique(operations["service"])),
        "edges": pairs.num_rows,
        "entries": entries.group_by(["service", "operation"]).aggregate([]).num_rows,
        "from": iso(window.start_ns),
        "to": iso(window.end_ns),
    }
    terminal.say(Message("attach.found", values))
    command = f"causeway graph --data {place.data} --from {iso(window.start_ns)} --to {iso(window.end_ns)}"
    terminal.say(Message("attach.next", {"command": command}))


def _extent(reader: Reader) -> tuple[Window, Reader] | None:
    """From the first to the last span, in whole minutes; None for an empty store."""
    status = reader.status().table("spans")
    if status.first_ns is None or status.last_ns is None:
        return None
    return Window(status.first_ns, status.last_ns + 1).aligned(MINUTE_NS), reader
