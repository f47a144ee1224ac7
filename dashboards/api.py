"""/api/v1: the same answers as the command line, as JSON, and tables as Arrow streams for notebooks."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any

import pyarrow as pa
from fastapi import APIRouter, FastAPI, Query, Request, Response
from fastapi.responses import JSONResponse

from analytics.callgraph.level import Level, level_of
from causeway.errors import BadRequest, CausewayError, ConfigError, StoreError, UnsupportedQuery
from causeway.messages import LANGUAGES
from causeway.stores.contract import LogFilter, Page, SpanFilter
from causeway.window import Window, earlier_window, parse_window
from causeway.wire import to_json
from dashboards.anomalies_api import anomaly_routes
from dashboards.services import Services

if TYPE_CHECKING:
    from analytics.impact.scores import ServiceImpact

ARROW = "application/vnd.apache.arrow.stream"
LIMIT_DEFAULT = 1000
# A notebook asking for more narrows its window; the server's memory is not its own.
LIMIT_MAX = 1_000_000
JSON_ROWS_MAX = 10_000
PREFIX = "/api/v1"

Start = Annotated[str | None, Query(alias="from", description="RFC 3339, Unix seconds or -15m")]
End = Annotated[str | None, Query(alias="to")]
Limit = Annotated[int, Query(ge=1, le=LIMIT_MAX)]
Examples = Annotated[int, Query(ge=1, le=1000, description="lines of the template, the newest")]
Language = Annotated[str, Query(alias="lang")]
LevelName = Annotated[str, Query(description="service, operation, instance or version")]
TargetName = Annotated[str, Query(description="as for `causeway blast`: SERVICE, host:NODE, 'CALLER -> CALLEE', ...")]
Hops = Annotated[int, Query(ge=0, le=100, description="calls around `service`, in both directions")]
Before = Annotated[str | None, Query(description="1h: that long before `from` (default: as long); or A/B, two times")]


def api_router(services: Services) -> APIRouter:
    """All routes of the API. Errors are `{"error": {"kind", "message"}}` with 400, 404, 501 or 503."""
    router = APIRouter(prefix=PREFIX, tags=["causeway"])
    _analysis(router, services)
    _impact(router, services)
    anomaly_routes(router, services)
    _incidents(router, services)
    _records(router, services)

    @router.get("/{rest:path}", include_in_schema=False)
    def unknown(rest: str) -> JSONResponse:
        return problem(404, "not_found", f"the API has no {rest!r}")

    return router


def answer_errors(server: FastAPI) -> None:
    """Turn our errors into JSON answers, wherever a route raises them."""

    @server.exception_handler(CausewayError)
    def handle(_request: Request, error: Exception) -> JSONResponse:
        return error_answer(error)


def error_answer(error: Exception) -> JSONResponse:
    """The answer to one of our errors, by its kind."""
    kinds: tuple[tuple[type[Exception], int, str], ...] = (
        (UnsupportedQuery, 501, "unsupported"),
        (StoreError, 503, "store"),
        (ConfigError, 400, "bad_request"),
        (BadRequest, 400, "bad_request"),
    )
    status, kind = next(((code, name) for of, code, name in kinds if isinstance(error, of)), (500, "internal"))
    return problem(status, kind, str(error))


def problem(status: int, kind: str, message: str) -> JSONResponse:
    """An error in the API's one form."""
    return JSONResponse({"error": {"kind": kind, "message": message}}, status_code=status)


def _window(services: Services, start: str | None, end: str | None) -> Window:
    return parse_window(start, end, now_ns=services.now_ns())


def _language(asked: str) -> str:
    if asked not in LANGUAGES:
        raise ConfigError(f"no language {asked!r}; there are {', '.join(LANGUAGES)}")
    return asked


def _analysis(router: APIRouter, services: Services) -> None:
    @router.get("/graph")
    def graph(
        start: Start = None,
        end: End = None,
        level: LevelName = "service",
        service: str | None = None,
        hops: Hops = 1,
    ) -> JSONResponse:
        asked = Near(level_of(level), service, hops)
        return JSONResponse(graph_json(services, _window(services, start, end), asked))

    @router.get("/graph/diff")
    def graph_diff(
        before: Before = None,
        start: Start = None,
        end: End = None,
        level: LevelName = "service",
        service: str | None = None,
        hops: Hops = 1,
    ) -> JSONResponse:
        window = _window(services, start, end)
        earlier = earlier_window(before, window, now_ns=services.now_ns())
        asked = Near(level_of(level), service, hops)
        return JSONResponse(graph_diff_json(services, earlier, window, asked))

    @router.get("/diagnose")
    def diagnose(start: Start = None, end: End = None, lang: Language = "en") -> JSONResponse:
        return JSONResponse(to_json(services.diagnosis(_window(services, start, end)), _language(lang)))

    @router.get("/patrol")
    def patrol(start: Start = None, end: End = None, lang: Language = "en") -> JSONResponse:
        return JSONResponse(to_json(services.patrol(_window(services, start, end)), _language(lang)))

    @router.get("/services")
    def names(start: Start = None, end: End = None) -> JSONResponse:
        window = _window(services, start, end)
        return JSONResponse({"window": window.as_json(), "services": services.services(window)})

    @router.get("/status")
    def status() -> JSONResponse:
        return JSONResponse(to_json(services.status()))


