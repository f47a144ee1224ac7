"""Causeway names the culprit of each of the demo's faults, without being told.

The whole platform and the shop run as in `causeway demo`, on free ports and in less time. CAUSEWAY_E2E_FAULTS
(a comma list) restricts the faults: each takes two to three minutes.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from causeway.demo.faults import FAULTS
from causeway.demo.run import Diary, read_diary
from causeway.state import open_state
from tests.servers.ports import free_port

CHOSEN = [name for name in os.environ.get("CAUSEWAY_E2E_FAULTS", "").split(",") if name] or list(FAULTS)
AFTER_S = 25
FOUND_WITHIN_S = 150
pytestmark = [pytest.mark.slow, pytest.mark.timeout(420)]


@dataclass
class Demo:
    """A demo that runs in a process of its own."""

    folder: Path
    process: subprocess.Popen[bytes]

    def diary(self) -> Diary | None:
        return read_diary(self.folder / "run")

    def check(self) -> None:
        assert self.process.poll() is None, (self.folder.parent / "demo.txt").read_text()

    def diagnose(self) -> dict[str, Any]:
        command = [sys.executable, "-m", "causeway", "diagnose", "--data", str(self.folder), "--from", "-5m"]
        answer = subprocess.run([*command, "--format", "json"], capture_output=True, text=True, timeout=90)
        assert answer.returncode == 0, answer.stderr
        return json.loads(answer.stdout)


@pytest.fixture
def demo(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Demo]:
    folder = tmp_path / "data"
    ports = dict(zip(("--grpc-port", "--http-port", "--port"), (str(free_port()) for _ in range(3)), strict=True))
    options = [part for pair in ports.items() for part in pair]
    command = [sys.executable, "-m", "causeway", "demo", "--data", str(folder), "--fault", request.param, *options]
    command += ["--after", f"{AFTER_S}s", "--duration", "20m", "--prefill", "30m", "--no-serve"]
    with (tmp_path / "demo.txt").open("wb") as output:
        process = subprocess.Popen(command, stdout=output, stderr=subprocess.STDOUT)
    try:
        yield Demo(folder, process)
    finally:
        process.send_signal(signal.SIGINT)
        try:
            process.wait(30)
        except subprocess.TimeoutExpired:
            process.kill()
            raise


def first(diagnosis: dict[str, Any]) -> str | None:
    return diagnosis["hypotheses"][0]["entity"] if diagnosis["verdict"] == "cause_found" else None


def began(demo: Demo) -> Diary:
    """Waits for the fault to begin."""
    deadline = time.monotonic() + 180
    while time.monotonic() < deadline:
        demo.check()
        diary = demo.diary()
        if diary and diary.began_ns:
            return diary
        time.sleep(0.5)
    pytest.fail((demo.folder.parent / "demo.txt").read_text())


@pytest.mark.parametrize("demo", CHOSEN, indirect=True)
def test_the_culprit_is_named(demo: Demo) -> None:
    """Within minutes an incident is open, and the diagnosis ranks the service at fault first."""
    diary = began(demo)
    deadline = time.monotonic() + FOUND_WITHIN_S
    diagnosis: dict[str, Any] = {}
    incidents = []
    state = open_state(demo.folder)
    try:
        while time.monotonic() < deadline and not (incidents and first(diagnosis) in diary.accepted):
            demo.check()
            time.sleep(5)
            incidents = state.incidents(open_only=True)
            diagnosis = demo.diagnose() if incidents else diagnosis
    finally:
        state.close()
    assert incidents, f"no incident within {FOUND_WITHIN_S} s of {diary.fault} at {diary.service}"
    ranked = [(each["entity"], each["family"], each["confidence"]) for each in diagnosis["hypotheses"][:3]]
    assert first(diagnosis) in diary.accepted, f"{diary.fault} at {diary.service}: {diagnosis['verdict']} {ranked}"
    assert diagnosis["hypotheses"][0]["evidence_for"], "a cause without evidence is a guess"


@pytest.mark.parametrize("demo", CHOSEN[:1], indirect=True)
def test_the_demo_ends_cleanly(demo: Demo) -> None:
    """One SIGINT ends the demo with status 0 in ten seconds, and leaves no process behind."""
    began(demo)
    children = descendants(demo.process.pid)
    assert len(children) >= 14
    started = time.monotonic()
    demo.process.send_signal(signal.SIGINT)
    assert demo.process.wait(15) == 0
    assert time.monotonic() - started < 10
    assert [pid for pid in children if Path(f"/proc/{pid}").exists()] == []


def descendants(pid: int) -> list[int]:
    found: list[int] = []
    for path in Path(f"/proc/{pid}/task").glob("*/children"):
        direct = [int(word) for word in path.read_text().split()]
        found += direct
        for child in direct:
            found += descendants(child)
    return found
