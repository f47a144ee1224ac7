"""The commands templates list, explain and test over a stored shop."""

from __future__ import annotations

import json
from pathlib import Path

import pyarrow as pa
import pytest
import typer
from typer.testing import CliRunner, Result

from analytics.commands import register
from causeway.errors import ConfigError
from causeway.logtemplates.miner import TemplateMiner
from causeway.logtemplates.state import save
from causeway.stores.embedded.store import EmbeddedStore
from causeway.window import iso
from tests.small_store import Shop, shop_batch

SHOP = Shop(failing="payment")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("shop")
    store = EmbeddedStore(folder)
    store.add(shop_batch(SHOP))
    store.flush()
    store.close()
    return folder


@pytest.fixture
def ask(folder: Path):
    app = typer.Typer()
    register(app)

    def run(*words: str) -> Result:
        window = ("--from", iso(SHOP.fault_window.start_ns), "--to", iso(SHOP.fault_window.end_ns))
        return CliRunner().invoke(app, ["templates", words[0], "--data", str(folder), *window, *words[1:]])

    return run


def test_list_explain_and_test_agree(ask) -> None:
    """An id that the list shows can be explained, and a line made of its values has that template."""
    listed = json.loads(ask("list", "--format", "json").stdout)
    row = next(row for row in listed["templates"] if "<*>" in row["template"] and row["lines"])
    detail = json.loads(ask("explain", "--format", "json", "--", row["template_id"]).stdout)
    assert detail["template"] == row["template"] and detail["parameters"][0]
    line = row["template"]
    for values in detail["parameters"]:
        line = line.replace("<*>", values[0]["value"], 1)
    tested = json.loads(ask("test", "--format", "json", line).stdout)
    assert tested["template_id"] == row["template_id"]


def test_the_fault_shows(ask) -> None:
    """The failing service logs what it did not log before, and --fail-on sees it."""
    result = ask("list", "--format", "json", "--baseline", "20m", "--fail-on", "warning")
    changed = [row for row in json.loads(result.stdout)["templates"] if row["change"]]
    assert result.exit_code == 1 and {row["service"] for row in changed} >= {"payment"}


@pytest.mark.parametrize(("lang", "title"), [("en", "Log templates"), ("zh-CN", "日志模板")])
def test_tables_in_two_languages(ask, lang: str, title: str) -> None:
    """The table says the same in both languages."""
    result = ask("list", "--lang", lang)
    assert result.exit_code == 0 and title in result.stdout


def test_an_unknown_line_fits_nothing(ask) -> None:
    """A line of another program has no template here: exit status 1 and no guess."""
    result = ask("test", "--format", "json", "never seen anywhere before in this shop")
    assert result.exit_code == 1 and json.loads(result.stdout)["template_id"] is None


def test_uses_what_a_miner_learned(ask, tmp_path: Path) -> None:
    """With --learned, templates of before the window are known too; a missing file is an error."""
    miner, file = TemplateMiner(), tmp_path / "templates.arrow"
    miner.template_column(pa.array(["seen long ago 17"]))
    save(miner, file)
    found = ask("test", "--learned", str(file), "--format", "json", "seen long ago 18")
    assert json.loads(found.stdout)["template"] == "seen long ago <*>"
    assert isinstance(ask("test", "--learned", str(tmp_path / "none"), "x").exception, ConfigError)


@pytest.mark.parametrize("words", [("list", "--format", "xml"), ("explain", "not-a-number")])
def test_refuses_what_it_does_not_know(ask, words: tuple[str, ...]) -> None:
    """A wrong format or id is named, not ignored."""
    assert isinstance(ask(*words).exception, ConfigError)


def test_lines_and_traces_are_one_query_away(ask) -> None:
    """`explain` gives the newest lines of a template and the traces they name, as many as asked for."""
    listed = json.loads(ask("list", "--format", "json", "--baseline", "20m").stdout)
    row = max((row for row in listed["templates"] if row["service"] == "payment"), key=lambda row: row["lines"])
    asked = ("--service", "payment", "--examples", "3", "--traces", "2", "--", row["template_id"])
    found = json.loads(ask("explain", "--format", "json", *asked).stdout)
    assert len(found["examples"]) == 3 and len(found["traces"]) == 2
    assert found["matched"] == row["lines"] and not found["truncated"]
    assert {line["service"] for line in found["examples"]} == {"payment"}
    times = [line["time_ns"] for line in found["examples"]]
    assert times == sorted(times, reverse=True)
    assert found["examples"][0]["trace_id"] == found["traces"][0]["trace_id"]
    table = ask("explain", *asked).stdout
    assert found["traces"][0]["trace_id"] in table and found["examples"][0]["body"] in table


def test_changes_are_dated(ask) -> None:
    """Each change says when its first and last lines came, and how it is judged."""
    listed = json.loads(ask("list", "--format", "json", "--baseline", "20m").stdout)
    changed = [row["change"] for row in listed["templates"] if row["change"]]
    assert changed and all(one["first_ns"] <= one["last_ns"] for one in changed)
    new = [one for one in changed if one["kind"] == "new"]
    assert new and all(one["first_ns"] >= SHOP.fault_window.start_ns for one in new)
