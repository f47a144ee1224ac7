"""A child process with its output in a file: waited for by polling, and always ended."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

T = TypeVar("T")
POLL_S = 0.05
STOP_S = 10.0


def wait_for(look: Callable[[], T | None], *, what: str, timeout_s: float = 30.0) -> T:
    """The first answer of `look` that is neither None nor False. Fails naming `what` when time is up."""
    deadline = time.monotonic() + timeout_s
    while True:
        found = look()
        if found is not None and found is not False:
            return found
        assert time.monotonic() < deadline, f"waited {timeout_s:g} s for {what}"
        time.sleep(POLL_S)


@dataclass(frozen=True, slots=True)
class Child:
    """A running child in a process group of its own; `log` holds its standard output and error."""

    process: subprocess.Popen[bytes]
    log: Path

    def output(self) -> str:
        """Everything it wrote so far."""
        return self.log.read_text(encoding="utf-8", errors="replace")

    def wait_for(self, look: Callable[[], T | None], *, what: str, timeout_s: float = 30.0) -> T:
        """As `wait_for`, but fails at once, with the child's output, when the child ended."""

        def alive() -> T | None:
            found = look()
            if found is None or found is False:
                code = self.process.poll()
                assert code is None, f"ended with {code} before {what}:\n{self.output()[-4000:]}"
            return found

        return wait_for(alive, what=what, timeout_s=timeout_s)

    def stop(self, *, by: signal.Signals = signal.SIGTERM) -> int:
        """End it and its own children; SIGKILL after ten seconds. Its exit status."""
        if self.process.poll() is None:
            os.killpg(self.process.pid, by)
            try:
                self.process.wait(STOP_S)
            except subprocess.TimeoutExpired:
                os.killpg(self.process.pid, signal.SIGKILL)
        return self.process.wait(STOP_S)


@contextmanager
def running(
    arguments: Sequence[str | Path], *, folder: Path, name: str, environment: Mapping[str, str] | None = None
) -> Iterator[Child]:
    """Start a program in `folder` for as long as the block lasts; its output goes to `folder/name.log`."""
    folder.mkdir(parents=True, exist_ok=True)
    log = folder / f"{name}.log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            [str(argument) for argument in arguments],
            cwd=folder,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            env={**os.environ, **(environment or {})},
            start_new_session=True,
        )
    child = Child(process, log)
    try:
        yield child
    finally:
        child.stop()
