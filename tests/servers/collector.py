"""A real `causeway collect` process, and what is stored by it."""

from __future__ import annotations

import contextlib
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import pyarrow as pa

from causeway.errors import StoreError
from causeway.stores import open_store
from causeway.window import Window
from tests.servers.ports import free_port

START_S = 60.0
EVER = Window(0, 2**62)


def start_collector(
    data: Path, *, grpc_port: int, http_port: int, config: Path | None = None, options: Sequence[str] = ()
) -> subprocess.Popen[bytes]:
    """A collector that listens; fails when it ends before, or does not listen in time."""
    options = [*options, *(["--config", str(config)] if config else [])]
    process = subprocess.Popen(
        [
            *(sys.executable, "-m", "causeway", "collect", "--data", str(data), *options),
            *("--grpc-port", str(grpc_port), "--http-port", str(http_port)),
        ],
        stderr=subprocess.DEVNULL,
    )
    deadline = time.monotonic() + START_S
    while time.monotonic() < deadline:
        try:
            for port in (grpc_port, http_port):
                socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except OSError:
            assert process.poll() is None, f"the collector on {data} ended with status {process.returncode}"
            time.sleep(0.05)
        else:
            return process
    process.kill()
    raise AssertionError(f"the collector on {data} does not listen after {START_S:g} s")


class RunningCollector:
    """Addresses of a collector process, and the tables of its store."""

    def __init__(self, data: Path, grpc_port: int, http_port: int) -> None:
        self._data = data
        self.grpc_address = f"127.0.0.1:{grpc_port}"
        self.url = f"http://127.0.0.1:{http_port}"

    def table(self, name: str) -> pa.Table:
        """All stored rows of a table, once there are any; empty after ten seconds, which is the promise."""
        deadline = time.monotonic() + 10
        while True:
            with contextlib.suppress(StoreError):
                found = self._read(name)
                if found.num_rows or time.monotonic() > deadline:
                    return found
            time.sleep(0.2)

    def _read(self, name: str) -> pa.Table:
        reader = open_store(self._data)
        try:
            if name == "series":
                return reader.series()
            found = getattr(reader, name)(EVER, **({"limit": None} if name in {"spans", "logs", "events"} else {}))
            return found if isinstance(found, pa.Table) else found.table
        finally:
            reader.close()


@contextlib.contextmanager
def running_collector(data: Path) -> Iterator[RunningCollector]:
    """A collector on free ports; stopped, and checked to stop cleanly, at the end."""
    grpc_port, http_port = free_port(), free_port()
    process = start_collector(data, grpc_port=grpc_port, http_port=http_port)
    try:
        yield RunningCollector(data, grpc_port, http_port)
    finally:
        process.terminate()
        assert process.wait(timeout=60) == 0
