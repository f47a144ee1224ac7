"""One template of a window by its id, as the API and notebooks get it: what it counts, its lines, its traces."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from analytics.logtemplates.lines import Detail, TemplateLines, detail_json, detail_of, explained_json
from analytics.logtemplates.survey import Row, Survey, row_json, survey_json
from causeway.errors import BadRequest

LINES_MAX = 1000


def template_id_of(text: str) -> int:
    """The number in an id as answers write it. Raises BadRequest for anything else."""
    try:
        found = int(text)
    except ValueError:
        found = 1 << 64
    if not -(1 << 63) <= found < 1 << 63:
        raise BadRequest(f"not a template id: {text[:80]!r} (a whole number, as `causeway templates list` shows it)")
    return found


def rows_of(found: Survey, template_id: int, service: str | None = None) -> tuple[Row, ...]:
    """The template by service, most lines first."""
    return tuple(
        row for row in found.rows if row.template_id == template_id and (service is None or row.service == service)
    )


def templates_document(found: Survey, service: str | None = None) -> dict[str, Any]:
    """The document of `causeway templates list`, of one service where it is given."""
    document = survey_json(found)
    if service is not None:
        document["templates"] = [one for one in document["templates"] if one["service"] == service]
        document["without_history"] = [one for one in document["without_history"] if one == service]
    return document


def template_document(
    found: Survey,
    template_id: int,
    lines_of: Callable[[], TemplateLines | None],
    *,
    service: str | None = None,
    examples: int,
) -> dict[str, Any] | None:
    """The document of `causeway templates explain` with its row for each service, `templates`; None if unknown.

    A template that is gone shows its last lines, from the baseline: `window` is where they are from. lines_of: asked
    only for a known id.
    """
    rows = rows_of(found, template_id, service)
    if not rows:
        return None
    lines = lines_of()
    counted = {"templates": [row_json(row) for row in rows]}
    if lines is None:
        none = {"matched": 0, "read": 0, "truncated": True, "examples": [], "traces": []}
        bare = Detail(template_id, rows[0].version, rows[0].template, ())
        return {"window": found.window.as_json(), **detail_json(bare), **none, **counted}
    return {**explained_json(lines, detail_of(lines, version=rows[0].version), examples=examples), **counted}
