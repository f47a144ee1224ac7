"""/healthz: the process answers. /readyz: it can answer questions, and how fresh the answers are. /metrics."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

from fastapi import APIRouter, Response
from fastapi.responses import JSONResponse

from causeway.errors import CausewayError
from causeway.window import SECOND_NS
from dashboards.measures import CONTENT_TYPE, Measures
from dashboards.services import Services


def health_router(services: Services, measures: Measures) -> APIRouter:
    """The three routes that machines ask."""
    router = APIRouter()

    @router.get("/healthz", include_in_schema=False)
    async def healthz() -> dict[str, str]:
        return {"status": "ok"}

    @router.get("/readyz", include_in_schema=False)
    def readyz() -> JSONResponse:
        return readiness(services)

    @router.get("/metrics", include_in_schema=False)
    def metrics() -> Response:
        return Response(measures.text(), media_type=CONTENT_TYPE)

    return router


def readiness(services: Services) -> JSONResponse:
    """200 with the age of the newest record and the free disk; 503 with the reason while the store is unreadable."""
    try:
        status = services.status()
    except CausewayError as error:
        return JSONResponse({"ready": False, "reason": str(error)}, status_code=503)
    newest = max((table.last_ns for table in status.tables if table.last_ns is not None), default=None)
    answer: dict[str, Any] = {
        "ready": True,
        "store": {"kind": status.kind, "location": status.location, "problems": list(status.problems)},
        "newest_record_age_s": None if newest is None else round((services.now_ns() - newest) / SECOND_NS, 3),
        "disk_free_bytes": _disk_free(status.location),
    }
    return JSONResponse(answer)


def _disk_free(location: str) -> int | None:
    folder = Path(location)
    return shutil.disk_usage(folder).free if folder.is_dir() else None
