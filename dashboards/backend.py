"""Dash on FastAPI, with what we do not use switched off."""

from __future__ import annotations

from typing import Any

from dash.backends._fastapi import FastAPIDashServer


class QuietServer(FastAPIDashServer):
    """Without WebSocket callbacks: otherwise every page opens a socket that nobody answers."""

    websocket_capability: bool = False

    def serve_websocket_callback(self, dash_app: Any) -> None:
        """Nothing is served."""
