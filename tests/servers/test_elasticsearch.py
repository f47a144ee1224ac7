"""The cluster that other tests are given."""

from __future__ import annotations

from tests.servers.elasticsearch import URL_VARIABLE, VERSION, cluster


def test_a_stopped_node_comes_back_with_its_data(monkeypatch) -> None:
    """Starting again after a stop keeps what was written."""
    import httpx2

    monkeypatch.delenv(URL_VARIABLE, raising=False)
    with cluster(heap_mb=512) as found:
        node = found.nodes[0]
        version = found.get("/_nodes/_local")["nodes"]
        assert {member["version"] for member in version.values()} == {VERSION}
        httpx2.put(f"{found.url}/test-kept/_doc/1?refresh=true", json={"a": 1}, timeout=30).raise_for_status()
        node.stop()
        node.start()
        found.get("/_cluster/health/test-kept?wait_for_status=yellow&timeout=30s")
        assert found.get("/test-kept/_doc/1")["_source"] == {"a": 1}
