"""/api/v1/anomalies: unusual series, grouped into events."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query
from fastapi.responses import JSONResponse

from causeway.errors import ConfigError
from causeway.messages import LANGUAGES
from causeway.window import parse_window
from dashboards.services import Services

Start = Annotated[str | None, Query(alias="from", description="RFC 3339, Unix seconds or -15m; default -1d")]
End = Annotated[str | None, Query(alias="to")]
Entity = Annotated[str | None, Query(description="only events in which this service takes part")]
Compute = Annotated[bool, Query(description="work them out from what is stored, whatever was kept")]


def anomaly_routes(router: APIRouter, services: Services) -> None:
    """Add the routes."""

    @router.get("/anomalies")
    def anomalies(
        start: Start = None, end: End = None, entity: Entity = None, compute: Compute = False, lang: str = "en"
    ) -> JSONResponse:
        from analytics.anomalies.answer import with_entity
        from analytics.anomalies.document import events_json

        window = parse_window(start, end, now_ns=services.now_ns(), default="-1d")
        found = services.anomalies(window, compute=compute)
        return JSONResponse(events_json(found if entity is None else with_entity(found, entity), _known(lang)))

    @router.get("/anomalies/{event_id}")
    def anomaly(event_id: int, lang: str = "en") -> JSONResponse:
        from analytics.anomalies.document import event_json

        found = services.anomaly(event_id)
        if found is None:
            error = {"kind": "not_found", "message": f"there is no anomaly event {event_id}"}
            return JSONResponse({"error": error}, status_code=404)
        return JSONResponse(event_json(found, _known(lang)))


def _known(language: str) -> str:
    if language not in LANGUAGES:
        raise ConfigError(f"no language {language!r}; there are {', '.join(LANGUAGES)}")
    return language
