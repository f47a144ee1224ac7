"""Reports that patrols wrote, served from DIR/reports and from nowhere else."""

from __future__ import annotations

from fastapi import APIRouter, Response
from fastapi.responses import FileResponse, PlainTextResponse

from dashboards.security import REPORT_POLICY
from dashboards.services import Services

TYPES = {".html": "text/html; charset=utf-8", ".md": "text/markdown; charset=utf-8", ".json": "application/json"}


def reports_router(services: Services) -> APIRouter:
    """`GET /reports/<name>`; 404 for anything that is not a report file."""
    router = APIRouter()

    @router.get("/reports/{name:path}", include_in_schema=False)
    def report(name: str) -> Response:
        found = services.report_file(name)
        if found is None or found.suffix not in TYPES:
            return PlainTextResponse("no such report\n", status_code=404)
        headers = {"Content-Security-Policy": REPORT_POLICY, "Cache-Control": "no-store"}
        return FileResponse(found, media_type=TYPES[found.suffix], headers=headers)

    return router
