"""Two real OTLP servers on free ports with an intake that decodes and keeps what it was sent."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pyarrow as pa
import uvicorn

from causeway.records import TABLES
from collectors.decoded import Outcome
from collectors.otlp.decode import decode
from collectors.otlp.grpc_server import serve_grpc
from collectors.otlp.http_server import otlp_app

START_S = 20.0


class KeepingIntake:
    """Decodes every request on its own and keeps the tables; refuses when told to."""

    def __init__(self) -> None:
        self.requests: list[tuple[str, bytes, str]] = []
        self.tables: dict[str, list[pa.Table]] = {}
        self.refusals: list[Exception] = []

    async def submit(self, signal: str, payload: bytes, encoding: str) -> Outcome:
        """The next of `refusals` is raised first, each once."""
        self.requests.append((signal, payload, encoding))
        if self.refusals:
            raise self.refusals.pop(0)
        decoded = decode(signal, [(payload, encoding)])
        outcome = decoded.outcomes[0]
        if not isinstance(outcome, Outcome):
            raise outcome
        for name, table in decoded.tables.items():
            self.tables.setdefault(name, []).append(table)
        return outcome


class Collector:
    """What a test sees of running servers: their ports, and the tables of what arrived."""

    def __init__(self, intake: KeepingIntake, grpc_port: int, http_port: int) -> None:
        self.intake = intake
        self.grpc_port = grpc_port
        self.http_port = http_port

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.http_port}"

    @property
    def grpc_address(self) -> str:
        return f"127.0.0.1:{self.grpc_port}"

    def table(self, name: str) -> pa.Table:
        """All rows of a table of `causeway.records` that arrived, in order of arrival."""
        schema = TABLES[name][0]
        parts = [table.cast(schema) for table in self.intake.tables.get(name, [])]
        return pa.concat_tables(parts) if parts else schema.empty_table()

    def forget(self) -> None:
        """Forget what arrived."""
        self.intake.requests.clear()
        self.intake.tables.clear()
        self.intake.refusals.clear()


@contextmanager
def running_collector(*, limit: int | None = None) -> Iterator[Collector]:
    """Servers in a thread with an event loop of its own; `limit` as `otlp_app`."""
    started = threading.Event()
    found: dict[str, Collector] = {}
    loop = asyncio.new_event_loop()
    stop = asyncio.Event()

    async def serve() -> None:
        intake = KeepingIntake()
        grpc_server, grpc_port = await serve_grpc(intake, host="127.0.0.1", port=0)
        app = otlp_app(intake) if limit is None else otlp_app(intake, limit=limit)
        config = uvicorn.Config(
            app, host="127.0.0.1", port=0, http="httptools", lifespan="off", log_level="warning", ws="none"
        )
        server = uvicorn.Server(config)
        serving = asyncio.create_task(server.serve())
        while not server.started and not serving.done():
            await asyncio.sleep(0.005)
        http_port = server.servers[0].sockets[0].getsockname()[1]
        found["collector"] = Collector(intake, grpc_port, http_port)
        started.set()
        await stop.wait()
        server.should_exit = True
        await asyncio.gather(grpc_server.stop(1.0), serving)

    thread = threading.Thread(target=lambda: loop.run_until_complete(serve()), name="otlp-servers", daemon=True)
    thread.start()
    try:
        assert started.wait(START_S), "the servers did not start"
        yield found["collector"]
    finally:
        loop.call_soon_threadsafe(stop.set)
        thread.join(START_S)
        loop.close()
