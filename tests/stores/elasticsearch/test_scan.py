"""Requests to a server that is busy with itself for a moment."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from causeway.stores.elasticsearch import scan


class _Client:
    """Answers with each of the bodies in turn, then with the last again."""

    def __init__(self, *bodies: dict[str, Any]) -> None:
        self.bodies = list(bodies)
        self.asked = 0

    def perform_request(self, *_: Any, **__: Any) -> Any:
        self.asked += 1
        return SimpleNamespace(body=self.bodies.pop(0) if len(self.bodies) > 1 else self.bodies[0])


def test_shards_that_fail_for_a_moment_are_asked_again(monkeypatch) -> None:
    """The whole answer counts; after some tries the incomplete one is given to whoever checks it."""
    monkeypatch.setattr(scan, "_SHARDS_WAITS_S", (0.0, 0.0))
    failed, whole = {"_shards": {"failed": 1}}, {"_shards": {"failed": 0}, "hits": {}}
    client = _Client(failed, whole)
    assert scan.request(client, "POST", "/a/_search", {}) == whole
    assert client.asked == 2
    client = _Client(failed)
    assert scan.request(client, "POST", "/a/_search", {}) == failed
    assert client.asked == 3
