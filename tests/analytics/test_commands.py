"""The commands graph, impact, diagnose and patrol run, over a stored shop."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner, Result

from analytics.commands import register
from analytics.reading import check_fail_on, verdict_status
from causeway.errors import CausewayError, ConfigError
from causeway.findings import Verdict
from causeway.stores.embedded.store import EmbeddedStore
from causeway.window import iso
from tests.small_store import Shop, shop_batch

SHOP = Shop(failing="payment")
QUIET_BEFORE = ("--baseline", "20m")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("shop")
    store = EmbeddedStore(folder)
    store.add(shop_batch(SHOP))
    store.flush()
    store.close()
    return folder


@pytest.fixture(scope="module")
def app() -> typer.Typer:
    app = typer.Typer()
    register(app)
    return app


@pytest.fixture
def ask(app: typer.Typer, folder: Path) -> Callable[..., Result]:
    """Runs a command over the fault's window, or over the options given."""

    def run(*words: str, window: tuple[str, str] | None = None) -> Result:
        start, end = window or (iso(SHOP.fault_window.start_ns), iso(SHOP.fault_window.end_ns))
        return CliRunner().invoke(app, [*words, "--data", str(folder), "--from", start, "--to", end, *QUIET_BEFORE])

    return run


def test_graph_as_json(ask) -> None:
    """Standard output is one JSON document with the graph; nothing else is on it."""
    result = ask("graph", "--format", "json")
    assert result.exit_code == 0
    document = json.loads(result.stdout)
    assert document["window"]["from"] == iso(SHOP.fault_window.start_ns)
    assert {edge["callee"] for edge in document["edges"] if edge["caller"] == "frontend"} >= {"cart", "payment"}
    assert {entry["service"] for entry in document["entries"]} == {"frontend"}


def test_graph_of_operations_near_a_service(ask) -> None:
    """A finer level, cut out around a service, in any format."""
    document = json.loads(ask("graph", "--level", "operation", "--service", "cart", "--format", "json").stdout)
    assert document["level"] == "operation" and {"cart"} < {node["service"] for node in document["nodes"]}
    assert "payment" not in {node["service"] for node in document["nodes"]}
    assert "digraph" in ask("graph", "--level", "instance", "--format", "dot").stdout


def test_graph_changes(ask) -> None:
    """--diff compares with the time before; differences are a WARNING for --fail-on."""
    result = ask("graph", "--diff", "5m", "--format", "json", "--fail-on", "warning")
    changed = [edge for edge in json.loads(result.stdout)["edges"] if edge["status"] == "changed"]
    assert ("frontend", "payment") in {(edge["caller"], edge["callee"]) for edge in changed}
    assert result.exit_code == 1
    times = f"{iso(SHOP.fault_window.start_ns)}/{iso(SHOP.fault_window.end_ns)}"
    same = ask("graph", "--diff", times, "--fail-on", "warning")
    assert same.exit_code == 0 and "beyond noise" in same.stdout
    assert "变化" in ask("graph", "--diff", "5m", "--lang", "zh-CN").stdout


def test_impact_as_json_and_table(ask) -> None:
    """The gateway leads in both; the Chinese table has Chinese headings."""
    assert json.loads(ask("impact", "--format", "json").stdout)["services"][0]["service"] == "frontend"
    table = ask("impact", "--lang", "zh-CN").stdout
    assert "影响因子" in table and "frontend" in table


def test_diagnose_names_the_failing_service(ask) -> None:
    """The document has the stable keys; --fail-on turns a found cause into exit status 1."""
    result = ask("diagnose", "--format", "json", "--fail-on", "critical")
    document = json.loads(result.stdout)
    assert {"window", "onset", "verdict", "hypotheses"} <= set(document)
    assert document["verdict"] == "cause_found" and document["hypotheses"][0]["entity"] == "payment"
    assert result.exit_code == 1
    assert ask("diagnose").exit_code == 0


