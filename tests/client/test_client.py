"""One suite for both ways in: a folder on this machine, and a server."""

import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import networkx as nx
import pandas as pd
import pytest

import causeway
from causeway.client import Client, Truncated, hypotheses
from causeway.errors import CausewayError, StoreError
from causeway.findings import DiagnosisVerdict
from causeway.state import open_state
from causeway.window import HOUR_NS, SECOND_NS, Window
from tests.servers.process import running
from tests.small_store import STEPS, Shop

_URL = re.compile(r'"url": "(http://127\.0\.0\.1:\d+)"')


@pytest.fixture(scope="module")
def served(shop_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a real server over the folder."""
    command = [sys.executable, "-m", "causeway", "serve", "--data", shop_folder, "--port", "0"]
    with running(command, folder=tmp_path_factory.mktemp("serve"), name="serve") as child:
        yield child.wait_for(lambda: _URL.search(child.output()), what="the server to listen", timeout_s=60).group(1)


@pytest.fixture(scope="module", params=["local", "remote"])
def client(request: pytest.FixtureRequest, shop_folder: Path) -> Iterator[Client]:
    """The same telemetry from a folder and from a server."""
    if request.param == "local":
        opened = causeway.open(shop_folder)
    else:
        opened = causeway.connect(request.getfixturevalue("served"))
    with opened:
        yield opened


def _times(window: Window) -> tuple[int, int]:
    return window.start_ns, window.end_ns


def test_services(client: Client, slow_payment: Shop) -> None:
    """Every service of the window, by name; none outside it."""
    assert client.services(*_times(slow_payment.window)) == ["cart", "frontend", "payment", "shipping"]
    assert client.services(0, SECOND_NS) == []


def test_spans(client: Client, slow_payment: Shop) -> None:
    """Spans of the half-open window and the service, by start, with times and ids as people read them."""
    window = slow_payment.fault_window
    spans = client.spans(*_times(window), service="payment")
    assert set(spans["service"]) == {"payment"}
    assert len(spans) == pytest.approx(2 * 5 * slow_payment.traces_per_minute, abs=2)
    assert spans["start"].is_monotonic_increasing
    assert spans["start"].min() >= pd.Timestamp(window.start_ns, tz="UTC")
    assert spans.loc[spans["kind"] == "SERVER", "duration_ms"].median() > 300
    assert spans["attributes"].map(lambda found: found["shop.step"]).isin(["5", "6"]).all()


def test_a_cut_answer_says_so(client: Client, slow_payment: Shop) -> None:
    """More rows than the limit are a warning and the first rows; as many as the limit are not."""
    times = _times(slow_payment.window)
    with pytest.warns(Truncated, match="spans: only the first 5 rows"):
        assert len(client.spans(*times, limit=5)) == 5
    everything = slow_payment.minutes * slow_payment.traces_per_minute
    assert len(client.logs(*times, limit=everything)) == everything


def test_times_in_any_form(client: Client, slow_payment: Shop) -> None:
    """Unix ns, RFC 3339, datetime and Timestamp name the same instants."""
    start_ns, end_ns = _times(slow_payment.fault_window)
    start, end = (datetime.fromtimestamp(ns // SECOND_NS, UTC) for ns in (start_ns, end_ns))
    expected = client.events(0, end_ns)
    assert len(expected) == 1
    assert client.events("1970-01-01T00:00:00Z", end.isoformat()).equals(expected)
    assert client.events(pd.Timestamp(0, tz="UTC"), end).equals(expected)
    assert client.events(start, end).empty


def test_samples_know_their_series(client: Client, slow_payment: Shop) -> None:
    """Values come with metric name, service, instance and unit; a name narrows them."""
    samples = client.samples(*_times(slow_payment.window), service="cart", name="process.memory.usage")
    assert set(samples["name"]) == {"process.memory.usage"} and set(samples["instance"]) == {"cart-1"}
    assert set(samples["unit"]) == {"By"}
    assert len(samples) == slow_payment.minutes * 6
    assert samples["value"].between(110e6, 130e6).all()


def test_graph(client: Client, slow_payment: Shop) -> None:
    """The graph has every call of the shop, with counts and latencies, and converts to networkx."""
    graph = client.graph(*_times(slow_payment.fault_window))
    calls = {(edge.caller, edge.callee) for edge in graph.edges.itertuples()}
    assert calls == {
        ("frontend", "cart"),
        ("frontend", "payment"),
        ("frontend", "orders"),
        ("cart", "redis"),
        ("payment", "postgresql"),
        ("orders", "shipping"),
    }
    slow = graph.edges.set_index(["caller", "callee"]).loc[("frontend", "payment")]
    assert slow["latency_ms_p50"] > 300 and slow["calls"] == pytest.approx(300, abs=2)
    assert graph.window == slow_payment.fault_window
    assert graph.coverage["orphans"] == 0
    network = graph.to_networkx()
    assert nx.has_path(network, "frontend", "shipping") and not nx.has_path(network, "cart", "payment")
    assert network.nodes["redis"]["type"] == "database"


def test_graph_of_operations(client: Client, slow_payment: Shop) -> None:
    """A finer graph has the same calls between services; `service` and `hops` cut out a part of it."""
    times = _times(slow_payment.fault_window)
    services, operations = client.graph(*times), client.graph(*times, level="operation")
    assert operations.level == "operation" and operations.depth["longest_calls"] >= 2
    pairs = ["caller_service", "callee_service"]
    assert (
        operations.edges.groupby(pairs)["calls"].sum().to_dict()
        == services.edges.groupby(pairs)["calls"].sum().to_dict()
    )
    near = client.graph(*times, level="operation", service="payment", hops=1)
    assert set(near.edges["caller_service"]) == {"frontend", "payment"}


def test_graph_diff(client: Client, slow_payment: Shop) -> None:
    """The fault shows on the calls to the slow service; a window against itself has no difference."""
    times = _times(slow_payment.fault_window)
    found = client.graph_diff(*times, before=_times(Window(slow_payment.window.start_ns, times[0])))
    slow = found.edges.set_index(["caller", "callee"]).loc[("frontend", "payment")]
    assert slow["status"] == "changed" and slow["changes"] == ["latency"] and slow["latency_ms_mean_after"] > 300
    assert not found.edges["first_seen"].isna().any() and found.after == slow_payment.fault_window
    assert client.graph_diff(*times, before=times).differs.empty
    with pytest.raises(CausewayError, match="no level 'pod'"):
        client.graph_diff(*times, level="pod")


def test_impact(client: Client, slow_payment: Shop) -> None:
    """One row per node, highest first, with its fans as columns."""
    impact = client.impact(*_times(slow_payment.fault_window))
    assert impact["service"].iloc[0] == "frontend"
    assert impact["impact"].is_monotonic_decreasing and impact["impact"].between(0, 100).all()
    fans = impact.set_index("service")
    assert fans.loc["frontend", "fan_out_transitive"] == 6 and fans.loc["postgresql", "fan_in_transitive"] == 2


def test_impact_history(client: Client, shop_folder: Path, slow_payment: Shop) -> None:
    """A column for each service and a row for each hour of the window; holes are NaN."""
    hour = slow_payment.window.start_ns // HOUR_NS * HOUR_NS - 100 * HOUR_NS
    with closing(open_state(shop_folder)) as state:
        state.add_impacts(hour, {"frontend": 70.5})
        state.add_impacts(hour + 2 * HOUR_NS, {"frontend": 71.0, "cart": 20.0})
    found = client.impact_history(hour, hour + 4 * HOUR_NS)
    assert list(found.columns) == ["cart", "frontend"]
    assert found.index[0] == pd.Timestamp(hour, tz="UTC") and len(found) == 4
    assert found["frontend"].isna().tolist() == [False, True, False, True]
    assert found["cart"].iloc[2] == 20.0
    assert len(client.impact_history(hour - 900 * HOUR_NS, hour - 800 * HOUR_NS)) == 0


def test_risk(client: Client, slow_payment: Shop) -> None:
    """One row per node, a column for each part of the likelihood; what is not known is missing."""
    risk = client.risk(*_times(slow_payment.fault_window))
    assert risk["risk"].is_monotonic_decreasing
    by_name = risk.set_index("service")
    assert by_name.loc["payment", "likelihood"] > 0.3 and by_name.loc["payment", "anomaly"] > 0
    assert {"budget", "saturation", "change", "fragility", "summary"} <= set(risk)


def test_consequences(client: Client, slow_payment: Shop) -> None:
    """Who is hit and what journeys lose, as frames; a slow-down adds what is waited for."""
    times = _times(slow_payment.fault_window)
    blast = client.blast_radius("payment", *times)
    assert "frontend" in set(blast.victims["service"]) and blast.window == slow_payment.fault_window
    assert blast.summary.startswith("If payment fails") and blast.failing is not None
    removed = client.what_if(*times, remove="payment")
    assert removed.victims["service"].tolist() == blast.victims["service"].tolist()
    slower = client.what_if(*times, slow="payment", by="200ms")
    assert slower.journeys["added_ms_mean"].max() > 0 and slower.failing is None
    with pytest.raises(CausewayError, match="no service 'basket'"):
        client.blast_radius("basket", *times)


def test_diagnosis(client: Client, slow_payment: Shop) -> None:
    """The slow service is the first hypothesis, as an object and as a row with its sentences."""
    diagnosis = client.diagnose(*_times(slow_payment.fault_window))
    assert diagnosis.verdict is DiagnosisVerdict.CAUSE_FOUND
    assert diagnosis.hypotheses[0].entity == "payment"
    frame = hypotheses(diagnosis)
    assert frame["rank"].tolist() == list(range(1, len(frame) + 1))
    assert frame["entity"].iloc[0] == "payment" and len(frame["for"].iloc[0]) > 0
    assert hypotheses(diagnosis, language="zh-CN")["summary"].iloc[0] != frame["summary"].iloc[0]


def test_patrol(client: Client, slow_payment: Shop) -> None:
    """The report names the slow service among its findings."""
    report = client.patrol(*_times(slow_payment.fault_window))
    assert report.window == slow_payment.fault_window
    assert any(finding.entity == "payment" for finding in report.findings if finding.verdict.rank >= 2)


def test_log_templates(client: Client, slow_payment: Shop) -> None:
    """The kinds of messages with their counts; one of them with its lines and traces; an unknown one is an error."""
    times = _times(slow_payment.fault_window)
    found = client.templates(*times, service="payment")
    assert set(found["service"]) == {"payment"} and found["lines"].is_monotonic_decreasing
    first = found.iloc[0]
    one = client.template(first["template_id"], *times, service="payment", limit=7)
    assert one.template == first["template"] and one.window == slow_payment.fault_window
    assert len(one.lines) == 7 and one.lines["time"].is_monotonic_decreasing
    assert one.document["matched"] == first["lines"] == one.counts["lines"].sum()
    spans = client.spans(*times, limit=100_000)
    assert set(one.traces["trace_id"]) <= set(spans["trace_id"]) and len(one.traces) > 0
    for wrong in ("17", "no number"):
        with pytest.raises(CausewayError, match=wrong):
            client.template(wrong, *times)


def test_no_incidents_is_an_empty_list(client: Client) -> None:
    """A folder that no analysis ran on has no incidents, and reading it makes none."""
    assert client.incidents() == []


def test_an_unknown_table_is_refused(client: Client) -> None:
    """A misspelt table is an error naming it."""
    with pytest.raises(CausewayError, match="spanz"):
        client.table("spanz", 0, SECOND_NS)


def test_every_table_is_there(client: Client, slow_payment: Shop) -> None:
    """Rollups and events can be read like spans."""
    times = _times(slow_payment.fault_window)
    edges = client.table("edges", *times)
    per_trace = sum(step.peer is not None for step in STEPS)
    assert edges["calls"].sum() == pytest.approx(300 * per_trace, rel=0.01)
    assert not client.table("operations", *times).empty and not client.table("instances", *times).empty


def test_a_missing_folder_and_a_silent_server_are_named(tmp_path: Path) -> None:
    """Opening nothing is an error that says what to start."""
    with pytest.raises(StoreError, match="causeway up"):
        causeway.open(tmp_path / "nothing")
    with pytest.raises(CausewayError, match=r"no answer from http://127\.0\.0\.1:9"):
        causeway.connect("http://127.0.0.1:9").services()


def test_importing_causeway_is_cheap() -> None:
    """`import causeway` loads neither pandas nor the client until `open` or `connect` is asked for."""
    code = "import sys, causeway; assert not {'pandas', 'causeway.client'} & set(sys.modules); causeway.open"
    subprocess.run([sys.executable, "-c", code], check=True)


def test_an_unknown_name_of_the_package_is_an_attribute_error() -> None:
    """Only `open` and `connect` are there."""
    with pytest.raises(AttributeError, match="nothing"):
        causeway.nothing  # noqa: B018