@dataclass(frozen=True, slots=True)
class Near:
    """Which part of a graph is asked for: a level, and perhaps so many calls around a service."""

    level: Level = Level.SERVICE
    service: str | None = None
    hops: int = 1


def graph_json(services: Services, window: Window, asked: Near = Near()) -> Any:
    """The call graph in its fixed shape. Raises ConfigError where it has no such service."""
    from analytics.callgraph.focus import neighbourhood

    whole = asked.level is Level.SERVICE
    found = services.graph(window) if whole else services.level_graph(window, asked.level)
    return (found if asked.service is None else neighbourhood(found, asked.service, asked.hops)).to_json()


def graph_diff_json(services: Services, before: Window, after: Window, asked: Near) -> Any:
    """What changed between two windows in its fixed shape. Raises ConfigError where neither has such a service."""
    from analytics.callgraph.focus import changes_near

    found = services.graph_diff(before, after, asked.level)
    return (found if asked.service is None else changes_near(found, asked.service, asked.hops)).to_json()


def _impact(router: APIRouter, services: Services) -> None:
    @router.get("/impact")
    def impact(
        start: Start = None, end: End = None, level: LevelName = "service", fast: bool = False, lang: Language = "en"
    ) -> JSONResponse:
        window = _window(services, start, end)
        found = impact_json(services, window, level_of(level), fast=fast, language=_language(lang))
        return JSONResponse(found)

    @router.get("/impact/history")
    def impact_history(start: Start = None, end: End = None) -> JSONResponse:
        from analytics.impact.history import history_json

        return JSONResponse(history_json(services.impact_history(_window(services, start, end))))

    @router.get("/risk")
    def risk(start: Start = None, end: End = None, fast: bool = False, lang: Language = "en") -> JSONResponse:
        from analytics.impact.risk import risks_json

        window = _window(services, start, end)
        found = services.risks(window, _scores(services, window, fast=fast))
        return JSONResponse({"window": window.as_json(), **risks_json(found, _language(lang))})

    @router.get("/blast")
    def blast(target: TargetName, start: Start = None, end: End = None, lang: Language = "en") -> JSONResponse:
        from analytics.impact.blast import blast_radius
        from analytics.impact.target import parse_target

        model = services.sampled_model(_window(services, start, end))
        return JSONResponse(to_json(blast_radius(model, parse_target(target)), _language(lang)))

    @router.get("/whatif")
    def whatif(
        remove: str | None = None,
        slow: str | None = None,
        by: str | None = None,
        start: Start = None,
        end: End = None,
        lang: Language = "en",
    ) -> JSONResponse:
        from analytics.impact.whatif import parse_change, what_if

        change = parse_change(remove, slow, by)
        return JSONResponse(
            to_json(what_if(services.sampled_model(_window(services, start, end)), change), _language(lang))
        )


def impact_json(
    services: Services, window: Window, level: Level = Level.SERVICE, *, fast: bool = True, language: str = "en"
) -> Any:
    """The impact scores in their fixed shape. Unless fast, what users lose is measured in sampled traces."""
    from analytics.impact.scores import impacts_json, scores_of

    if level is not Level.SERVICE:
        finer = services.level_graph(window, level)
        return impacts_json(finer, scores_of(finer), language=language)
    return impacts_json(services.graph(window), _scores(services, window, fast=fast), language=language)


def _scores(services: Services, window: Window, *, fast: bool) -> tuple[ServiceImpact, ...]:
    from analytics.impact.scores import impact_scores

    graph = services.graph(window)
    if fast or not len(graph.nodes):
        return services.impact(window)
    return impact_scores(services.world(window), graph, services.sampled_model(window))


