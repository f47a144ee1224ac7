"""The job that judges every series each minute and keeps the events it finds.

What it knows lies in a file beside the data, written every quarter of an hour; after a restart the minutes since are
judged again, with the same outcome, and change no event. Without the file it learns from what is stored.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from analytics.anomalies.calling import Calling
from analytics.anomalies.events import Alarm
from analytics.anomalies.found import FoundEvent, is_open, regrouped
from analytics.anomalies.keeping import FILE_NAME, load_streams, save_streams
from analytics.anomalies.kept import Progress, open_events, progress_of, row_of
from analytics.anomalies.options import AnomalyOptions
from analytics.anomalies.readings import read
from analytics.anomalies.replay import first_ns, judged_minutes
from analytics.anomalies.series import STEP_NS
from analytics.anomalies.streams import Streams
from causeway.config import parse
from causeway.errors import ConfigError
from causeway.jobs import LAG_NS, JobContext
from causeway.window import HOUR_NS, MINUTE_NS, SECOND_NS, Window
from causeway.wire import to_json

# What came late is in it, and rollups over Elasticsearch are computed.
SETTLED_NS = 2 * MINUTE_NS
# What is read in one turn, so that nothing else waits long.
TURN_NS = HOUR_NS
SAVE_EVERY_NS = 15 * MINUTE_NS
# The first time, events of so long ago are kept as well, as far as the history before allows to judge it.
FIRST_NS = 24 * HOUR_NS
PAUSE_S = 0.5
_NOTHING_S, _DISABLED_S = 60.0, 60.0
_DAY_NS = 24 * HOUR_NS


@dataclass(slots=True)
class _Memory:
    """What is known between turns. from_ns: events since then are kept; told_from_ns: until then it only learns.

    pending: alarms that are not kept yet.
    """

    streams: Streams
    calling: Calling
    from_ns: int
    told_from_ns: int
    open: list[FoundEvent]
    pending: list[Alarm] = field(default_factory=list)
    saved_ns: int = 0


def check(config: Mapping[str, Any]) -> None:
    """Raises ConfigError for a wrong table `[anomalies]`."""
    parse(AnomalyOptions, config.get("anomalies", {}), where="anomalies")


def job(context: JobContext) -> float:
    """Judge the minutes that are over, an hour of them at most; the seconds until the next turn."""
    options = parse(AnomalyOptions, context.table("anomalies"), where="anomalies")
    if not options.enabled:
        return _DISABLED_S
    now_ns = (context.now_ns - LAG_NS - SETTLED_NS) // STEP_NS * STEP_NS
    memory: _Memory | None = context.memory.get("anomalies") or _begun(context, options, now_ns)
    if memory is None:
        return _NOTHING_S
    context.memory["anomalies"] = memory
    memory.calling.reader = context.reader
    if memory.streams.until_ns < now_ns or memory.pending:
        _turn(context, options, memory, now_ns)
    if memory.streams.until_ns < now_ns:
        return PAUSE_S
    return max(PAUSE_S, (now_ns + STEP_NS + LAG_NS + SETTLED_NS - context.now_ns) / SECOND_NS)


def _turn(context: JobContext, options: AnomalyOptions, memory: _Memory, now_ns: int) -> None:
    streams = memory.streams
    learning = streams.until_ns < memory.told_from_ns
    end_ns = min(streams.until_ns + TURN_NS, memory.told_from_ns if learning else now_ns)
    if end_ns > streams.until_ns:
        readings = read(context.reader, Window(streams.until_ns, end_ns))
        if learning:
            streams.feed(readings)
        else:
            memory.pending += judged_minutes(streams, readings)
    if not context.leads():
        context.memory.pop("anomalies")  # the next leader goes on from what is stored
        return
    _keep(context, options, memory)
    if streams.until_ns - memory.saved_ns >= SAVE_EVERY_NS:
        save_streams(streams, _path(context))
        memory.saved_ns = streams.until_ns


def _keep(context: JobContext, options: AnomalyOptions, memory: _Memory) -> None:
    """Write what is new; what cannot be written now is written with the next turn."""
    streams = memory.streams
    events = regrouped(memory.open, memory.pending, memory.calling)
    known = {event.id: event for event in memory.open}
    changed = [event for event in events if event != known.get(event.id)]
    gone = {event.id for event in memory.open if event.id is not None} - {event.id for event in events}
    progress = Progress(memory.from_ns, streams.judges_from_ns, streams.until_ns, streams.learned)
    ids = context.state.put_anomalies(
        [row_of(event) for event in changed],
        to_json(progress),
        gone=[one for one in gone if one is not None],
        before_ns=streams.until_ns - int(options.keep_days * _DAY_NS),
    )
    kept = {event: replace(event, id=number) for event, number in zip(changed, ids, strict=True)}
    for event in changed:
        if event.id is None:
            context.log.info(
                "anomaly.event", lead=event.lead, entities=len(event.entities), score=round(event.score, 1)
            )
    memory.open = [one for event in events if is_open(one := kept.get(event, event), streams.until_ns)]
    memory.pending = []


def _begun(context: JobContext, options: AnomalyOptions, now_ns: int) -> _Memory | None:
    """What was kept, or nothing yet to learn from what is stored; None for an empty store."""
    progress = progress_of(context.state)
    oldest_ns = now_ns - int(options.history_days * _DAY_NS)
    kept = _loaded(context, options)
    kept = None if kept is None or kept.until_ns < oldest_ns else kept
    streams = kept
    if streams is None:
        begin = first_ns(context.reader)
        if begin is None or begin >= now_ns:
            return None
        streams = Streams(options)
        streams.until_ns = max(begin, oldest_ns // STEP_NS * STEP_NS)
        context.log.info("anomalies.learning", since_ns=streams.until_ns)
    if progress is None:
        from_ns = told_from_ns = max(now_ns - FIRST_NS, 0)
    else:
        # What was judged since the file was written is judged again; what was learned anew would be judged otherwise.
        from_ns, told_from_ns = progress.from_ns, progress.from_ns if kept is not None else progress.until_ns
    lasting = open_events(context.state, streams.until_ns)
    return _Memory(streams, Calling(context.reader), from_ns, told_from_ns, lasting, saved_ns=streams.until_ns)


def _loaded(context: JobContext, options: AnomalyOptions) -> Streams | None:
    path = _path(context)
    try:
        return load_streams(path, options)
    except FileNotFoundError:
        return None
    except ConfigError as error:
        context.log.warning("anomalies.state_unreadable", path=str(path), error=str(error))
        return None


def _path(context: JobContext) -> Path:
    return context.data_dir / FILE_NAME
