"""A real Prometheus that takes remote writes, on an ephemeral loopback port that it keeps when started again."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import httpx2

from tests.servers import require
from tests.servers.process import Child, running

_LISTENING = re.compile(r'msg="Listening on" address=127\.0\.0\.1:(\d+)')
FOR_EVER = "900000h"  # an out-of-order window that takes samples of any age


@dataclass(slots=True)
class Prometheus:
    """A Prometheus with its data in `folder`; `stop` and `start` keep the data and the address."""

    folder: Path
    program: Path
    arguments: tuple[str, ...] = ()
    port: int = 0
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
        """Start it, on the port it had before, and wait until it is ready."""
        arguments = [
            self.program,
            f"--config.file={self.folder / 'prometheus.yml'}",
            f"--storage.tsdb.path={self.folder / 'tsdb'}",
            f"--web.listen-address=127.0.0.1:{self.port}",
            "--web.enable-remote-write-receiver",
            *self.arguments,
        ]
        child = self._running.enter_context(running(arguments, folder=self.folder, name="prometheus"))
        listening = child.wait_for(lambda: _LISTENING.search(child.output()), what="Prometheus to listen")
        self.port = int(listening.group(1))
        child.wait_for(lambda: _ready(self.url), what="Prometheus to be ready")
        self._child = child

    def stop(self) -> None:
        """End it; what it holds stays in the folder."""
        self._running.close()


@contextmanager
def prometheus(
    folder: Path, *flags: str, out_of_order: str = FOR_EVER, exemplars: bool = True, scrape: str = ""
) -> Iterator[Prometheus]:
    """Prometheus for as long as the block lasts. `scrape` is YAML of `scrape_configs`, if anything is scraped."""
    program = require("prometheus")
    folder.mkdir(parents=True, exist_ok=True)
    storage = f"storage:\n  tsdb:\n    out_of_order_time_window: {out_of_order}\n"
    storage += "  exemplars:\n    max_exemplars: 100000\n" if exemplars else ""
    (folder / "prometheus.yml").write_text(storage + scrape, encoding="utf-8")
    features = ("--enable-feature=exemplar-storage",) if exemplars else ()
    server = Prometheus(folder, program, (*features, *flags))
    server.start()
    try:
        yield server
    finally:
        server.stop()


def _ready(url: str) -> bool:
    try:
        return httpx2.get(f"{url}/-/ready", timeout=2).status_code == 200
    except httpx2.TransportError:
        return False
