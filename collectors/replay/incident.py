"""A folder that tells one incident: metrics.csv, logs.ndjson, traces.json, context/{commits,deploys,flags}.json.

The layout of root-cause-bench. metrics.csv: timestamp, service, metric, value. A span whose trace_id is `same` is of
the trace before it. Everything in `context` becomes events: kind `commit` (nobody's service; files, author and diff as
attributes), `deploy` (with the revision deployed) and `flag`; `status_feed.json`, what a provider says of itself,
becomes events of kind `other` named `status`; `alert.json` is one of kind `alert`. Absent files are absent signals;
values that are missing stay missing.
"""

from __future__ import annotations

import csv
import hashlib
from collections.abc import Iterator, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

import orjson
import pyarrow as pa

from causeway.errors import ConfigError
from collectors.replay import plain

_CLIENT = 3
_SPAN_FIELDS = {"trace_id", "span_id", "parent_id", "service", "name", "start", "duration_ms", "status"}
_LOG_FIELDS = {"timestamp", "service", "severity_text", "msg"}
_TIMES = ("timestamp", "started_at")
_WELL = {"operational", "operating-normally", "ok", "resolved", "available", "up"}


def is_recording(folder: Path) -> bool:
    """Whether the folder is an incident of this layout."""
    return (folder / "context" / "commits.json").exists() or (folder / "logs.ndjson").exists()


def read(folder: Path) -> dict[str, pa.Table]:
    """All signals of the incident. Raises ConfigError for a file that cannot be understood."""
    try:
        rows = {
            "spans": list(_spans(_json(folder / "traces.json"))),
            "logs": list(_logs(folder / "logs.ndjson")),
            "metrics": list(_metrics(folder / "metrics.csv")),
            "events": [
                *_changes(folder / "context"),
                *_alert(folder / "alert.json"),
                *_status(folder / "status_feed.json"),
            ],
        }
    except (ValueError, KeyError, TypeError) as error:
        raise ConfigError(f"{folder} is no recorded incident: {type(error).__name__} {error}") from error
    return {signal: plain.table(signal, found) for signal, found in rows.items() if found}


def _metrics(path: Path) -> Iterator[dict[str, Any]]:
    if not path.exists():
        return
    for row in csv.DictReader(path.read_text(encoding="utf-8").splitlines()):
        if row["value"]:
            yield {
                "time_ns": _ns(row["timestamp"]),
                "service": row["service"],
                "name": row["metric"],
                "unit": "",
                "value": float(row["value"]),
            }


def _logs(path: Path) -> Iterator[dict[str, Any]]:
    if not path.exists():
        return
    for line in path.read_text(encoding="utf-8").splitlines():
        row = orjson.loads(line)
        yield {
            "time_ns": _ns(row["timestamp"]),
            "service": row["service"],
            "severity": row.get("severity_text", ""),
            "body": str(row.get("msg", "")),
            "attributes": _rest(row, _LOG_FIELDS),
        }


def _spans(rows: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    trace = ""
    for row in rows:
        trace = trace if row["trace_id"] == "same" else str(row["trace_id"])
        parent = row.get("parent_id")
        yield {
            "time_ns": _ns(row["start"]),
            "duration_ns": int(float(row["duration_ms"]) * 1e6),
            "trace_id": _hex(trace, 32),
            "span_id": _hex(f"{trace}/{row['span_id']}", 16),
            "parent_span_id": _hex(f"{trace}/{parent}", 16) if parent else None,
            "service": row["service"],
            "operation": row["name"],
            "kind": _CLIENT if row.get("peer.service") else 0,
            "failed": row["status"] == "ERROR",
            "attributes": _rest(row, _SPAN_FIELDS),
        }


def _changes(folder: Path) -> Iterator[dict[str, Any]]:
    for row in _json(folder / "commits.json"):
        about = {"vcs.ref.head.revision": row["sha"], "vcs.change.files": " ".join(row.get("files_changed") or ())}
        about |= {"vcs.change.diff": row["diff"]} if row.get("diff") else {}
        about |= {"user.name": row["author"]} if row.get("author") else {}
        yield _event(row, "commit", "", row["sha"], str(row["message"]), about)
    for row in _json(folder / "deploys.json"):
        about = {"vcs.ref.head.revision": row.get("commit_sha", ""), "service.version": row.get("version", "")}
        yield _event(row, "deploy", row["service"], row["service"], str(row.get("version", "")), about)
    for row in _json(folder / "flags.json"):
        said = f"{row['flag']} {row.get('change', '')}".strip()
        yield _event(row, "flag", row["service"], row["service"], said, {"feature_flag.key": row["flag"]})


def _alert(path: Path) -> Iterator[dict[str, Any]]:
    row = _json(path)
    if row:
        about = {"metric": str(row.get("metric", "")), "threshold": str(row.get("threshold", ""))}
        said = str(row.get("summary") or row.get("monitor") or "")
        yield _event({"timestamp": row["fired_at"]}, "alert", row["service"], row["service"], said, about)


def _status(path: Path) -> Iterator[dict[str, Any]]:
    """What a provider reports about itself: every entry with a time, anywhere in the file, that is not about health."""
    found = _json(path) or {}
    for row, above in _entries(found, {}):
        said = {**above, **row}
        state = str(said.get("status") or said.get("impact") or "")
        words = [str(row[key]) for key in ("title", "name", "detail", "body") if row.get(key)]
        if state.lower() not in _WELL and words:
            time = next(row[key] for key in _TIMES if row.get(key))
            source = str(said.get("provider") or said.get("component") or said.get("service") or said.get("source"))
            yield _event({"timestamp": time}, "other", "", source, ": ".join(words), {"status": state}, name="status")


def _entries(value: Any, above: Mapping[str, Any]) -> Iterator[tuple[dict[str, Any], Mapping[str, Any]]]:
    if isinstance(value, list):
        for item in value:
            yield from _entries(item, above)
    elif isinstance(value, dict):
        plainly = {key: item for key, item in value.items() if isinstance(item, str)}
        if any(plainly.get(key) for key in _TIMES):
            yield plainly, above
        for item in value.values():
            yield from _entries(item, {**above, **plainly})


def _event(
    row: Mapping[str, Any], kind: str, service: str, entity: str, message: str, about: dict[str, str], name: str = ""
) -> dict[str, Any]:
    return {
        "time_ns": _ns(row["timestamp"]),
        "kind": kind,
        "service": service,
        "entity": entity,
        "name": name or kind,
        "message": message,
        "attributes": {key: value for key, value in about.items() if value},
    }


def _json(path: Path) -> Any:
    return orjson.loads(path.read_bytes()) if path.exists() else []


def _rest(row: Mapping[str, Any], taken: set[str]) -> dict[str, str]:
    return {key: str(value) for key, value in row.items() if key not in taken and value is not None}


def _hex(text: str, length: int) -> str:
    """The identifier itself where it is one, else a stable one made of it."""
    if len(text) == length and all(letter in "0123456789abcdef" for letter in text.lower()) and set(text) != {"0"}:
        return text
    return hashlib.blake2b(text.encode(), digest_size=length // 2).hexdigest()


def _ns(text: str) -> int:
    return int(datetime.fromisoformat(text).timestamp() * 1000) * 1_000_000
