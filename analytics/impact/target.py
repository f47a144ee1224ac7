"""What is thought to fail or to become slow: a service, one of its operations or instances, a node, a zone, an edge."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from causeway.errors import ConfigError

BETWEEN = " -> "
WITHIN = " › "


class TargetKind(StrEnum):
    """What a name means. HOST: `k8s.node.name` or `host.name`; ZONE: `cloud.availability_zone`."""

    SERVICE = "service"
    OPERATION = "operation"
    INSTANCE = "instance"
    HOST = "host"
    ZONE = "zone"
    EDGE = "edge"


@dataclass(frozen=True, slots=True)
class Target:
    """One thing. name: the service (of a database or queue too), host or zone; an edge's caller.

    part: the operation, instance or callee; None for a service, host or zone.
    """

    kind: TargetKind
    name: str
    part: str | None = None

    @property
    def text(self) -> str:
        """As people write it: `cart`, `cart › GET /`, `cart -> redis`."""
        if self.part is None:
            return self.name
        return f"{self.name}{BETWEEN if self.kind is TargetKind.EDGE else WITHIN}{self.part}"


def service(name: str) -> Target:
    """The whole service, database, queue or external host of that name."""
    return Target(TargetKind.SERVICE, name)


def edge(caller: str, callee: str) -> Target:
    """All calls from one service to another."""
    return Target(TargetKind.EDGE, caller, callee)


def parse_target(written: str) -> Target:
    """`cart`, `service:cart`, `operation:cart › GET /`, `instance:cart › cart-1`, `host:n1`, `zone:a`, `cart -> redis`.

    Between service and operation or instance `›` and `>` will do. Raises ConfigError, saying what is possible.
    """
    kind, colon, rest = written.partition(":")
    known = kind if colon and kind in {one.value for one in TargetKind} else None
    name = (rest if known else written).strip()
    if "->" in name and known in {None, TargetKind.EDGE.value}:
        caller, _, callee = (part.strip() for part in name.partition("->"))
        if caller and callee:
            return edge(caller, callee)
    chosen = TargetKind(known) if known else TargetKind.SERVICE
    if chosen in {TargetKind.OPERATION, TargetKind.INSTANCE}:
        owner, _, part = (piece.strip() for piece in name.replace("›", ">").partition(">"))
        if owner and part:
            return Target(chosen, owner, part)
    elif name and chosen is not TargetKind.EDGE:
        return Target(chosen, name)
    raise ConfigError(
        f"no target in {written!r}; write SERVICE, 'operation:SERVICE › OPERATION', 'instance:SERVICE › INSTANCE', "
        "host:NODE, zone:ZONE or 'CALLER -> CALLEE'"
    )
