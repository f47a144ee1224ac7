import dataclasses
import re
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
import typer.main

from analytics.anomalies.options import AnomalyOptions
from analytics.patrol.schedule import Schedule
from analytics.rollup import RollupOptions
from analytics.watch import WatchOptions
from causeway.cli import build
from causeway.client.analysis import document
from causeway.demo.faults import FAULTS
from causeway.deployment import StatePlace
from causeway.records import TABLES
from causeway.stores import open_store
from causeway.stores.elasticsearch.settings import ElasticsearchSettings
from causeway.stores.elasticsearch.settings import Retention as StoreRetention
from causeway.stores.embedded.journal import EmbeddedConfig
from causeway.stores.embedded.maintenance import MaintenanceConfig, Retention
from causeway.stores.journal.spool import SpoolConfig
from causeway.stores.prometheus.settings import PrometheusSettings, SeriesRule
from collectors.serving import CollectConfig
from dashboards.config import ServeConfig
from forwarders.alertmanager import AlertmanagerOptions
from forwarders.contract import Common
from tests.small_store import Shop

HOME = Path(__file__).resolve().parent.parent
PAGES = sorted([*HOME.glob("*.md"), *(HOME / "docs").rglob("*.md")])
READMES = (HOME / "README.md", HOME / "README.zh-CN.md")
_ROW = re.compile(r"^\| `(\w+)` \| ([^|]+) \| ([^|]+) \|$", re.MULTILINE)
_LINK = re.compile(r"\[[^\]]*\]\(([^)#\s]+)[^)]*\)")
_BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_TYPES = {
    pa.int64(): "int64",
    pa.float64(): "float64",
    pa.string(): "text",
    pa.binary(): "binary",
    pa.bool_(): "boolean",
}


def _name(kind: pa.DataType) -> str:
    if pa.types.is_map(kind):
        return "map of text to text"
    if pa.types.is_list(kind):
        return f"list of {'structs' if pa.types.is_struct(kind.value_type) else _name(kind.value_type)}"
    return _TYPES.get(kind, str(kind))


def _blocks(page: Path, language: str) -> list[str]:
    return [body for kind, body in _BLOCK.findall(page.read_text(encoding="utf-8")) if kind == language]


@pytest.mark.parametrize("table", TABLES)
def test_every_column_is_documented(table: str) -> None:
    """docs/schema.md names every column of every table, in order, with its type and a meaning."""
    page = (HOME / "docs" / "schema.md").read_text(encoding="utf-8")
    _, found, section = page.partition(f"\n## {table}\n")
    assert found, f"docs/schema.md has no section {table}"
    documented = [
        (name, kind) for name, kind, meaning in _ROW.findall(section.partition("\n## ")[0]) if meaning.strip()
    ]
    assert documented == [(field.name, _name(field.type)) for field in TABLES[table][0]]


CONFIGURATION = {
    "collect": CollectConfig,
    "collect.store": EmbeddedConfig,
    "collect.spool": SpoolConfig,
    "collect.store.maintenance": MaintenanceConfig,
    "collect.store.maintenance.retention": Retention,
    "store": ElasticsearchSettings,
    "store.retention": StoreRetention,
    "samples": PrometheusSettings,
    "samples.rules": SeriesRule,
    "state": StatePlace,
    "serve": ServeConfig,
    "watch": WatchOptions,
    "anomalies": AnomalyOptions,
    "rollup": RollupOptions,
    "patrol.schedule": Schedule,
    "forward": Common,
    "forward.alertmanager": AlertmanagerOptions,
}


def _defaults(kind: type) -> dict[str, Any]:
    """Every key of a settings class that is no table of its own, with its default; REQUIRED without."""
    found: dict[str, Any] = {}
    for field in dataclasses.fields(kind):
        if field.default_factory is not dataclasses.MISSING:
            value = field.default_factory()
            if not dataclasses.is_dataclass(value):
                found[field.name] = value
        elif not _are_tables(field.default):
            found[field.name] = field.default
    return {name: "required" if value is dataclasses.MISSING else value for name, value in found.items()}


def _are_tables(default: Any) -> bool:
    return isinstance(default, tuple) and any(dataclasses.is_dataclass(item) for item in default)


def _documented(section: str) -> dict[str, Any]:
    rows = re.findall(r"^\| `(\w+)` \| (`[^`]*`|required) \| [^|]+ \|$", section, re.MULTILINE)
    return {
        name: value if value == "required" else tomllib.loads(f"value = {value.strip('`')}")["value"]
        for name, value in rows
    }


def _sections(page: str) -> dict[str, str]:
    found = (HOME / "docs" / page).read_text(encoding="utf-8").split("\n## ")[1:]
    return {section.partition("\n")[0]: section for section in found}


@pytest.mark.parametrize("table", CONFIGURATION)
def test_every_setting_is_documented(table: str) -> None:
    """docs/configuration.md names every key of every table with its default."""
    documented = _documented(_sections("configuration.md")[table])
    assert documented == {
        name: list(value) if isinstance(value, tuple) else value
        for name, value in _defaults(CONFIGURATION[table]).items()
    }


def test_no_table_of_settings_is_documented_that_does_not_exist() -> None:
    """docs/configuration.md has a section for each table and for the inspections, and no other."""
    assert set(_sections("configuration.md")) == {*CONFIGURATION, "patrol"}


def test_no_table_is_documented_that_does_not_exist() -> None:
    """docs/schema.md describes the tables of this version and no others."""
    page = (HOME / "docs" / "schema.md").read_text(encoding="utf-8")
    assert re.findall(r"^## (\w+)$", page, re.MULTILINE) == list(TABLES)


