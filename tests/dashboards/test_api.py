"""Rules of the API."""

from __future__ import annotations

import pyarrow as pa
import pytest
from starlette.testclient import TestClient

from causeway.findings import Diagnosis, Incident, PatrolReport
from causeway.wire import from_json
from dashboards.api import ARROW
from dashboards.app import create_app
from tests.dashboards.fakes import BrokenServices

WINDOW = {"from": "-15m"}


def test_the_graph_has_its_fixed_shape(client: TestClient) -> None:
    """Nodes and edges carry the keys that others rely on."""
    graph = client.get("/api/v1/graph", params=WINDOW).json()
    assert {"window", "nodes", "edges", "coverage"} <= set(graph)
    assert {"caller", "callee", "calls", "error_ratio", "latency_ms_p50", "latency_ms_p95", "latency_ms_p99"} <= set(
        graph["edges"][0]
    )
    assert any(node["id"] == "frontend" and node["type"] == "service" for node in graph["nodes"])


def test_the_graph_is_answered_at_every_level(client: TestClient) -> None:
    """Operations are nodes of their service; `service` and `hops` cut out its neighbourhood."""
    asked = {**WINDOW, "level": "operation", "service": "payment", "hops": "1"}
    graph = client.get("/api/v1/graph", params=asked).json()
    assert graph["level"] == "operation"
    assert {node["id"] for node in graph["nodes"] if node["service"] == "payment"} == {"payment › Charge"}
    assert {edge["callee_service"] for edge in graph["edges"]} == {"payment", "bank-gateway"}


def test_changes_of_the_graph_are_answered(client: TestClient) -> None:
    """A window against itself has no change; one from before the data has every edge as new."""
    same = client.get("/api/v1/graph/diff", params={**WINDOW, "before": "-15m/now"}).json()
    assert same["counts"]["same"] + same["counts"]["too_few"] == len(same["edges"]) > 0
    fresh = client.get("/api/v1/graph/diff", params={**WINDOW, "before": "2001-01-01/2001-01-02"}).json()
    assert fresh["counts"]["new"] == len(fresh["edges"]) > 0
    assert {"before", "after", "looked", "traffic_ratio", "nodes"} <= set(fresh)


def test_impact_has_its_fixed_shape(client: TestClient) -> None:
    """Scores come with their parts."""
    services = client.get("/api/v1/impact", params=WINDOW).json()["services"]
    keys = {"service", "impact", "fan_in", "fan_out", "entry_share", "betweenness", "pagerank", "articulation"}
    assert keys <= set(services[0])


def test_impact_is_answered_at_every_level_and_by_the_hour(client: TestClient) -> None:
    """Operations are nodes; a fast answer is an estimate; what is kept comes by service."""
    finer = client.get("/api/v1/impact", params={**WINDOW, "level": "operation"}).json()
    assert finer["level"] == "operation" and any(" › " in one["service"] for one in finer["services"])
    fast = client.get("/api/v1/impact", params={**WINDOW, "fast": "true"}).json()
    assert {one["method"] for one in fast["services"]} == {"graph"}
    history = client.get("/api/v1/impact/history", params=WINDOW).json()
    assert len(history["hours"]) == len(history["services"]["frontend"]) > 0


def test_risk_is_answered(client: TestClient) -> None:
    """With every part and its reason, the highest first."""
    found = client.get("/api/v1/risk", params={**WINDOW, "lang": "zh-CN"}).json()["risks"]
    assert [one["risk"] for one in found] == sorted((one["risk"] for one in found), reverse=True)
    by_name = {one["service"]: one for one in found}
    assert by_name["payment"]["likelihood"] > 0.3 and len(by_name["payment"]["parts"]) == 5


def test_consequences_are_answered(client: TestClient) -> None:
    """Of a failure and of a change; what cannot be told is a 400 that says why."""
    blast = client.get("/api/v1/blast", params={**WINDOW, "target": "payment"}).json()
    removed = client.get("/api/v1/whatif", params={**WINDOW, "remove": "payment"}).json()
    assert blast["victims"] == removed["victims"] and blast["victims"]
    for path, asked, reason in (
        ("blast", {"target": "basket"}, "no service 'basket'"),
        ("whatif", {}, "either --remove"),
    ):
        refused = client.get(f"/api/v1/{path}", params={**WINDOW, **asked})
        assert refused.status_code == 400 and reason in refused.json()["error"]["message"]
    assert client.get("/api/v1/blast", params=WINDOW).status_code in {400, 422}


