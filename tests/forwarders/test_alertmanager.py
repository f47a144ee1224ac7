"""Against a real Alertmanager: it takes our alerts, keeps them while they are sent again, and lets them go."""

from __future__ import annotations

import json
import time
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

import pytest

from causeway.errors import ConfigError, DeliveryFailed
from causeway.findings import Message, Verdict
from causeway.state import open_state
from causeway.window import SECOND_NS
from forwarders import outbox
from forwarders.alertmanager import LASTS_NS, Alertmanager
from forwarders.contract import Alert, AlertStatus, Common
from tests.forwarders.incidents import context, opened
from tests.servers import alertmanager as server
from tests.servers.process import wait_for


def alert(**changes) -> Alert:
    given = {
        "key": "INC-7",
        "status": AlertStatus.FIRING,
        "verdict": Verdict.CRITICAL,
        "entity": "frontend",
        "summary": Message("alert.test_summary"),
        "starts_ns": time.time_ns() - 60 * SECOND_NS,
        "cause": "cart-db",
        "confidence": 0.91,
        "impact": 42.0,
        "link": "http://127.0.0.1:8050/incident/7",
    }
    return Alert(**{**given, **changes})


class Answers(BaseHTTPRequestHandler):
    """Answers as told and keeps what was posted."""

    status = 200
    posted: list

    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.posted.append((self.path, dict(self.headers), json.loads(body)))
        self.send_response(self.status)
        self.send_header("Content-Length", "5")
        self.end_headers()
        self.wfile.write(b"hello")

    def log_message(self, *_args):
        pass


