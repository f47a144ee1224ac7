"""The commands impact, risk, blast and whatif, over a stored shop."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest
import typer
from typer.testing import CliRunner, Result

from analytics.commands import register
from causeway.errors import ConfigError
from causeway.state import open_state
from causeway.stores.embedded.store import EmbeddedStore
from causeway.window import HOUR_NS, iso
from tests.small_store import Shop, shop_batch

SHOP = Shop(failing="payment")
TIMES = f"{iso(SHOP.window.start_ns)}/{iso(SHOP.fault_window.start_ns)}"
HOUR = SHOP.fault_window.start_ns // HOUR_NS * HOUR_NS


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("shop")
    store = EmbeddedStore(folder)
    store.add(shop_batch(SHOP))
    store.flush()
    store.close()
    state = open_state(folder)
    state.add_impacts(HOUR, {"payment": 12.0})
    state.close()
    return folder


@pytest.fixture
def ask(folder: Path) -> Callable[..., Result]:
    """Runs a command over the fault's window."""
    app = typer.Typer()
    register(app)

    def run(*words: str) -> Result:
        window = ["--from", iso(SHOP.fault_window.start_ns), "--to", iso(SHOP.fault_window.end_ns)]
        return CliRunner().invoke(app, [*words, "--data", str(folder), *window])

    return run


def answered(result: Result) -> str:
    assert result.exit_code == 0, (result.output, result.exception)
    return result.stdout


def test_impact_is_measured_unless_in_a_hurry(ask) -> None:
    """The same order either way; only the measured answer knows what fails with whom."""
    measured = json.loads(answered(ask("impact", "--format", "json")))
    fast = json.loads(answered(ask("impact", "--fast", "--format", "json")))
    assert measured["services"][0]["service"] == fast["services"][0]["service"] == "frontend"
    assert {one["method"] for one in fast["services"]} == {"graph"}
    assert "traces" in {one["method"] for one in measured["services"]} and measured["estimated"] != fast["estimated"]
    assert "Measured in sampled traces" in answered(ask("impact"))
    assert "由调用比例估算" in answered(ask("impact", "--fast", "--lang", "zh-CN"))


def test_impact_for_other_tools(ask) -> None:
    """CSV has a row for each node, GraphML and DOT the score on each."""
    rows = list(csv.DictReader(io.StringIO(answered(ask("impact", "--format", "csv")))))
    scores = {row["service"]: float(row["impact"]) for row in rows}
    assert scores["frontend"] == max(scores.values()) and {"entry_share", "failing"} <= set(rows[0])
    graph = ET.fromstring(answered(ask("impact", "--format", "graphml")))
    assert any(key.get("attr.name") == "impact" for key in graph.iter("{http://graphml.graphdrawing.org/xmlns}key"))
    dot = answered(ask("impact", "--format", "dot"))
    assert dot.startswith("digraph impact") and 'label="frontend\\n' in dot


def test_impact_of_operations(ask) -> None:
    """A finer level has its own nodes."""
    document = json.loads(answered(ask("impact", "--level", "operation", "--format", "json")))
    assert document["level"] == "operation"
    assert any(one["service"].startswith("frontend › ") for one in document["services"])


def test_impact_of_one_service(ask) -> None:
    """Everything about it: parts in words, journeys, its callers, the hours that are kept."""
    shown = answered(ask("impact", "payment"))
    for words in ("who depends on it", "Journeys", "frontend", "highest 12"):
        assert words in shown
    assert "keeps it for every full hour" in answered(ask("impact", "cart"))
    document = json.loads(answered(ask("impact", "payment", "--format", "json")))
    assert {"hour": iso(HOUR), "impact": 12.0} in document["history"]
    assert document["transmissions"][0]["caller"] == "frontend" and document["service"]["service"] == "payment"


def test_impact_then_and_now(ask) -> None:
    """A window against itself has no change; one before the data has everybody as new."""
    times = f"{iso(SHOP.fault_window.start_ns)}/{iso(SHOP.fault_window.end_ns)}"
    same = json.loads(answered(ask("impact", "--diff", times, "--format", "json")))
    assert {one["status"] for one in same["services"]} == {"same"}
    fresh = json.loads(answered(ask("impact", "--diff", "2001-01-01/2001-01-02", "--format", "json")))
    assert {one["status"] for one in fresh["services"]} == {"new"}
    earlier = answered(ask("impact", "--diff", TIMES, "--fast"))
    assert "Unchanged to a point" in earlier
    rows = list(csv.DictReader(io.StringIO(answered(ask("impact", "--diff", TIMES, "--format", "csv")))))
    assert {"service", "status", "before", "after", "change"} <= set(rows[0])


def test_risk(ask) -> None:
    """Who fails is at risk, with reasons; --fail-on sees it."""
    document = json.loads(answered(ask("risk", "--format", "json")))
    by_name = {one["service"]: one for one in document["risks"]}
    assert by_name["payment"]["likelihood"] > 0.4
    assert document["risks"][0]["risk"] == max(one["risk"] for one in document["risks"])
    assert "The greatest risk is" in answered(ask("risk", "--fast"))
    assert "风险" in answered(ask("risk", "--fast", "--lang", "zh-CN"))
    assert ask("risk", "--fast", "--fail-on", "warning").exit_code == 1
    assert answered(ask("risk", "--fast", "--format", "csv")).startswith("service,type,risk")


def test_blast_and_whatif(ask) -> None:
    """The same target gives the same losses either way."""
    blast = json.loads(answered(ask("blast", "payment", "--format", "json")))
    removed = json.loads(answered(ask("whatif", "--remove", "payment", "--format", "json")))
    assert "frontend" in {one["service"] for one in blast["victims"]} and blast["failing"] == removed["failing"]
    assert "Who is hit" in answered(ask("blast", "payment"))
    assert "受波及者" in answered(ask("blast", "payment", "--lang", "zh-CN"))
    slower = answered(ask("whatif", "--slow", "payment", "--by", "200ms"))
    assert "later (mean)" in slower and "200 ms" in slower


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        (("impact", "basket"), "known: "),
        (("impact", "payment", "--format", "csv"), "SERVICE goes with"),
        (("impact", "--diff", "1h", "--format", "dot"), "--format: no 'dot'"),
        (("blast", "basket"), "no service 'basket'"),
        (("whatif", "--slow", "payment"), "needs --by"),
        (("risk", "--format", "dot"), "--format: no 'dot'"),
    ],
)
def test_what_cannot_be_answered_is_said(ask, words: tuple[str, ...], reason: str) -> None:
    """The error names what there is."""
    result = ask(*words)
    assert isinstance(result.exception, ConfigError) and reason in str(result.exception)


def test_an_empty_window_is_unknown(folder: Path) -> None:
    """No data is not green."""
    app = typer.Typer()
    register(app)
    window = ["--from", "2001-01-01", "--to", "2001-01-02"]
    for words in (["impact"], ["risk"]):
        result = CliRunner().invoke(app, [*words, "--data", str(folder), *window, "--fail-on", "unknown"])
        assert result.exit_code == 1 and "No services were seen" in result.stdout
    result = CliRunner().invoke(app, ["blast", "payment", "--data", str(folder), *window])
    assert isinstance(result.exception, ConfigError) and "no service was seen" in str(result.exception)
