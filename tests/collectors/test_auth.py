"""A collector with a token refuses whoever does not show it, over both protocols."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import grpc
import httpx2
import pytest

from causeway.errors import ConfigError
from collectors.serving import CollectConfig
from tests.collectors.otlp.requests import trace_request
from tests.servers.collector import start_collector
from tests.servers.ports import free_port

TOKEN = "sluice-gate"
METHOD = "/opentelemetry.proto.collector.trace.v1.TraceService/Export"


@pytest.fixture(scope="module")
def ports(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[int, int]]:
    """gRPC and HTTP ports of a running collector that wants TOKEN."""
    folder: Path = tmp_path_factory.mktemp("token")
    config = folder / "collect.toml"
    config.write_text(f'[collect]\nhost = "0.0.0.0"\ntoken = "{TOKEN}"\n')
    grpc_port, http_port = free_port(), free_port()
    process = start_collector(folder / "data", grpc_port=grpc_port, http_port=http_port, config=config)
    yield grpc_port, http_port
    process.terminate()
    assert process.wait(timeout=60) == 0


def _post(port: int, **headers: str) -> httpx2.Response:
    body = trace_request().SerializeToString()
    kind = {"content-type": "application/x-protobuf"}
    return httpx2.post(f"http://127.0.0.1:{port}/v1/traces", content=body, headers={**kind, **headers}, timeout=30)


@pytest.mark.parametrize("shown", ["", "Bearer", "Bearer wrong", f"Basic {TOKEN}", f"Bearer {TOKEN}x"])
def test_http_refuses_strangers(ports: tuple[int, int], shown: str) -> None:
    """401 with the way in, and nothing of the token."""
    answer = _post(ports[1], **({"authorization": shown} if shown else {}))
    assert answer.status_code == 401
    assert answer.headers["www-authenticate"] == "Bearer"
    assert TOKEN not in answer.text


def test_http_takes_those_with_the_token(ports: tuple[int, int]) -> None:
    """The scheme's case does not matter; health needs no token, measures do."""
    assert _post(ports[1], authorization=f"bearer {TOKEN}").status_code == 200
    assert httpx2.get(f"http://127.0.0.1:{ports[1]}/healthz", timeout=10).status_code == 200
    assert httpx2.get(f"http://127.0.0.1:{ports[1]}/metrics", timeout=10).status_code == 401


def test_grpc_asks_for_the_token(ports: tuple[int, int]) -> None:
    """UNAUTHENTICATED without, an answer with."""
    with grpc.insecure_channel(f"127.0.0.1:{ports[0]}") as channel:
        export = channel.unary_unary(METHOD, request_serializer=None, response_deserializer=None)
        body = trace_request().SerializeToString()
        for metadata in ((), (("authorization", "Bearer wrong"),)):
            with pytest.raises(grpc.RpcError) as refused:
                export(body, metadata=metadata, timeout=20)
            assert refused.value.code() is grpc.StatusCode.UNAUTHENTICATED
        assert export(body, metadata=(("authorization", f"Bearer {TOKEN}"),), timeout=20) == b""


def test_listening_to_others_without_a_token_is_refused() -> None:
    """And the token never shows in the settings' text."""
    with pytest.raises(ConfigError, match=r"collect\.token"):
        CollectConfig(host="0.0.0.0")
    assert TOKEN not in repr(CollectConfig(host="0.0.0.0", token=TOKEN))