def _incidents(router: APIRouter, services: Services) -> None:
    @router.get("/incidents")
    def incidents(
        open_only: Annotated[bool, Query(alias="open")] = False, limit: Limit = 100, lang: Language = "en"
    ) -> JSONResponse:
        found = services.incidents(open_only=open_only, limit=min(limit, 1000))
        return JSONResponse({"incidents": [to_json(one, _language(lang)) for one in found]})

    @router.get("/incidents/{incident_id}")
    def incident(incident_id: int, lang: Language = "en") -> JSONResponse:
        found = services.incident(incident_id)
        if found is None:
            return problem(404, "not_found", f"there is no incident {incident_id}")
        return JSONResponse(to_json(found, _language(lang)))


def _records(router: APIRouter, services: Services) -> None:
    @router.get("/spans")
    def spans(
        request: Request,
        start: Start = None,
        end: End = None,
        service: str | None = None,
        operation: str | None = None,
        status: str | None = None,
        limit: Limit = LIMIT_DEFAULT,
    ) -> Response:
        where = SpanFilter(service=service, operation=operation, status=status)
        return _page(request, services.spans(_window(services, start, end), where, limit=limit), "spans")

    @router.get("/logs")
    def logs(
        request: Request,
        start: Start = None,
        end: End = None,
        service: str | None = None,
        contains: str | None = None,
        severity_min: int | None = None,
        limit: Limit = LIMIT_DEFAULT,
    ) -> Response:
        where = LogFilter(service=service, contains=contains, severity_min=severity_min)
        return _page(request, services.logs(_window(services, start, end), where, limit=limit), "logs")

    @router.get("/templates")
    def templates(start: Start = None, end: End = None, service: str | None = None) -> JSONResponse:
        from analytics.logtemplates.lookup import templates_document

        return JSONResponse(templates_document(services.log_templates(_window(services, start, end)), service))

    @router.get("/templates/{template_id}")
    def template(
        template_id: str, start: Start = None, end: End = None, service: str | None = None, limit: Examples = 50
    ) -> JSONResponse:
        found = template_json(services, _window(services, start, end), template_id, service, limit)
        if found is None:
            return problem(404, "not_found", f"no template {template_id} in this window")
        return JSONResponse(found)

    @router.get("/traces/{trace_id}")
    def trace(request: Request, trace_id: str) -> Response:
        table = services.trace(trace_id_of(trace_id))
        if table.num_rows == 0:
            return problem(404, "not_found", f"no spans of trace {trace_id}")
        return _page(request, Page(table), "spans")

    @router.get("/tables/{name}")
    def table(
        name: str,
        start: Start = None,
        end: End = None,
        service: str | None = None,
        limit: Limit = LIMIT_MAX,
    ) -> Response:
        return arrow_answer(services.table(name, _window(services, start, end), service=service, limit=limit))


def template_json(services: Services, window: Window, template_id: str, service: str | None, limit: int) -> Any:
    """A log template with its newest lines and their traces; None where the window has none of that id."""
    from analytics.logtemplates.lookup import template_document, template_id_of

    number = template_id_of(template_id)
    return template_document(
        services.log_templates(window),
        number,
        lambda: services.template_lines(window, number, service=service, limit=limit),
        service=service,
        examples=limit,
    )


def trace_id_of(text: str) -> bytes:
    """The 16 bytes of a trace id in hex. Raises BadRequest for anything else."""
    try:
        found = bytes.fromhex(text)
    except ValueError:
        found = b""
    if not 1 <= len(found) <= 16:
        raise BadRequest(f"not a trace id: {text!r} (32 hexadecimal digits)")
    return found


def _page(request: Request, page: Page, name: str) -> Response:
    if ARROW in request.headers.get("accept", ""):
        return arrow_answer(page)
    rows = page.table.slice(0, JSON_ROWS_MAX)
    truncated = page.truncated or rows.num_rows < page.table.num_rows
    return JSONResponse(
        {name: [_plain(row) for row in rows.to_pylist()], "truncated": truncated, "matched": page.matched}
    )


def arrow_answer(page: Page) -> Response:
    """The table as an Arrow IPC stream; X-Causeway-Truncated says whether rows were left out."""
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, page.table.schema) as writer:
        writer.write_table(page.table)
    headers = {"X-Causeway-Truncated": "true" if page.truncated else "false"}
    return Response(sink.getvalue().to_pybytes(), media_type=ARROW, headers=headers)


def _plain(value: Any) -> Any:
    """JSON for what Arrow hands out: ids as hex, maps (lists of pairs) as objects."""
    if isinstance(value, bytes):
        return value.hex()
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, list):
        if value and all(isinstance(item, tuple) for item in value):
            return {key: _plain(item) for key, item in value}
        return [_plain(item) for item in value]
    if isinstance(value, float) and value != value:
        return None
    return value
