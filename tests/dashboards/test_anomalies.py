"""Unusual series in the API and on a service's page."""

from __future__ import annotations

import pytest
from starlette.testclient import TestClient

from analytics.anomalies.found import FoundEvents
from analytics.anomalies.streams import Learned
from causeway.window import Window
from dashboards.show import show
from tests.dashboards.fakes import ShopServices
from tests.dashboards.test_pages import page_text

WINDOW = {"from": "-15m"}


def test_events_are_answered(client: TestClient) -> None:
    """All of a window, those of one service, and none of a stranger; the words in the language asked for."""
    found = client.get("/api/v1/anomalies", params=WINDOW).json()
    (event,) = found["events"]
    assert event["lead"] == "payment" and event["entities"] == ["payment", "checkout"] and found["kept"]
    assert {alarm["cause"] for alarm in event["alarms"]} == {"level"}
    mine = client.get("/api/v1/anomalies", params={**WINDOW, "entity": "checkout", "lang": "zh-CN"}).json()
    assert "延迟" in mine["events"][0]["summary"]
    assert client.get("/api/v1/anomalies", params={**WINDOW, "entity": "nobody"}).json()["events"] == []


def test_one_event_is_answered(client: TestClient) -> None:
    """By its number; another number is a 404."""
    assert client.get("/api/v1/anomalies/7").json()["summary"].startswith("Latency of payment")
    missing = client.get("/api/v1/anomalies/8")
    assert missing.status_code == 404 and "8" in missing.json()["error"]["message"]
    assert client.get("/api/v1/anomalies/7", params={"lang": "xx"}).status_code == 400


def test_worked_out_from_minutes_nothing_is_judged(client: TestClient) -> None:
    """An hour of history is too little: UNKNOWN, and it says until when it learns."""
    found = client.get("/api/v1/anomalies", params={**WINDOW, "compute": "true"}).json()
    assert found["verdict"] == "UNKNOWN" and found["judged_until"] is None and found["learned"]["series"] > 10


@pytest.mark.parametrize(("service", "said"), [("payment", "340 ms"), ("checkout", "340 ms"), ("cart", "No series of")])
def test_the_service_page_lists_its_events(shop: ShopServices, service: str, said: str) -> None:
    """An event in which a service takes part is on its page, with who leads."""
    assert said in page_text(show(shop, path=f"/service/{service}", search="?range=15m"))


def test_the_service_page_does_not_say_that_all_is_usual_where_nothing_was_judged() -> None:
    """No job, or one that still learns: not known."""
    learning = ShopServices()
    for found in (None, FoundEvents(Window(0, 1), (), Learned(4, 4), True)):
        learning.kept_anomalies = lambda _window, found=found: found  # type: ignore[method-assign, misc]
        text = page_text(show(learning, path="/service/payment", search="?range=15m"))
        assert "not known" in text and "No series of" not in text
