"""From spans in a data folder to events: worked out by the command, kept by the job, read by everybody."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
import typer
from starlette.testclient import TestClient
from typer.testing import CliRunner, Result

import causeway
from analytics.anomalies.job import PAUSE_S, SETTLED_NS, job
from analytics.commands import register
from analytics.runner import Runner
from causeway.deployment import Deployment
from causeway.errors import ConfigError
from causeway.findings import Verdict
from causeway.jobs import LAG_NS
from causeway.stores.embedded.store import EmbeddedStore
from causeway.window import HOUR_NS, MINUTE_NS, iso
from dashboards.app import create_app
from dashboards.live import LiveServices
from tests.small_store import Shop, shop_batch

FAULT_MINUTE = 2350
SHOP = Shop(minutes=2400, traces_per_minute=6, slow="payment", fault_minute=FAULT_MINUTE)
WINDOW = ("--from", iso(SHOP.fault_window.start_ns - HOUR_NS), "--to", iso(SHOP.window.end_ns))


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("long")
    store = EmbeddedStore(folder)
    store.add(shop_batch(SHOP))
    store.flush()
    store.close()
    return folder


@pytest.fixture(scope="module")
def judged(folder: Path) -> Path:
    """The same folder after the job caught up with it."""
    runner = Runner(
        Deployment(folder), {}, jobs={"anomalies": job}, clock_ns=lambda: SHOP.window.end_ns + LAG_NS + SETTLED_NS
    )
    slot = runner._slots[0]
    for _ in range(200):
        slot.due_ns = 0
        if runner.step() > PAUSE_S:
            break
    runner.close()
    return folder


@pytest.fixture(scope="module")
def ask() -> Callable[..., Result]:
    app = typer.Typer()
    register(app)
    app.command("other")(lambda: None)
    return lambda folder, *words: CliRunner().invoke(app, ["anomalies", *words, "--data", str(folder)])


def test_the_command_finds_the_slow_service(folder: Path, ask: Callable[..., Result]) -> None:
    """Without any job the first event is led by the slow service, begins with its fault, and says what was seen."""
    result = ask(folder, *WINDOW, "--compute", "--format", "json", "--fail-on", "warning")
    assert result.exit_code == 1
    found = json.loads(result.stdout)
    first = found["events"][0]
    assert first["lead"] == "payment" and {"payment", "frontend"} <= set(first["entities"])
    assert abs(first["start_ns"] - SHOP.fault_window.start_ns) <= MINUTE_NS
    slow = next(one for one in first["alarms"] if (one["entity"], one["series"]) == ("payment", "latency_ms"))
    assert slow["before_high"] < 100 < slow["value"] and "payment" in slow["reason"] and slow["why"]
    assert not found["kept"] and found["judged_until"] == iso(SHOP.window.end_ns)


def test_the_job_keeps_the_same_events(judged: Path, ask: Callable[..., Result]) -> None:
    """What was kept is what is worked out, with numbers by which one event is explained."""
    kept, computed = (
        json.loads(ask(judged, *WINDOW, *more, "--format", "json").stdout) for more in ((), ("--compute",))
    )
    assert kept["kept"] and kept["judged_until"] == computed["judged_until"]
    assert [{**one, "id": None} for one in kept["events"]] == computed["events"]
    number = kept["events"][0]["id"]
    one = ask(judged, str(number), *WINDOW)
    assert one.exit_code == 0 and "payment" in one.stdout and "bar" in one.stdout
    assert json.loads(ask(judged, str(number), *WINDOW, "--format", "json").stdout) == kept["events"][0]


@pytest.mark.parametrize(("language", "said"), [("en", "series were judged from"), ("zh-CN", "评判了")])
def test_the_table_says_what_was_judged(judged: Path, ask: Callable[..., Result], language: str, said: str) -> None:
    """In both languages: the part of the window, and the events."""
    result = ask(judged, *WINDOW, "--lang", language)
    assert result.exit_code == 0 and said in result.stdout and "payment" in result.stdout


def test_events_of_one_service(judged: Path, ask: Callable[..., Result]) -> None:
    """`--entity` keeps those in which it takes part."""
    found = json.loads(ask(judged, *WINDOW, "--entity", "payment", "--format", "json").stdout)
    assert found["events"] and all("payment" in one["entities"] for one in found["events"])
    assert json.loads(ask(judged, *WINDOW, "--entity", "nobody", "--format", "json").stdout)["events"] == []


def test_before_enough_was_seen_nothing_is_judged(folder: Path, ask: Callable[..., Result]) -> None:
    """The first hours are UNKNOWN, with until when it learns; never OK."""
    early = ("--from", iso(SHOP.start_ns), "--to", iso(SHOP.start_ns + 3 * HOUR_NS), "--compute")
    found = json.loads(ask(folder, *early, "--format", "json").stdout)
    assert found["verdict"] == "UNKNOWN" and found["events"] == [] and found["judged_until"] is None
    assert "learned" in found["status"][0]
    assert ask(folder, *early, "--fail-on", "unknown").exit_code == 1


def test_an_event_that_is_not_there(judged: Path, ask: Callable[..., Result]) -> None:
    """It is said, and nothing else is shown."""
    result = ask(judged, "4711", *WINDOW)
    assert isinstance(result.exception, ConfigError) and "4711" in str(result.exception)


def test_a_notebook_gets_frames(judged: Path) -> None:
    """The same events as pandas frames, from a folder and from a server."""
    with causeway.open(judged) as local:
        found = local.anomalies(SHOP.fault_window.start_ns, SHOP.window.end_ns, entity="payment")
    assert found.verdict is Verdict.WARNING and found.events["lead"].tolist()[0] == "payment"
    first = found.alarms[found.alarms["event"] == found.events["event"].iloc[0]]
    assert {"payment", "frontend"} <= set(first["entity"]) and found.document["kept"]
    services = LiveServices(Deployment(judged), now_ns=lambda: SHOP.window.end_ns)
    with TestClient(create_app(services), base_url="http://127.0.0.1:8050") as http:
        asked = {"from": str(SHOP.fault_window.start_ns), "to": str(SHOP.window.end_ns), "entity": "payment"}
        assert http.get("/api/v1/anomalies", params=asked).json() == found.document
        number = found.document["events"][0]["id"]
        assert http.get(f"/api/v1/anomalies/{number}").json() == found.document["events"][0]
    services.close()
