import signal
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx2
import pytest

from tests import servers
from tests.servers.alertmanager import alertmanager
from tests.servers.chromium import chromium
from tests.servers.process import running, wait_for


def test_a_missing_server_is_a_skip_with_the_reason(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without the program the test is skipped and told how to install it."""
    monkeypatch.setenv("PATH", "/nowhere")
    monkeypatch.delenv("CAUSEWAY_REQUIRE_SERVERS", raising=False)
    with pytest.raises(pytest.skip.Exception, match="make servers"):
        servers.require("alertmanager")


def test_a_missing_server_is_a_failure_where_servers_are_required(monkeypatch: pytest.MonkeyPatch) -> None:
    """With CAUSEWAY_REQUIRE_SERVERS=1 a missing program fails the test instead of skipping it."""
    monkeypatch.setenv("PATH", "/nowhere")
    monkeypatch.setenv("CAUSEWAY_REQUIRE_SERVERS", "1")
    with pytest.raises(pytest.fail.Exception, match="prometheus-alertmanager"):
        servers.require("alertmanager")


def test_alertmanager_takes_and_shows_an_alert(tmp_path: Path) -> None:
    """The helper starts a real Alertmanager that keeps what is sent to it, and stops it again."""
    now = datetime.now(UTC)
    alert = {
        "labels": {"alertname": "Probe", "service": "cart"},
        "startsAt": now.isoformat(),
        "endsAt": (now + timedelta(minutes=5)).isoformat(),
    }
    with alertmanager(tmp_path) as server:
        httpx2.post(f"{server.url}/api/v2/alerts", json=[alert]).raise_for_status()
        held = wait_for(lambda: server.alerts(service="cart") or None, what="the alert to show")
        assert [found["labels"]["alertname"] for found in held] == ["Probe"]
        assert server.alerts(service="other") == []
    assert server.child.process.returncode == 0


def test_chromium_draws_a_page() -> None:
    """The helper gives a browser that runs scripts and knows a font for Chinese."""
    with chromium() as browser:
        page = browser.new_page()
        page.set_content("<p id=a></p><script>a.textContent = '服务' + (1 + 1)</script>")
        assert page.inner_text("#a") == "服务2"


def test_a_child_that_ends_early_is_reported_with_its_output(tmp_path: Path) -> None:
    """Waiting for a dead child fails at once and shows what it said."""
    program = [sys.executable, "-c", "raise SystemExit('no such config')"]
    with (
        running(program, folder=tmp_path, name="child") as child,
        pytest.raises(AssertionError, match="no such config"),
    ):
        child.wait_for(lambda: None, what="a child that never gets ready")


def test_a_child_is_ended_with_its_own_children(tmp_path: Path) -> None:
    """Leaving the block ends the whole process group."""
    script = (
        "import os, subprocess, sys, time\n"
        "grandchild = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(600)'])\n"
        "print(grandchild.pid, flush=True)\n"
        "time.sleep(600)\n"
    )
    with running([sys.executable, "-c", script], folder=tmp_path, name="child") as child:
        grandchild = int(child.wait_for(lambda: child.output().strip() or None, what="the grandchild's pid"))
    assert child.process.returncode == -signal.SIGTERM
    wait_for(lambda: not _alive(grandchild), what="the grandchild to end")


def _alive(pid: int) -> bool:
    """Whether the process runs; a zombie that nobody has buried yet does not."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8")
    except (FileNotFoundError, ProcessLookupError):
        return False
    return stat.rpartition(")")[2].split()[0] != "Z"
