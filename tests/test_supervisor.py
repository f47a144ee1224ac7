"""The supervisor, with dummy children that die, hang or linger on purpose."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from causeway.errors import ConfigError
from causeway.supervisor import Child, ChildFailed, Happening, Policy, Supervisor, What
from causeway.up import PlatformOptions, check_ports, children

FAST = Policy(back_off_s=0.02, back_off_max_s=0.1, quick_s=5.0, loop_after=3, stop_within_s=2.0, stage_within_s=1.0)
SLEEPER = ("-c", "import time; time.sleep(60)")
STUBBORN = (
    "-c",
    "import signal, time; signal.signal(15, signal.SIG_IGN); print('set', flush=True); time.sleep(60)",
)


def wait_until(
    condition: Callable[[], bool], *, within_s: float = 20.0, step: Callable[[], None] = lambda: None
) -> None:
    deadline = time.monotonic() + within_s
    while not condition():
        assert time.monotonic() < deadline, "waited too long"
        step()
        time.sleep(0.01)


class Told(list[Happening]):
    def of(self, what: What) -> list[Happening]:
        return [happening for happening in self if happening.what is what]


@pytest.fixture
def told() -> Told:
    return Told()


@pytest.fixture
def supervisor(tmp_path: Path, told: Told):
    made = Supervisor(tmp_path, tell=told.append, policy=FAST)
    yield made
    made.stop()


def test_only_the_dead_child_is_restarted(supervisor: Supervisor, told: Told) -> None:
    """A child that dies gets a new process; its neighbour keeps its own."""
    supervisor.add([Child("one", SLEEPER), Child("two", SLEEPER)])
    assert supervisor.wait_ready(within_s=10, stopping=threading.Event())
    first, neighbour = supervisor.pid("one"), supervisor.pid("two")
    assert first is not None
    os.kill(first, signal.SIGKILL)
    wait_until(lambda: supervisor.pid("one") not in {None, first}, step=supervisor.step)
    assert supervisor.pid("two") == neighbour
    assert [happening.child for happening in told.of(What.DIED)] == ["one"]
    assert told.of(What.DIED)[0].code == -signal.SIGKILL


def test_a_crash_loop_is_said_once_and_keeps_being_tried(supervisor: Supervisor, told: Told, tmp_path: Path) -> None:
    """A child that was ready and then keeps dying is a crash loop: said once, and still retried."""
    marker = tmp_path / "seen"
    script = (
        f"import pathlib, sys, time; p = pathlib.Path({str(marker)!r})\n"
        "if p.exists(): sys.exit('broken config')\n"
        "p.touch(); time.sleep(0.5)"
    )
    supervisor.add([Child("loop", ("-c", script))])
    wait_until(lambda: len(told.of(What.STARTED)) >= 6, step=supervisor.step)
    assert len(told.of(What.CRASH_LOOP)) == 1
    assert told.of(What.CRASH_LOOP)[0].tail[-1] == "broken config"


def test_a_child_that_never_gets_ready_ends_the_start(supervisor: Supervisor) -> None:
    """Dying before ever being ready is an error that carries what the child said."""
    supervisor.add([Child("bad", ("-c", "import sys; sys.exit('no such option')"), ready=lambda: False)])
    with pytest.raises(ChildFailed, match="no such option"):
        supervisor.wait_ready(within_s=20, stopping=threading.Event())


def test_stopping_asks_first_and_kills_who_stays(supervisor: Supervisor, told: Told) -> None:
    """SIGTERM ends a child that listens; one that does not is killed after the grace, not waited for."""
    supervisor.add([Child("polite", SLEEPER, stage=1), Child("stubborn", STUBBORN)])
    log = supervisor._folder / "stubborn.log"
    wait_until(lambda: log.exists() and "set" in log.read_text())
    began = time.monotonic()
    supervisor.stop()
    assert time.monotonic() - began < FAST.stop_within_s + 1
    assert [happening.child for happening in told.of(What.STOPPED)] == ["polite"]
    assert [happening.child for happening in told.of(What.KILLED)] == ["stubborn"]


def test_a_killed_child_stays_dead_until_resumed(supervisor: Supervisor) -> None:
    """A crash made on purpose is not repaired by the supervisor."""
    supervisor.add([Child("victim", SLEEPER)])
    supervisor.kill("victim")
    for _ in range(20):
        supervisor.step()
    assert supervisor.pid("victim") is None
    supervisor.resume("victim")
    assert supervisor.pid("victim") is not None


def test_children_end_when_the_parent_is_killed(tmp_path: Path) -> None:
    """Even SIGKILL of the supervisor leaves no child behind (Linux)."""
    script = f"""
import pathlib, threading
from causeway.supervisor import Child, Supervisor
s = Supervisor(pathlib.Path({str(tmp_path)!r}), tell=lambda _: None)
s.add([Child("orphan", ("-c", "print('up', flush=True); import time; time.sleep(60)"))])
print(s.pid("orphan"), flush=True)
threading.Event().wait(60)
"""
    with subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout
        orphan = int(parent.stdout.readline())
        log = tmp_path / "orphan.log"
        wait_until(lambda: log.exists() and "up" in log.read_text())
        parent.kill()
        wait_until(lambda: not _alive(orphan))


def _alive(pid: int) -> bool:
    try:
        return " Z " not in Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return False


def test_output_is_kept_in_a_file(supervisor: Supervisor, tmp_path: Path) -> None:
    """What a child writes on either stream is in its log."""
    supervisor.add([Child("talker", ("-c", "import sys; print('out'); sys.stdout.flush(); sys.exit('err')"))])
    log = tmp_path / "talker.log"
    wait_until(lambda: log.exists() and {"out", "err"} <= set(log.read_text().split()))


@pytest.mark.parametrize("option", ["--grpc-port", "--http-port", "--port"])
def test_a_port_in_use_is_refused_by_name(option: str, tmp_path: Path) -> None:
    """The error names the port and the option that changes it."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        names = {"--grpc-port": "grpc_port", "--http-port": "http_port", "--port": "port"}
        ports = dict.fromkeys(names.values(), 0) | {names[option]: port}
        with pytest.raises(ConfigError, match=f"{port}.*{option}"):
            check_ports(PlatformOptions(tmp_path, **ports))


@pytest.mark.parametrize(
    ("serve", "analyze", "names"),
    [
        (True, True, ["collect", "analyze", "serve"]),
        (False, False, ["collect"]),
        (True, False, ["collect", "serve"]),
    ],
)
def test_parts_can_be_left_out(serve: bool, analyze: bool, names: list[str], tmp_path: Path) -> None:
    """`--no-serve` and `--no-analyze` leave exactly that part out; collect always runs and stops last."""
    made = children(PlatformOptions(tmp_path, serve=serve, analyze=analyze))
    assert [child.name for child in made] == names
    assert made[0].stage == min(child.stage for child in made)
