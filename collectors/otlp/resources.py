"""Resources: who sent the records. Each distinct one is read once and remembered by its bytes."""

from __future__ import annotations

import hashlib
from functools import lru_cache

import numpy as np
import pyarrow as pa

from causeway.conventions.resource import Resource, resource_of
from causeway.conventions.text import text_of
from causeway.records import RESOURCES
from collectors.otlp.nested import fields, key_value

REMEMBERED_MAX = 8192


@lru_cache(maxsize=REMEMBERED_MAX)
def name_hash(name: str) -> int:
    """A stable 64-bit fingerprint of one name."""
    digest = hashlib.blake2b(name.encode("utf-8"), digest_size=8).digest()
    return int.from_bytes(digest, "little", signed=True)


class Remembered:
    """Reads Resource and InstrumentationScope messages, each distinct one once."""

    def __init__(self) -> None:
        self._resources: dict[bytes, Resource] = {}
        self._scopes: dict[bytes, str] = {}

    def resource(self, message: bytes) -> Resource:
        """Raises BadRequest when the message is malformed."""
        found = self._resources.get(message)
        if found is None:
            pairs = [key_value(value) for number, wire, value in fields(message) if number == 1 and wire == 2]  # type: ignore[arg-type]
            found = resource_of({key: text_of(value) for key, value in pairs})
            if len(self._resources) >= REMEMBERED_MAX:
                self._resources.clear()
            self._resources[message] = found
        return found

    def scope(self, message: bytes) -> str:
        """The name of the scope. Raises BadRequest when the message is malformed."""
        found = self._scopes.get(message)
        if found is None:
            found = ""
            for number, wire, value in fields(message):
                if number == 1 and wire == 2 and isinstance(value, bytes):
                    found = value.decode("utf-8", "replace")
            if len(self._scopes) >= REMEMBERED_MAX:
                self._scopes.clear()
            self._scopes[message] = found
        return found


def resources_table(resources: list[Resource], times_ns: np.ndarray) -> pa.Table:
    """One row per distinct resource, by resource_id, with the smallest of its times (one per element)."""
    distinct: dict[int, tuple[Resource, int]] = {}
    for resource, time_ns in zip(resources, times_ns.tolist(), strict=True):
        known = distinct.get(resource.resource_id)
        if known is None or time_ns < known[1]:
            distinct[resource.resource_id] = (resource, time_ns)
    rows = [distinct[key] for key in sorted(distinct)]
    return pa.table(
        {
            "resource_id": [resource.resource_id for resource, _ in rows],
            "service": [resource.service for resource, _ in rows],
            "instance": [resource.instance for resource, _ in rows],
            "version": [resource.version for resource, _ in rows],
            "attributes": [list(resource.attributes.items()) for resource, _ in rows],
            "first_ns": [time_ns for _, time_ns in rows],
        },
        schema=RESOURCES,
    )
