"""Dash on FastAPI, with what we do not use switched off."""

from __future__ import annotations

from typing import Any

from dash.backends._fastapi import FastAPIDashServer, reset_current_request, set_current_request
from fastapi import FastAPI, Request, Response

from dashboards.page import page_at


class QuietServer(FastAPIDashServer):
    """Without WebSocket callbacks (every page would open a socket that nobody answers) and documentation pages.

    FastAPI's own documentation pages load scripts from another host.
    """

    websocket_capability: bool = False

    @staticmethod
    def create_app(name: str = "Causeway", config: dict[str, Any] | None = None) -> FastAPI:  # noqa: ARG004
        """The ASGI application that everything is mounted on."""
        return FastAPI(title="Causeway", docs_url=None, redoc_url=None, openapi_url="/api/v1/openapi.json")

    def _setup_catchall(self) -> None:
        """Ours is `serve_pages`: Dash's belongs to the application made last, and answers 200 to everything."""


def serve_pages(server: FastAPI, dash: Any) -> None:
    """Answer every page's address with the one HTML page, others too but with 404. To be called last.

    Dash collects scripts and callbacks when its own first address is asked for; a visit may begin elsewhere.
    """
    dash._setup_server()

    @server.get("/{path:path}", include_in_schema=False)
    async def page(request: Request, path: str) -> Response:
        token = set_current_request(request)
        try:
            found = page_at("/" + path) is not None
            headers = {"Cache-Control": "no-cache"}
            return Response(dash.index(), 200 if found else 404, headers, media_type="text/html")
        finally:
            reset_current_request(token)
