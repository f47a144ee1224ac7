"""A real single-node VictoriaMetrics on a free loopback port that it keeps when started again."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import httpx2

from tests.servers import require
from tests.servers.ports import free_port
from tests.servers.process import Child, running


@dataclass(slots=True)
class VictoriaMetrics:
    """A VictoriaMetrics with its data in `folder`; `stop` and `start` keep the data and the address."""

    folder: Path
    program: Path
    port: int
    arguments: tuple[str, ...] = ()
    _running: ExitStack = field(default_factory=ExitStack)
    _child: Child | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def child(self) -> Child:
        assert self._child is not None, "not started"
        return self._child

    def start(self) -> None:
        """Start it and wait until it answers."""
        arguments = [
            self.program,
            f"-storageDataPath={self.folder / 'storage'}",
            f"-httpListenAddr=127.0.0.1:{self.port}",
            "-retentionPeriod=100y",
            "-search.latencyOffset=0s",
            *self.arguments,
        ]
        child = self._running.enter_context(running(arguments, folder=self.folder, name="victoria-metrics"))
        child.wait_for(lambda: _healthy(self.url), what="VictoriaMetrics to be healthy")
        self._child = child

    def stop(self) -> None:
        """End it; what it holds stays in the folder."""
        self._running.close()


@contextmanager
def victoria_metrics(folder: Path, *arguments: str) -> Iterator[VictoriaMetrics]:
    """VictoriaMetrics for as long as the block lasts; it keeps samples of any age."""
    program = require("victoria-metrics")
    folder.mkdir(parents=True, exist_ok=True)
    server = VictoriaMetrics(folder, program, free_port(), arguments)
    server.start()
    try:
        yield server
    finally:
        server.stop()


def _healthy(url: str) -> bool:
    try:
        return httpx2.get(f"{url}/health", timeout=2).status_code == 200
    except httpx2.TransportError:
        return False