@contextmanager
def listening(status: int = 200):
    """A web server that answers every post with that status; (url, what was posted)."""
    handler = type("Handler", (Answers,), {"status": status, "posted": []})
    web = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    thread = Thread(target=web.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{web.server_port}", handler.posted
    finally:
        web.shutdown()
        web.server_close()
        thread.join()


@contextmanager
def target(url: str, **table):
    made = Alertmanager({"url": url, **table}, Common())
    try:
        yield made
    finally:
        made.close()


def test_what_is_posted_is_stable_in_labels_and_speaks_in_annotations():
    """Identity in labels; everything that may change in annotations, in the configured language; the page's link."""
    with listening() as (url, posted):
        made = Alertmanager({"url": url + "/", "labels": {"team": "pay"}}, Common(language="zh-CN"))
        now_ns = time.time_ns()
        made.deliver(alert(superseded=(Verdict.WARNING,)), now_ns=now_ns)
        made.close()
    path, _, (firing, over) = posted[0]
    assert path == "/api/v2/alerts"
    assert firing["labels"] == {
        "team": "pay",
        "alertname": "CausewayIncident",
        "service": "frontend",
        "severity": "critical",
        "incident": "INC-7",
    }
    assert over["labels"] == {**firing["labels"], "severity": "warning"} and over["endsAt"] < firing["endsAt"]
    assert "cart-db" in firing["annotations"]["description"] and "91 %" in firing["annotations"]["description"]
    assert firing["annotations"]["summary"].startswith("这是 Causeway 的测试告警")
    assert firing["generatorURL"] == "http://127.0.0.1:8050/incident/7"
    assert firing["startsAt"] < firing["endsAt"]


def test_start_in_the_future_is_still_before_the_end():
    """Alertmanager refuses an alert that ends before it starts; clocks may differ."""
    with listening() as (url, posted), target(url) as made:
        now_ns = time.time_ns()
        future = alert(status=AlertStatus.RESOLVED, starts_ns=now_ns + LASTS_NS, ends_ns=now_ns)
        made.deliver(future, now_ns=now_ns)
    sent = posted[0][2][0]
    assert sent["startsAt"] < sent["endsAt"]


@pytest.mark.parametrize(
    ("status", "permanent"),
    [(400, True), (413, True), (422, True), (401, False), (404, False), (429, False), (500, False), (503, False)],
)
def test_only_a_refusal_of_the_alert_itself_is_permanent(status, permanent):
    """What another try, or a repaired setting, can cure is tried again."""
    with listening(status) as (url, _), target(url) as made, pytest.raises(DeliveryFailed) as caught:
        made.deliver(alert(), now_ns=time.time_ns())
    assert caught.value.permanent is permanent
    assert str(status) in str(caught.value) and "hello" in str(caught.value)


def test_nobody_listening_can_be_tried_again():
    """A refused connection is not the alert's fault."""
    with listening() as (url, _):
        pass
    with target(url) as made, pytest.raises(DeliveryFailed) as caught:
        made.deliver(alert(), now_ns=time.time_ns())
    assert not caught.value.permanent


def test_secrets_come_from_the_environment(monkeypatch):
    """Basic and bearer credentials are sent; a variable that is not set is an error that names it."""
    monkeypatch.setenv("AM_SECRET", "s3cret")
    with listening() as (url, posted):
        for table in ({"token_env": "AM_SECRET"}, {"username": "me", "password_env": "AM_SECRET"}):
            with target(url, **table) as made:
                made.deliver(alert(), now_ns=time.time_ns())
        with pytest.raises(ConfigError, match="NOT_THERE"):
            Alertmanager({"url": url, "token_env": "NOT_THERE"}, Common())
    sent = [headers["Authorization"] for _, headers, _ in posted]
    assert sent == ["Bearer s3cret", "Basic bWU6czNjcmV0"]


@pytest.mark.parametrize(
    ("table", "said"),
    [
        ({}, "missing key 'url'"),
        ({"url": "localhost:9093"}, "http://"),
        ({"url": "http://a", "repeat_s": 200.0}, "repeat_s"),
        ({"url": "http://a", "labels": {"severity": "x"}}, "severity"),
        ({"url": "http://a", "labels": {"a-b": "x"}}, "a-b"),
        ({"url": "http://a", "ulr": "x"}, "ulr"),
    ],
)
def test_wrong_settings_are_named(table, said):
    """A typo is an error at start, not an alert that never comes."""
    with pytest.raises(ConfigError, match=said):
        Alertmanager(table, Common())


def test_real_alertmanager_fires_is_kept_and_resolves(tmp_path):
    """The life of an alert there: seen while it fires, moved on by each repetition, gone after its end."""
    with server.alertmanager(tmp_path) as running, target(running.url) as made:
        made.deliver(alert(), now_ns=time.time_ns())
        first = running.child.wait_for(lambda: running.alerts(incident="INC-7"), what="the alert")[0]
        assert first["labels"]["severity"] == "critical" and first["status"]["state"] == "active"
        made.deliver(alert(), now_ns=time.time_ns() + 2 * SECOND_NS)

        def moved_on():
            kept = running.alerts(incident="INC-7")
            return bool(kept) and kept[0]["endsAt"] > first["endsAt"] and len(kept) == 1

        running.child.wait_for(moved_on, what="the repetition")
        over = alert(status=AlertStatus.RESOLVED, ends_ns=time.time_ns())
        made.deliver(over, now_ns=time.time_ns())
        running.child.wait_for(lambda: not running.alerts(incident="INC-7"), what="the end")


def test_real_alertmanager_sees_an_escalation_as_one_alert(tmp_path):
    """The critical alert takes the place of the warning: never both."""
    with server.alertmanager(tmp_path) as running, target(running.url) as made:
        made.deliver(alert(verdict=Verdict.WARNING), now_ns=time.time_ns())
        running.child.wait_for(lambda: running.alerts(severity="warning"), what="the warning")
        made.deliver(alert(superseded=(Verdict.WARNING,)), now_ns=time.time_ns())
        running.child.wait_for(lambda: not running.alerts(severity="warning"), what="the warning's end")
        assert [one["labels"]["severity"] for one in running.alerts(incident="INC-7")] == ["critical"]


def test_real_alertmanager_refusal_is_permanent(tmp_path, monkeypatch):
    """Its 400 means that this alert can never be taken."""
    with server.alertmanager(tmp_path) as running, target(running.url) as made:
        monkeypatch.setattr(made, "_labels", lambda *_: {"bad-label!": "x"})
        with pytest.raises(DeliveryFailed, match="400") as caught:
            made.deliver(alert(), now_ns=time.time_ns())
    assert caught.value.permanent


def test_incident_reaches_a_real_alertmanager_after_its_outage(tmp_path):
    """Opened while Alertmanager is away, told when it comes back, notified onwards, and resolved."""
    with listening() as (sink_url, notified):
        state = open_state(tmp_path / "data")
        memory: dict = {}
        config = {"forward": {"alertmanager": [{"url": "http://127.0.0.1:9"}]}}

        def run(seconds: float = 0.0):
            now_ns = time.time_ns() + int(seconds * SECOND_NS)
            outbox.job(context(state, config, now_ns=now_ns, folder=tmp_path, memory=memory))

        run()
        number = opened(state, now_ns=time.time_ns())
        run()
        assert state.outbox_rows()[0].error is not None
        with server.alertmanager(tmp_path / "am", webhook_url=sink_url) as running:
            config["forward"]["alertmanager"][0]["url"] = running.url
            memory.clear()  # a new process with the repaired setting
            run(5)
            running.child.wait_for(lambda: running.alerts(incident="INC-1"), what="the alert")
            wait_for(lambda: _statuses(notified) == ["firing"], what="the notification")
            state.resolve_incident(number, now_ns=time.time_ns())
            run(6)
            running.child.wait_for(lambda: not running.alerts(incident="INC-1"), what="the end")
            wait_for(lambda: "resolved" in _statuses(notified), what="the all-clear")
        for part in memory["forward"].targets:
            part.forwarder.close()
        state.close()


def _statuses(notified) -> list[str]:
    """The distinct states that Alertmanager passed on, in order."""
    return list(dict.fromkeys(body["status"] for _, _, body in notified))
