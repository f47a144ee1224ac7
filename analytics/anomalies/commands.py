"""The command `anomalies`."""

from __future__ import annotations

from contextlib import closing
from dataclasses import replace
from typing import TYPE_CHECKING, Annotated

import typer

from analytics.commands import End, FailOn, Format, Lang, Start
from causeway.deployment_options import Config, Data, Samples, StatePlace, Store
from causeway.errors import ConfigError

if TYPE_CHECKING:
    from analytics.anomalies.found import FoundEvents
    from causeway.deployment import Options
    from causeway.stores.contract import Reader
    from causeway.window import Window

EventNumber = Annotated[int | None, typer.Argument(metavar="[EVENT]", help="Only this one, with all that was seen.")]
Entity = Annotated[str | None, typer.Option(help="Only events in which this service takes part.")]
Limit = Annotated[int, typer.Option(help="So many events at most.")]
Compute = Annotated[bool, typer.Option("--compute", help="Work them out from what is stored, whatever was kept.")]


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("anomalies")(anomalies)


def anomalies(
    event: EventNumber = None,
    data: Data = None,
    config: Config = None,
    store: Store = None,
    samples: Samples = None,
    state: StatePlace = None,
    start: Start = None,
    end: End = None,
    entity: Entity = None,
    limit: Limit = 30,
    compute: Compute = False,
    output: Format = "table",
    lang: Lang = "en",
    fail_on: FailOn = "never",
) -> None:
    """List unusual series, grouped into events by time and by who calls whom. Default window: the last day.

    Events are those that `causeway analyze` kept; where it judged nothing of the window they are worked out from what
    is stored, which reads a week before the window.

    With EVENT: each of its alarms with value, range before, cause, the bar it passed and how often the series alarms.
    The verdict for --fail-on is UNKNOWN when nothing was judged, WARNING with an event, else OK.

    \b
    Examples:
      causeway anomalies --from -6h
      causeway anomalies 17
      causeway anomalies --entity cart --format json
      causeway anomalies --data D --from 2026-11-23T08:00:00Z --to 2026-11-23T12:00:00Z --compute
    """
    from analytics.anomalies.answer import with_entity
    from analytics.anomalies.document import event_json, events_json, verdict_of
    from analytics.anomalies.show import number_of, show_event, show_events
    from analytics.output import Page, write_json
    from analytics.reading import Asked, check_fail_on, check_format, opened, verdict_status
    from causeway.deployment import Options
    from causeway.findings import Message
    from causeway.messages import text

    check_format(output, ("table", "json"))
    check_fail_on(fail_on)
    where = Options(data, config, store, samples, state)
    with opened(Asked(where, start, end, None, lang, default="-1d")) as place:
        found = _found(place.store, place.window, where, compute=compute)
        if not found.learned.series:
            place.hint()
    if entity is not None:
        found = with_entity(found, entity)
    if event is not None:
        named = {number_of(one, i): one for i, one in enumerate(found.events, 1)}
        if event not in named:
            raise ConfigError(text(Message("anomalies.no_event", {"event": str(event)}), lang))
        chosen = named[event]
        write_json(event_json(chosen, lang)) if output == "json" else show_event(chosen, Page(language=lang))
    elif output == "json":
        shown = replace(found, events=found.events[:limit], truncated=found.truncated or len(found.events) > limit)
        write_json(events_json(shown, lang))
    else:
        show_events(found, Page(language=lang), limit=limit)
    raise typer.Exit(verdict_status(verdict_of(found), fail_on))


def _found(reader: Reader, window: Window, where: Options, *, compute: bool) -> FoundEvents:
    from analytics.anomalies.answer import anomalies_of
    from analytics.anomalies.options import AnomalyOptions
    from causeway.config import parse
    from causeway.deployment import deployment, settings

    options = parse(AnomalyOptions, settings(where.config).get("anomalies", {}), where="anomalies")
    places = deployment(where)
    if compute or not places.has_state:
        return anomalies_of(reader, None, window, options)
    with closing(places.open_state()) as state:
        return anomalies_of(reader, state, window, options)
