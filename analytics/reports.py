"""Patrol reports as documents, in every format that is installed (`causeway.report_formats`)."""

from __future__ import annotations

from pathlib import Path

from causeway import registry
from causeway.findings import PatrolReport


def report_formats() -> tuple[str, ...]:
    """The names of the formats, sorted: html, md and those of plug-ins."""
    return registry.names("report_formats")


def report_document(report: PatrolReport, kind: str, *, language: str = "en") -> str:
    """The report in that format. Raises ConfigError for a format that is not installed."""
    return str(registry.load("report_formats", kind)(report, language=language, previous=None))


def write_reports(report: PatrolReport, folder: Path, *, language: str = "en") -> tuple[Path, ...]:
    """Writes `patrol.<format>` in every format into the folder, which is made if absent; the files' paths."""
    folder.mkdir(parents=True, exist_ok=True)
    written = []
    for kind in report_formats():
        path = folder / f"patrol.{kind}"
        path.write_text(report_document(report, kind, language=language), encoding="utf-8")
        written.append(path)
    return tuple(written)
