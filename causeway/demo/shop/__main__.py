"""`python -m causeway.demo.shop WHAT ...`: one process of the shop, as the demo starts it."""

from __future__ import annotations

import argparse
import signal
import threading
import time
from pathlib import Path

from causeway.demo.shop import plan
from causeway.demo.shop.settings import read

# Requests that run when an instance is told to stop may finish.
_DRAIN_S = 0.4


def main() -> None:
    """Run what is asked for until SIGTERM."""
    parser = argparse.ArgumentParser(prog="causeway.demo.shop")
    parser.add_argument("what", choices=[*(each.name for each in plan.SERVICES), "broker", "load", "lock"])
    parser.add_argument("--number", type=int, default=1)
    parser.add_argument("--version")
    parser.add_argument("--previous")
    parser.add_argument("--trouble")
    parser.add_argument("--per-s", type=float, default=plan.REQUESTS_PER_S)
    parser.add_argument("--database")
    parser.add_argument("--hold-s", type=float, default=0.45)
    parser.add_argument("--pause-s", type=float, default=0.08)
    arguments = parser.parse_args()
    stop = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: stop.set())
    runners = {"broker": _broker, "load": _load, "lock": _lock}
    runners.get(arguments.what, _service)(arguments, stop)


def _broker(_: argparse.Namespace, stop: threading.Event) -> None:
    from causeway.demo.shop.broker import Broker

    server = Broker(read().broker_port)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    stop.wait()
    server.shutdown()


def _load(arguments: argparse.Namespace, stop: threading.Event) -> None:
    from causeway.demo.shop import load

    settings = read()
    load.run(settings.ports["web"][0], per_s=arguments.per_s, seed=settings.seed, stop=stop)


def _lock(arguments: argparse.Namespace, stop: threading.Event) -> None:
    from causeway.demo.shop.database import hold_locked

    path: Path = read().database(arguments.database)
    hold_locked(path, hold_s=arguments.hold_s, pause_s=arguments.pause_s, stop=stop)


def _service(arguments: argparse.Namespace, stop: threading.Event) -> None:
    from causeway.demo.shop.service import Identity, ShopServer, ShopService

    settings = read()
    version = arguments.version or plan.service(arguments.what).version
    identity = Identity(arguments.what, arguments.number, version, arguments.previous, arguments.trouble)
    service = ShopService(identity, settings)
    server = ShopServer(settings.ports[arguments.what][arguments.number - 1], service)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    if arguments.what == "mailer":
        threading.Thread(target=service.consume, args=(stop,), daemon=True).start()
    stop.wait()
    server.shutdown()
    server.server_close()
    time.sleep(_DRAIN_S)
    service.telemetry.close()


main()
