"""Attaching to Jaeger's query service. A small server answers as Jaeger's HTTP API does; no Jaeger runs here."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from causeway import cli
from causeway.errors import StoreError
from collectors.attach import jaeger_query
from tests.collectors.attach.sources import Recorded, calls_in, recorded, spans_in

WHEN = "2023-01-29T08:42:00Z"


class _Jaeger:
    """Answers /api/services and /api/traces from recorded spans."""

    def __init__(self, documents: list[dict[str, Any]]) -> None:
        self.traces: dict[str, list[dict[str, Any]]] = {}
        for document in documents:
            self.traces.setdefault(document["traceID"], []).append(document)
        self.services = sorted({document["process"]["serviceName"] for document in documents})
        self.largest = 0

    def answer(self, path: str, query: dict[str, list[str]]) -> list[Any]:
        if path == "/api/services":
            return self.services
        service, start, end = query["service"][0], int(query["start"][0]), int(query["end"][0])
        limit = int(query["limit"][0])
        found = [
            spans
            for spans in self.traces.values()
            if any(one["process"]["serviceName"] == service and start <= one["startTime"] <= end for one in spans)
        ]
        self.largest = max(self.largest, len(found))
        return [_trace(spans) for spans in found[:limit]]


def _trace(spans: list[dict[str, Any]]) -> dict[str, Any]:
    names = {json.dumps(span["process"]): f"p{number}" for number, span in enumerate(spans)}
    shown = [
        {
            **{key: value for key, value in span.items() if key != "process"},
            "processID": names[json.dumps(span["process"])],
        }
        for span in spans
    ]
    return {
        "traceID": spans[0]["traceID"],
        "spans": shown,
        "processes": {name: json.loads(process) for process, name in names.items()},
    }


@pytest.fixture
def jaeger(shared_data: Path) -> Iterator[tuple[_Jaeger, Recorded, str]]:
    known = recorded(shared_data)
    backend = _Jaeger(known.documents)

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            url = urlsplit(self.path)
            body = json.dumps({"data": backend.answer(url.path, parse_qs(url.query)), "errors": None}).encode()
            self.send_response(200)
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield backend, known, f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def _attach(url: str, data: Path) -> None:
    arguments = ["attach", url, "--layout", "jaeger-query", "--from", WHEN, "--once", "--data", str(data)]
    cli.build()(arguments, standalone_mode=False)


@pytest.fixture
def until(monkeypatch: pytest.MonkeyPatch) -> None:
    """The recorded minutes are the present: otherwise years of minutes would be asked for."""
    monkeypatch.setattr("collectors.attach.command.time.time_ns", lambda: 1674982100 * 1_000_000_000)


@pytest.mark.usefixtures("until")
def test_capped_answers_are_read_in_parts(
    jaeger: tuple[_Jaeger, Recorded, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any
) -> None:
    """With a limit below the traces of a minute all spans come nevertheless, each once, also when read twice."""
    backend, known, url = jaeger
    monkeypatch.setattr(jaeger_query, "TRACES_LIMIT", 20)
    _attach(url, tmp_path / "data")
    assert backend.largest > 20
    assert calls_in(tmp_path / "data") == known.calls
    _attach(url, tmp_path / "data")
    assert calls_in(tmp_path / "data") == known.calls
    assert spans_in(tmp_path / "data") == len(known.documents)
    assert "cut off" not in capsys.readouterr().err


@pytest.mark.usefixtures("until")
def test_what_cannot_be_read_whole_is_said(
    jaeger: tuple[_Jaeger, Recorded, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any
) -> None:
    """Where even a second holds more traces than an answer, the summary says that spans are missing."""
    monkeypatch.setattr(jaeger_query, "TRACES_LIMIT", 1)
    jaeger[0].services = ["ts-order-service"]
    _attach(jaeger[2], tmp_path / "data")
    assert "cut off by the query service: spans are missing" in capsys.readouterr().err


def test_another_server_is_told_apart(tmp_path: Path) -> None:
    """An address where nobody answers is an error that names it."""
    source = jaeger_query.JaegerQuery("http://127.0.0.1:9", ("span_id",))
    try:
        with pytest.raises(StoreError, match=r"cannot read http://127\.0\.0\.1:9/api/services"):
            source.services()
    finally:
        source.close()
