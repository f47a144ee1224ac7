"""A patrol report as one HTML file: no script, no outside request, both themes, and it prints on A4."""

from __future__ import annotations

from functools import cache
from importlib import resources

import jinja2

from causeway.findings import PatrolReport
from dashboards.reports.patrol_view import Words, patrol_view
from dashboards.reports.sparkline import sparkline


def render(report: PatrolReport, *, language: str = "en", previous: PatrolReport | None = None) -> str:
    """The whole document."""
    view = patrol_view(report, language=language, previous=previous)
    return _template().render(view=view, words=Words(language), sparkline=sparkline)


@cache
def _template() -> jinja2.Template:
    source = (resources.files("dashboards.reports") / "patrol.html.j2").read_text(encoding="utf-8")
    environment = jinja2.Environment(
        autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    return environment.from_string(source)
