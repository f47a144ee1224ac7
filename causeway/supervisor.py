"""A small supervisor: child processes that are each restarted alone, and that end when their parent does.

Everything here runs in the main thread, also starting children: Linux tells a child of its parent's death
when the
*thread* that started it ends. Only one reader thread per child copies its output into a file of bounded size.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections import deque
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import IO

from causeway.errors import CausewayError

LOG_BYTES_MAX = 5_000_000
_TAIL_LINES = 12
# prctl(PR_SET_PDEATHSIG, SIGTERM) before the real program starts; survives exec. The parent may have died
# already.
_LAUNCH = (
    "import ctypes,os,sys;ctypes.CDLL(None).prctl(1,15);"
    "os.getppid()==int(sys.argv[1]) or sys.exit(0);os.execv(sys.executable,[sys.executable,*sys.argv[2:]])"
)


class ChildFailed(CausewayError):
    """A child kept dying before it was ever ready."""


class What(StrEnum):
    """What can happen to a child."""

    STARTED = "started"
    READY = "ready"
    DIED = "died"
    CRASH_LOOP = "crash_loop"
    STOPPED = "stopped"
    KILLED = "killed"


@dataclass(frozen=True, slots=True)
class Child:
    """A process of our interpreter. `arguments` follow `python`; `stage`: the highest stage is stopped first.

    ready: tells whether it can be used; None means when it has run for `settle_s`.
    """

    name: str
    arguments: tuple[str, ...]
    ready: Callable[[], bool] | None = None
    environment: Mapping[str, str] = field(default_factory=dict)
    stage: int = 0
    settle_s: float = 0.0


@dataclass(frozen=True, slots=True)
class Policy:
    """When to restart. A child that dies within `quick_s` of its start waits twice as long each time.

    After `loop_after` quick deaths in a row it is a crash loop: said once, and tried every `back_off_max_s`;
    if the child was never ready, ChildFailed is raised instead.
    """

    back_off_s: float = 0.5
    back_off_max_s: float = 30.0
    quick_s: float = 10.0
    loop_after: int = 5
    stop_within_s: float = 9.5
    stage_within_s: float = 2.8
    retire_within_s: float = 4.0


@dataclass(frozen=True, slots=True)
class Happening:
    """One thing that happened to a child.

    `tail` holds the last lines it wrote, `wait_s` the pause before a restart.
    """

    child: str
    what: What
    pid: int = 0
    code: int | None = None
    tail: tuple[str, ...] = ()
    wait_s: float = 0.0


@dataclass(slots=True)
class _Running:
    child: Child
    process: subprocess.Popen[bytes] | None = None
    started_s: float = 0.0
    quick_deaths: int = 0
    restart_at_s: float | None = None
    ready: bool = False
    was_ready: bool = False
    held: bool = False
    tail: deque[str] = field(default_factory=lambda: deque(maxlen=_TAIL_LINES))


class Supervisor:
    """Runs children until told to stop. Call `step` several times a second from the main thread.

    Each child's output goes to `folder/NAME.log`; `tell` hears of everything that happens.
    """

    def __init__(self, folder: Path, *, tell: Callable[[Happening], None], policy: Policy | None = None) -> None:
        self._folder = folder
        self._tell = tell
        self._policy = policy or Policy()
        self._running: dict[str, _Running] = {}
        folder.mkdir(parents=True, exist_ok=True)

    def add(self, children: Iterable[Child]) -> None:
        """Start more children."""
        for child in children:
            self._running[child.name] = running = _Running(child)
            self._start(running)

    def pid(self, name: str) -> int | None:
        """The process id while it runs."""
        process = self._running[name].process
        return process.pid if process and process.poll() is None else None

    def step(self) -> None:
        """Notice deaths and readiness, restart what is due.

        Raises ChildFailed for one that never gets ready.
        """
        for running in self._running.values():
            if running.held:
                continue
            if running.process and running.process.poll() is not None:
                self._died(running)
            elif running.restart_at_s is not None and time.monotonic() >= running.restart_at_s:
                self._start(running)
            elif running.process and not running.ready and _is_ready(running):
                running.ready = running.was_ready = True
                self._tell(Happening(running.child.name, What.READY, running.process.pid))

    def all_ready(self, names: Collection[str] | None = None) -> bool:
        """Whether every child (or those named) that is not held back can be used."""
        chosen = [each for name, each in self._running.items() if names is None or name in names]
        return all(running.ready for running in chosen if not running.held)

    def wait_ready(self, *, within_s: float, stopping: threading.Event, names: Collection[str] | None = None) -> bool:
        """Step until all (or those named) are ready; False when time is over or `stopping` was set."""
        deadline = time.monotonic() + within_s
        while not stopping.is_set() and time.monotonic() < deadline:
            self.step()
            if self.all_ready(names):
                return True
            stopping.wait(0.05)
        return False

    def kill(self, name: str) -> None:
        """End a child with SIGKILL and leave it dead until `resume`."""
        running = self._running[name]
        running.held, running.ready = True, False
        if running.process and running.process.poll() is None:
            running.process.kill()
            running.process.wait()
        self._tell(Happening(name, What.KILLED))

    def resume(self, name: str) -> None:
        """Start a child again that was killed."""
        running = self._running[name]
        running.held = False
        self._start(running)

    def retire(self, name: str) -> None:
        """Ask one child to end, wait for it, and forget it."""
        running = self._running.pop(name)
        self._end([running], within_s=self._policy.retire_within_s)

    def stop(self) -> None:
        """Ask all to end, the highest stage first; who does not in its share of the time is killed.

        The last stage keeps the data, and gets all the time that the others left.
        """
        stages = sorted({running.child.stage for running in self._running.values()}, reverse=True)
        deadline = time.monotonic() + self._policy.stop_within_s
        for place, stage in enumerate(stages):
            last = place + 1 == len(stages)
            share_s = deadline - time.monotonic() if last else self._policy.stage_within_s
            group = [running for running in self._running.values() if running.child.stage == stage]
            self._end(group, within_s=share_s)
        self._running.clear()

    def _start(self, running: _Running) -> None:
        child = running.child
        command = [sys.executable, *child.arguments]
        if sys.platform == "linux":
            command = [sys.executable, "-c", _LAUNCH, str(os.getpid()), *child.arguments]
        running.process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            env={**os.environ, **child.environment},
            start_new_session=True,  # Ctrl-C reaches only us; we end the children in order
        )
        running.started_s, running.restart_at_s, running.ready = time.monotonic(), None, False
        assert running.process.stdout
        copier = (running.process.stdout, self._folder / f"{child.name}.log", running.tail)
        threading.Thread(target=_copy, args=copier, daemon=True).start()
        self._tell(Happening(child.name, What.STARTED, running.process.pid))

    def _died(self, running: _Running) -> None:
        assert running.process
        policy, code = self._policy, running.process.returncode
        quick = time.monotonic() - running.started_s < policy.quick_s
        running.quick_deaths = running.quick_deaths + 1 if quick else 1
        wait_s = min(policy.back_off_s * 2 ** (running.quick_deaths - 1), policy.back_off_max_s)
        looping = running.quick_deaths >= policy.loop_after
        tail = tuple(running.tail)
        running.process, running.ready = None, False
        if looping and not running.was_ready:
            raise ChildFailed(_never_ready(running.child.name, running.quick_deaths, code, tail))
        wait_s = policy.back_off_max_s if looping else wait_s
        running.restart_at_s = time.monotonic() + wait_s
        what = What.CRASH_LOOP if running.quick_deaths == policy.loop_after else What.DIED
        self._tell(Happening(running.child.name, what, code=code, tail=tail, wait_s=wait_s))

    def _end(self, group: list[_Running], *, within_s: float) -> None:
        alive = [running for running in group if running.process and running.process.poll() is None]
        for running in alive:
            assert running.process
            running.process.send_signal(signal.SIGTERM)
        deadline = time.monotonic() + within_s
        for running in alive:
            assert running.process
            try:
                code = running.process.wait(max(0.05, deadline - time.monotonic()))
                self._tell(Happening(running.child.name, What.STOPPED, code=code))
            except subprocess.TimeoutExpired:
                running.process.kill()
                running.process.wait()
                self._tell(Happening(running.child.name, What.KILLED))


def _is_ready(running: _Running) -> bool:
    if running.child.ready is None:
        return time.monotonic() - running.started_s >= running.child.settle_s
    return running.child.ready()


def _never_ready(name: str, deaths: int, code: int, tail: tuple[str, ...]) -> str:
    said = "".join(f"\n  | {line}" for line in tail)
    return f"{name} died {deaths} times in a row before it was ready (last exit status {code}); it said:{said}"


def _copy(source: IO[bytes], path: Path, tail: deque[str]) -> None:
    """Copy a child's output to its log until it ends.

    At its maximum the log starts anew, one old one is kept.
    """
    target = path.open("ab")
    try:
        for line in source:
            tail.append(line.decode(errors="replace").rstrip())
            if target.tell() > LOG_BYTES_MAX:
                target.close()
                path.replace(path.with_suffix(".log.old"))
                target = path.open("ab")
            target.write(line)
            target.flush()
    finally:
        target.close()
        source.close()
