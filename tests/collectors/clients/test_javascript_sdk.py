"""The official OpenTelemetry SDK for JavaScript delivers unchanged: JSON over HTTP, in chunks."""

from __future__ import annotations

import json
import subprocess

import pytest

from tests.collectors.receiver import Collector


@pytest.mark.parametrize("compression", ["none", "gzip"])
def test_everything(collector: Collector, js_client: list[str], compression: str) -> None:
    """Spans, metrics and log records of a Node program arrive in the tables."""
    done = subprocess.run([*js_client, collector.url, compression], capture_output=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr.decode()
    ids = {name: bytes.fromhex(value) for name, value in json.loads(done.stdout).items()}
    assert {encoding for _, _, encoding in collector.intake.requests} == {"json"}
    check_spans(collector, ids)
    check_metrics(collector)
    check_logs(collector, ids)


def check_spans(collector: Collector, ids: dict[str, bytes]) -> None:
    spans = {row["span_id"]: row for row in collector.table("spans").to_pylist()}
    server, client = spans[ids["parentId"]], spans[ids["spanId"]]
    assert server["trace_id"] == client["trace_id"] == ids["traceId"]
    assert (client["parent_span_id"], server["parent_span_id"]) == (ids["parentId"], None)
    assert (server["service"], server["instance"], server["version"]) == ("cart-js", "cart-js-0", "2.1.0")
    assert (client["kind"], client["status"], client["status_message"]) == ("CLIENT", "ERROR", "no price")
    assert (client["peer_service"], client["peer_type"], client["protocol"]) == ("price.shop.svc", "external", "http")
    told = dict(client["attributes"])
    assert (told["app.share"], told["app.cached"], told["app.tags"]) == ("0.25", "false", '["a","价格"]')
    assert [event["name"] for event in client["events"]] == ["exception"]
    assert client["links"][0]["span_id"] == ids["parentId"]


def check_metrics(collector: Collector) -> None:
    series = {row["name"]: row for row in collector.table("series").to_pylist()}
    assert {name: series[name]["type"] for name in ("cart.items", "cart.load", "cart.wait")} == {
        "cart.items": "sum",
        "cart.load": "gauge",
        "cart.wait": "histogram",
    }
    values = {row["series_id"]: row["value"] for row in collector.table("samples").to_pylist()}
    assert values[series["cart.items"]["series_id"]] == 3.0
    waits = [
        row for row in collector.table("histograms").to_pylist() if row["series_id"] == series["cart.wait"]["series_id"]
    ]
    assert waits[0]["count"] == 3 and waits[0]["sum"] == 38.0


def check_logs(collector: Collector, ids: dict[str, bytes]) -> None:
    warning, info = sorted(collector.table("logs").to_pylist(), key=lambda row: row["severity_number"], reverse=True)
    assert (warning["severity"], warning["body"]) == ("WARN", "no price for 价格")
    assert (warning["trace_id"], warning["span_id"]) == (ids["traceId"], ids["parentId"])
    assert (info["severity"], json.loads(info["body"])) == ("INFO", {"reason": "price", "left": [1, 2]})
