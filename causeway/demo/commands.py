"""The commands `up` and `demo`."""

from __future__ import annotations

import typer

from causeway import supervisor_commands


def register(app: typer.Typer) -> None:
    """Add both."""
    supervisor_commands.register(app)
