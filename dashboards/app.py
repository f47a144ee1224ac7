"""One ASGI application: the dashboards, the API, and what machines ask about this process."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

import dash_mantine_components as dmc
from dash import ClientsideFunction, Dash, Input, Output, State, no_update, set_props
from fastapi import FastAPI
from starlette.middleware.gzip import GZipMiddleware

from causeway import logs
from dashboards import shell
from dashboards.address import Address
from dashboards.api import answer_errors, api_router
from dashboards.backend import QuietServer, serve_pages
from dashboards.components.states import crashed
from dashboards.config import ServeConfig, check_binding
from dashboards.health import health_router
from dashboards.measures import CountRequests, Measures
from dashboards.page import all_pages
from dashboards.reports_route import reports_router
from dashboards.security import Guard, content_security_policy
from dashboards.services import Services
from dashboards.show import show
from dashboards.theme import FONT
from dashboards.view import View, view_of

log = logs.get("dashboards")
HERE = Path(__file__).parent
# Ids of service maps: a click on a box opens it.
MAPS = ("map", "incident-map", "blast-map")
# Ids of charts whose points have an address in their customdata.
CHARTS = ("risk-chart",)
INDEX = """<!DOCTYPE html>
<html lang="en">
<head>
{%metas%}
<title>{%title%}</title>
<script src="/assets/early/theme.js"></script>
{%favicon%}
{%css%}
</head>
<body>
{%app_entry%}
<footer hidden>
{%config%}
{%scripts%}
{%renderer%}
</footer>
</body>
</html>"""


def create_app(services: Services, config: ServeConfig | None = None) -> FastAPI:
    """The application over these services. Raises ConfigError where it would be open to strangers."""
    config = config or ServeConfig()
    check_binding(config)
    all_pages()  # imports the component libraries, whose scripts the first page must name
    measures = Measures(services)
    dash = _dash(services)
    server: FastAPI = dash.server
    server.include_router(health_router(services, measures))
    server.include_router(reports_router(services))
    server.include_router(api_router(services))
    answer_errors(server)
    serve_pages(server, dash)
    server.add_middleware(GZipMiddleware, minimum_size=800, compresslevel=5)
    policy = content_security_policy(dash.csp_hashes())
    server.add_middleware(Guard, config=config, policy=policy)
    server.add_middleware(CountRequests, measures=measures)
    return server


def _dash(services: Services) -> Dash:
    dash = Dash(
        name=__name__,
        backend=QuietServer,
        assets_folder=str(HERE / "assets"),
        assets_ignore=r"theme\.js$",
        use_pages=False,
        index_string=INDEX,
        title="Causeway",
        update_title="",
        serve_locally=True,
        compress=False,
        suppress_callback_exceptions=True,
        meta_tags=[{"name": "viewport", "content": "width=device-width, initial-scale=1"}],
        on_error=partial(_on_error, services),
    )
    dash.layout = dmc.MantineProvider(
        shell.layout(),
        theme={"fontFamily": FONT, "primaryColor": "indigo", "defaultRadius": "sm"},
        defaultColorScheme="auto",
    )
    _callbacks(dash, services)
    return dash


def _callbacks(dash: Dash, services: Services) -> None:
    dash.clientside_callback(
        ClientsideFunction("causeway", "preferences"), Output("preferences", "data"), Input("url", "pathname")
    )
    dash.clientside_callback(
        ClientsideFunction("causeway", "heading"), Output("meta-sink", "children"), Input("meta", "data")
    )
    for name in MAPS:
        dash.clientside_callback(
            ClientsideFunction("causewayMap", "open"),
            Output("meta-sink", "title", allow_duplicate=True),
            Input(name, "tapNodeData"),
            prevent_initial_call=True,
        )

    for name in CHARTS:
        dash.clientside_callback(
            ClientsideFunction("causeway", "openPoint"),
            Output("meta-sink", "lang", allow_duplicate=True),
            Input(name, "clickData"),
            prevent_initial_call=True,
        )

    dash.clientside_callback(
        ClientsideFunction("causewayMap", "drawn"),
        Output("meta-sink", "className", allow_duplicate=True),
        Input("map", "elements"),
        prevent_initial_call="initial_duplicate",
    )

    @dash.callback(
        Output("sent", "data"),
        Input("url", "pathname"),
        Input("url", "search"),
        Input("preferences", "data"),
        Input("tick", "n_intervals"),
        State("sent", "data"),
    )
    async def _show(
        path: str | None,
        search: str | None,
        preferences: Mapping[str, str] | None,
        _tick: int | None,
        sent: Mapping[str, str] | None,
    ) -> Any:
        if preferences is None:
            return no_update
        shown = await asyncio.to_thread(show, services, path=path, search=search, preferences=preferences, sent=sent)
        for name, properties in shown.updates.items():
            set_props(name, dict(properties))
        return dict(shown.sent)


def _on_error(services: Services, error: Exception) -> Any:
    """A page that failed says so in its place; the details go to the log, never to the screen."""
    log.error("page.failed", exc_info=error)
    view: View = view_of(Address(), now_ns=services.now_ns())
    set_props("page", {"children": crashed(view)})
    return {}
