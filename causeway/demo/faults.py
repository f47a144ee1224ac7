"""The faults of the demo: what breaks, where, how it is really done, and what a diagnosis should then say."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from causeway.demo import cast
from causeway.demo.shop import plan
from causeway.demo.shop.settings import ShopSettings
from causeway.errors import ConfigError
from causeway.supervisor import Supervisor

_ROLL_OUT_WITHIN_S = 30.0


@dataclass(frozen=True, slots=True)
class Stage:
    """The running shop that a fault is done to."""

    shop: ShopSettings
    supervisor: Supervisor
    stopping: threading.Event


@dataclass(frozen=True, slots=True)
class Fault:
    """A fault by name. Its story is the sentence `demo.fault_NAME`; `service` is at fault unless another is asked.

    databases: the culprit is the service's database, and only services that have one can be chosen.
    """

    name: str
    service: str
    begin: Callable[[Stage, str], None]
    end: Callable[[Stage, str], None]
    databases: bool = False

    def entity(self, service: str) -> str:
        """What a diagnosis should name first."""
        return (plan.service(service).database or service) if self.databases else service

    def accepted(self, service: str) -> tuple[str, ...]:
        """The entities that count as right: the culprit, its instances, and for a database its only client."""
        return (self.entity(service), service)

    @property
    def story(self) -> str:
        """The catalogue's name for what happens."""
        return f"demo.fault_{self.name.replace('-', '_')}"


def choose(name: str, service: str | None = None) -> tuple[Fault, str]:
    """The fault and the service at fault. Raises ConfigError naming what there is."""
    if name not in FAULTS:
        raise ConfigError(f"no fault {name!r}; there are {', '.join(FAULTS)}")
    fault = FAULTS[name]
    fitting = [each.name for each in plan.SERVICES if each.database or not fault.databases]
    chosen = service or fault.service
    if chosen not in fitting:
        raise ConfigError(f"fault {name!r} cannot be at {chosen!r}; choose one of {', '.join(fitting)}")
    return fault, chosen


def _inside(kind: str) -> Callable[[Stage, str], None]:
    """A fault that the processes of all instances are told to have."""

    def begin(stage: Stage, service: str) -> None:
        for port in stage.shop.ports[service]:
            cast.control(port, "POST", f"/control/fault/{kind}")

    return begin


def _recover(stage: Stage, service: str) -> None:
    for port in stage.shop.ports[service]:
        cast.control(port, "DELETE", "/control/fault")


def _crash(stage: Stage, service: str) -> None:
    stage.supervisor.kill(cast.child_name(service, plan.service(service).instances))


def _restart(stage: Stage, service: str) -> None:
    stage.supervisor.resume(cast.child_name(service, plan.service(service).instances))


def _release(stage: Stage, service: str) -> None:
    old = plan.service(service).version
    _roll_out(stage, service, version=next_version(old), previous=old, trouble="bug")


def _roll_back(stage: Stage, service: str) -> None:
    old = plan.service(service).version
    _roll_out(stage, service, version=old, previous=next_version(old), trouble=None)


def _roll_out(stage: Stage, service: str, *, version: str, previous: str, trouble: str | None) -> None:
    """Replace instance by instance: the new one listens beside the old one before that is told to stop."""
    for number in range(1, plan.service(service).instances + 1):
        child = cast.new_version(stage.shop, service, number, version=version, previous=previous, trouble=trouble)
        stage.supervisor.add([child])
        stage.supervisor.wait_ready(within_s=_ROLL_OUT_WITHIN_S, stopping=stage.stopping, names=(child.name,))
        usual = cast.child_name(service, number)
        replaced = usual if trouble else f"{usual}@{previous}"
        stage.supervisor.retire(replaced)


def next_version(version: str) -> str:
    """The next minor version: 2.4.0 after 2.3.1."""
    major, minor, _ = version.split(".")
    return f"{major}.{int(minor) + 1}.0"


def _lock(stage: Stage, service: str) -> None:
    database = plan.service(service).database or ""
    stage.supervisor.add([cast.lock_child(stage.shop, database)])


def _unlock(stage: Stage, service: str) -> None:
    stage.supervisor.retire(f"lock-{plan.service(service).database}")


FAULTS: Mapping[str, Fault] = {
    fault.name: fault
    for fault in (
        Fault("latency", "shipping", _inside("latency"), _recover),
        Fault("errors", "payment", _inside("errors"), _recover),
        Fault("cpu", "recommendations", _inside("cpu"), _recover),
        Fault("leak", "cart", _inside("leak"), _recover),
        Fault("crash", "catalog", _crash, _restart),
        Fault("release", "checkout", _release, _roll_back),
        Fault("slow-db", "orders", _lock, _unlock, databases=True),
    )
}