def test_findings_can_be_read_back(client: TestClient) -> None:
    """What the API sends becomes the same objects again."""
    diagnosis = from_json(Diagnosis, client.get("/api/v1/diagnose", params=WINDOW).json())
    assert diagnosis.hypotheses[0].entity == "payment"
    report = from_json(PatrolReport, client.get("/api/v1/patrol", params=WINDOW).json())
    assert report.findings
    incidents = client.get("/api/v1/incidents").json()["incidents"]
    assert [from_json(Incident, one).id for one in incidents] == [2, 1]
    assert len(client.get("/api/v1/incidents", params={"open": "true"}).json()["incidents"]) == 1


def test_reasons_come_in_the_asked_language(client: TestClient) -> None:
    """`lang=zh-CN` gives Chinese sentences; an unknown language is an error."""
    finding = client.get("/api/v1/patrol", params={**WINDOW, "lang": "zh-CN"}).json()["findings"][0]
    assert any("\u4e00" <= letter <= "\u9fff" for letter in finding["reason"])
    assert client.get("/api/v1/patrol", params={**WINDOW, "lang": "tlh"}).status_code == 400


@pytest.mark.parametrize("name", ["spans", "logs", "samples", "series", "events", "edges", "operations", "instances"])
def test_tables_come_as_arrow(client: TestClient, name: str) -> None:
    """Every table is an Arrow stream that says whether rows were left out."""
    answer = client.get(f"/api/v1/tables/{name}", params={**WINDOW, "limit": 5})
    assert answer.headers["content-type"] == ARROW
    table = pa.ipc.open_stream(answer.content).read_all()
    assert table.num_rows <= 5
    assert answer.headers["x-causeway-truncated"] == ("false" if name == "events" else "true")


def test_spans_come_as_json_or_arrow(client: TestClient) -> None:
    """Ids are hex and attributes objects in JSON; the Accept header asks for Arrow."""
    rows = client.get("/api/v1/spans", params={**WINDOW, "limit": 3}).json()
    assert rows["truncated"] is True
    assert len(rows["spans"][0]["trace_id"]) == 32
    assert rows["spans"][0]["attributes"]["customer.tier"] == "gold"
    assert client.get("/api/v1/spans", params=WINDOW, headers={"Accept": ARROW}).headers["content-type"] == ARROW


def test_a_trace_by_id(client: TestClient) -> None:
    """A known trace has its spans, an unknown one is 404, nonsense is 400."""
    assert len(client.get("/api/v1/traces/00000000000000000000000000000006").json()["spans"]) == 14
    assert client.get("/api/v1/traces/ffffffffffffffffffffffffffffffff").status_code == 404
    assert client.get("/api/v1/traces/nonsense").status_code == 400


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/api/v1/nothing", 404),
        ("/api/v1/tables/users", 400),
        ("/api/v1/graph?from=yesterday", 400),
        ("/api/v1/graph?level=pod", 400),
        ("/api/v1/graph?service=nobody", 400),
        ("/api/v1/graph/diff?before=soon", 400),
        ("/api/v1/spans?limit=0", 422),
        ("/api/v1/incidents/77", 404),
    ],
)
def test_errors_are_json_with_words(client: TestClient, path: str, status: int) -> None:
    """A mistake is answered with its kind and what was wrong, never with a page."""
    answer = client.get(path)
    assert answer.status_code == status
    assert answer.headers["content-type"] == "application/json"


def test_a_broken_store_is_503(broken: BrokenServices) -> None:
    """Clients can tell a broken store from a mistake of their own."""
    client = TestClient(create_app(broken), base_url="http://localhost")
    answer = client.get("/api/v1/graph")
    assert answer.status_code == 503
    assert answer.json()["error"]["kind"] == "store"


def test_templates_and_their_lines_are_answered(client: TestClient) -> None:
    """The window's templates, those that changed with when and how; one of them with its newest lines."""
    listed = client.get("/api/v1/templates", params={**WINDOW, "service": "payment"}).json()
    assert {"window", "baseline", "verdict", "capped", "without_history", "templates"} == set(listed)
    assert {row["service"] for row in listed["templates"]} == {"payment"}
    new = next(row for row in listed["templates"] if row["change"] and row["change"]["kind"] in {"new", "more"})
    asked = {**WINDOW, "service": "payment", "limit": 3}
    one = client.get(f"/api/v1/templates/{new['template_id']}", params=asked).json()
    assert (one["template"], len(one["examples"])) == (new["template"], 3)
    assert one["templates"] == [new] and one["matched"] == new["lines"]


@pytest.mark.parametrize(("asked", "status"), [("17", 404), ("x", 400), (str(1 << 63), 400)])
def test_an_unknown_template_is_said(client: TestClient, asked: str, status: int) -> None:
    """An id that the window does not have is not found; what is no id is refused."""
    answer = client.get(f"/api/v1/templates/{asked}", params=WINDOW)
    assert answer.status_code == status and asked in answer.json()["error"]["message"]