def test_patrol_run_writes_its_reports(ask, tmp_path: Path) -> None:
    """The report is shown, and written in every format with --out."""
    result = ask("patrol", "run", "--format", "json", "--out", str(tmp_path))
    document = json.loads(result.stdout)
    assert {"window", "score", "verdict", "findings"} <= set(document)
    assert {"inspection", "entity", "verdict", "value", "unit", "reason"} <= set(document["findings"][0])
    assert {file.suffix for file in tmp_path.iterdir()} == {".html", ".md"}
    assert document["findings"][0]["reason"] in ask("patrol", "run").stdout


def test_nothing_in_the_window_is_unknown_and_says_what_there_is(ask) -> None:
    """An empty answer says on standard error what the store holds, and counts as UNKNOWN."""
    result = ask("graph", "--fail-on", "unknown", window=("2001-01-01T00:00:00Z", "2001-01-01T01:00:00Z"))
    assert result.exit_code == 1
    assert iso(SHOP.window.start_ns)[:16] in result.stderr and "No spans in this window." in result.stdout


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        (("graph", "--format", "svg"), "--format: no 'svg'"),
        (("graph", "--level", "pod"), "no level 'pod'"),
        (("impact", "--format", "svg"), "--format: no 'svg'"),
        (("graph", "--lang", "fr"), "--lang: no 'fr'"),
        (("diagnose", "--fail-on", "bad"), "--fail-on: no 'bad'"),
    ],
)
def test_usage_errors_name_what_is_known(ask, words: tuple[str, ...], reason: str) -> None:
    """A wrong option is an error of ours, which the program turns into exit status 2."""
    result = ask(*words)
    assert isinstance(result.exception, CausewayError) and reason in str(result.exception)
    assert "known: " in str(result.exception)


@pytest.mark.parametrize("words", [("graph", "--service", "nobody"), ("graph", "--diff", "1h", "--service", "nobody")])
def test_an_unknown_service_is_named_with_those_there_are(ask, words: tuple[str, ...]) -> None:
    """A neighbourhood of nobody is an error, not an empty graph."""
    assert "there are cart, frontend" in str(ask(*words).exception)


def test_missing_store_is_named(app: typer.Typer, tmp_path: Path) -> None:
    """No store at --data: the error names the folder."""
    result = CliRunner().invoke(app, ["graph", "--data", str(tmp_path / "none")])
    assert isinstance(result.exception, CausewayError) and str(tmp_path / "none") in str(result.exception)


def test_configuration_names_the_folder(app: typer.Typer, folder: Path, tmp_path: Path) -> None:
    """`data` in the configuration file is the folder when --data is not given."""
    config = tmp_path / "causeway.toml"
    config.write_text(f'data = "{folder}"\n', encoding="utf-8")
    start, end = iso(SHOP.fault_window.start_ns), iso(SHOP.fault_window.end_ns)
    result = CliRunner().invoke(app, ["graph", "--config", str(config), "--from", start, "--to", end])
    assert "frontend" in result.stdout


@pytest.mark.parametrize(
    ("verdict", "fail_on", "status"),
    [
        (Verdict.CRITICAL, "never", 0),
        (Verdict.CRITICAL, "critical", 1),
        (Verdict.WARNING, "critical", 0),
        (Verdict.WARNING, "WARNING", 1),
        (Verdict.UNKNOWN, "warning", 0),
        (Verdict.UNKNOWN, "unknown", 1),
        (Verdict.OK, "unknown", 0),
    ],
)
def test_exit_status(verdict: Verdict, fail_on: str, status: int) -> None:
    """1 from the asked verdict on, and never for OK."""
    assert verdict_status(verdict, check_fail_on(fail_on)) == status


def test_ok_is_no_reason_to_fail() -> None:
    """--fail-on ok would fail always: it is refused."""
    with pytest.raises(ConfigError, match="--fail-on"):
        check_fail_on("ok")
