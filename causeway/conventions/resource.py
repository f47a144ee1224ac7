"""Who sent a record, by its resource attributes."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass

UNKNOWN_SERVICE = "unknown_service"
# People know pods; the other names are unique but mean nothing to them.
INSTANCE_KEYS = ("k8s.pod.name", "service.instance.id", "container.id", "host.name")


@dataclass(frozen=True, slots=True)
class Resource:
    """One sender. `attributes` are text, as in `causeway.records`."""

    resource_id: int
    service: str
    instance: str
    version: str
    attributes: Mapping[str, str]


def resource_id(attributes: Mapping[str, str]) -> int:
    """A stable 64-bit number for a set of attributes, whatever their order."""
    digest = hashlib.blake2b(digest_size=8)
    for key in sorted(attributes):
        for part in (key.encode("utf-8"), attributes[key].encode("utf-8")):
            digest.update(len(part).to_bytes(4, "little"))
            digest.update(part)
    return int.from_bytes(digest.digest(), "little", signed=True)


def resource_of(attributes: Mapping[str, str]) -> Resource:
    """The sender that these resource attributes describe."""
    instance = next((attributes[key] for key in INSTANCE_KEYS if attributes.get(key)), "")
    return Resource(
        resource_id=resource_id(attributes),
        service=attributes.get("service.name") or UNKNOWN_SERVICE,
        instance=instance,
        version=attributes.get("service.version", ""),
        attributes=attributes,
    )
