"""The processes of the shop, for the supervisor: who they are, where they listen, when they are ready."""

from __future__ import annotations

import http.client
import json
import socket
from dataclasses import replace
from pathlib import Path

from causeway.demo.shop import database, plan
from causeway.demo.shop.plan import HOST
from causeway.demo.shop.settings import ShopSettings
from causeway.supervisor import Child

_MODULE = ("-m", "causeway.demo.shop")
# The load stops first, then the shop together with analyses and dashboards, and what collects its telemetry last.
STAGE_SHOP, STAGE_LOAD = 1, 2


def settings(*, otlp: str, folder: Path, seed: int) -> ShopSettings:
    """A shop on free ports of this machine; its databases are made in the folder."""
    counts = {service.name: service.instances for service in plan.SERVICES}
    free = _free_ports(1 + sum(counts.values()))
    broker, rest = free[0], iter(free[1:])
    ports = {name: [next(rest) for _ in range(count)] for name, count in counts.items()}
    made = ShopSettings(otlp=otlp, folder=str(folder), broker_port=broker, ports=ports, seed=seed)
    for service in plan.SERVICES:
        if service.database:
            database.create(made.database(service.database))
    return made


def shop_children(shop: ShopSettings) -> list[Child]:
    """All services, each instance a process, and the broker."""
    broker = Child(
        plan.BROKER,
        (*_MODULE, "broker"),
        ready=lambda: _listens(shop.broker_port),
        environment=shop.environment(),
        stage=STAGE_SHOP,
    )
    numbers = [(each.name, number) for each in plan.SERVICES for number in range(1, each.instances + 1)]
    return [broker, *(instance(shop, name, number) for name, number in numbers)]


def load_child(shop: ShopSettings, *, per_s: float) -> Child:
    """The customers."""
    arguments = (*_MODULE, "load", "--per-s", str(per_s))
    return Child("load", arguments, environment=shop.environment(), stage=STAGE_LOAD)


def lock_child(shop: ShopSettings, database_name: str) -> Child:
    """Somebody who keeps a database locked most of the time."""
    arguments = (*_MODULE, "lock", "--database", database_name)
    return Child(f"lock-{database_name}", arguments, environment=shop.environment(), stage=STAGE_LOAD)


def child_name(service: str, number: int) -> str:
    """`catalog-2`, or `web` where there is one instance only."""
    return f"{service}-{number}" if plan.service(service).instances > 1 else service


def instance(shop: ShopSettings, service: str, number: int) -> Child:
    """An instance of a service in its usual version."""
    port = shop.ports[service][number - 1]
    arguments = (*_MODULE, service, "--number", str(number))
    return Child(
        child_name(service, number),
        arguments,
        ready=lambda: statistics(port) is not None,
        environment=shop.environment(),
        stage=STAGE_SHOP,
    )


def new_version(
    shop: ShopSettings, service: str, number: int, *, version: str, previous: str, trouble: str | None
) -> Child:
    """An instance in another version, beside the one it replaces; ready when it answers on their port."""
    usual = instance(shop, service, number)
    extra = ("--version", version, "--previous", previous, *(("--trouble", trouble) if trouble else ()))
    expected, port = plan.instance_id(service, version, number), shop.ports[service][number - 1]

    def ready() -> bool:
        answer = statistics(port)
        return answer is not None and answer["instance"] == expected

    return replace(usual, name=f"{usual.name}@{version}", arguments=(*usual.arguments, *extra), ready=ready)


def statistics(port: int) -> dict[str, float | str | None] | None:
    """What an instance says about itself, None if it does not answer."""
    return control(port, "GET", "/control/statistics")


def control(port: int, method: str, path: str) -> dict[str, float | str | None] | None:
    """Ask an instance's control endpoint, outside all telemetry."""
    connection = http.client.HTTPConnection(HOST, port, timeout=3.0)
    try:
        connection.request(method, path)
        return json.loads(connection.getresponse().read())
    except (OSError, http.client.HTTPException):
        return None
    finally:
        connection.close()


def _listens(port: int) -> bool:
    try:
        socket.create_connection((HOST, port), timeout=1.0).close()
    except OSError:
        return False
    return True


def _free_ports(count: int) -> list[int]:
    held = [socket.socket() for _ in range(count)]
    try:
        for each in held:
            each.bind((HOST, 0))
        return [each.getsockname()[1] for each in held]
    finally:
        for each in held:
            each.close()