def _at(document: Any, path: str) -> bool:
    """Whether the document has a value, perhaps null, at a path like `edges[].calls`."""
    for step in path.split("."):
        document = document if not isinstance(document, list) else document[0]
        name = step.removesuffix("[]")
        if name not in document:
            return False
        document = document[name]
        assert not step.endswith("[]") or document, f"{path}: the example has none"
    return True


@pytest.mark.parametrize("name", ["graph", "graph diff", "impact", "diagnose", "patrol"])
def test_the_documented_json_is_what_is_answered(name: str, shop_folder: Path, slow_payment: Shop) -> None:
    """Every key that docs/json.md promises is in the answer."""
    page = (HOME / "docs" / "json.md").read_text(encoding="utf-8")
    section = page.partition(f"\n## {name}\n")[2].partition("\n## ")[0]
    promised = re.findall(r"^\| `([\w.\[\]]+)` \|", section, re.MULTILINE)
    assert len(promised) > 5
    store = open_store(shop_folder)
    try:
        answer = document(name.replace(" ", "/"), store, slow_payment.fault_window)
    finally:
        store.close()
    assert [path for path in promised if not _at(answer, path)] == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(HOME)))
def test_links_lead_somewhere(page: Path) -> None:
    """A relative link or picture in a page is a file of the project."""
    links = [link for link in _LINK.findall(page.read_text(encoding="utf-8")) if "://" not in link]
    assert [link for link in links if not (page.parent / link).exists()] == []


def test_every_page_can_be_found() -> None:
    """From docs/index.md links lead to every page under docs/."""
    found, ahead = set[Path](), [HOME / "docs" / "index.md"]
    while ahead:
        page = ahead.pop()
        found.add(page)
        links = (page.parent / link for link in _LINK.findall(page.read_text(encoding="utf-8")) if link.endswith(".md"))
        ahead += [link.resolve() for link in links if link.exists() and link.resolve() not in found]
    assert sorted(set((HOME / "docs").rglob("*.md")) - found) == []


def test_commands_in_the_pages_exist() -> None:
    """Every `causeway ...` in a page's shell blocks, and in its text, is a command of this version."""
    known = set(typer.main.get_command(build()).commands)  # type: ignore[attr-defined]
    said: dict[str, str] = {}
    for page in PAGES:
        text = page.read_text(encoding="utf-8")
        starts = re.findall(r"(?:`|^|/)causeway ([a-z][a-z-]+)", text, re.MULTILINE)
        said |= {command: str(page.relative_to(HOME)) for command in starts}
    assert {command: page for command, page in said.items() if command not in known} == {}
    assert {"demo", "up", "diagnose"} <= set(said)


def test_the_readme_names_every_fault() -> None:
    """What README says can be injected is what the demonstration knows."""
    for page in READMES:
        line = next(found for found in page.read_text(encoding="utf-8").splitlines() if "--fault" in found)
        assert sorted(set(re.findall(r"[a-z-]+", line.partition("--fault ")[2])) - {"or"}) == sorted(FAULTS)


@pytest.mark.parametrize("number", range(5))
def test_the_reading_examples_run(number: int, shop_folder: Path) -> None:
    """Every Python example of docs/reading.md runs on a store as it stands there and prints something."""
    blocks = _blocks(HOME / "docs" / "reading.md", "python")
    assert len(blocks) == 5
    code = blocks[number].replace("demo-data", str(shop_folder)).replace('"-15m"', '"2025-10-09T00:00:00Z"')
    run = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", code], cwd=HOME, capture_output=True, text=True, check=False
    )
    assert run.returncode == 0, run.stderr
    assert run.stdout.strip()


def test_both_readmes_say_the_same() -> None:
    """The Chinese README has the same sections, commands, links and pictures as the English one."""
    english, chinese = (page.read_text(encoding="utf-8") for page in READMES)
    for what, pattern in {
        "sections": r"^(#+) ",
        "links": r"\]\(((?!README)[^)]+)\)",
        "rows": r"^\|(?=.*\|$)",
    }.items():
        assert re.findall(pattern, english, re.MULTILINE) == re.findall(pattern, chinese, re.MULTILINE), what
    commands = [
        [line.partition("#")[0].split() for block in _blocks(page, "sh") for line in block.splitlines()]
        for page in READMES
    ]
    assert commands[0] == commands[1]


@pytest.mark.parametrize("lock", ["requirements.lock", ".ci/tools.lock"])
def test_the_lock_has_hashes_and_names_no_host(lock: str) -> None:
    """Every requirement is pinned with hashes; no index, link or path says where it came from."""
    text = (HOME / lock).read_text(encoding="utf-8")
    pins = [line for line in text.splitlines() if line and not line.startswith((" ", "#"))]
    assert len(pins) >= 2
    assert [line for line in pins if not re.fullmatch(r"[a-z0-9._-]+==[^ ]+( ;.*)? \\", line)] == []
    assert "://" not in text and "--index" not in text and "--find-links" not in text and " @ " not in text
    assert text.count("\n    --hash=sha256:") >= len(pins)


def test_make_says_what_it_can_do() -> None:
    """`make` alone lists every target that people call, each with a sentence."""
    listed = subprocess.run(["make", "-s"], cwd=HOME, capture_output=True, text=True, check=True).stdout
    makefile = (HOME / "Makefile").read_text(encoding="utf-8")
    phony = set(re.search(r"^\.PHONY: (.*)$", makefile, re.MULTILINE)[1].split())  # type: ignore[index]
    assert {line.split()[0] for line in listed.splitlines() if len(line.split()) > 2} == phony
