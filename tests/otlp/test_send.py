"""The sender against a server that refuses, asks for patience, or is not there."""

from __future__ import annotations

import socket
import time

import pytest
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceResponse

from causeway.errors import ConfigError
from causeway.otlp.send import Export, Sender, SendError, SendOptions, retry_after_s
from tests.otlp.sink import OK, Sink, running

QUICK = SendOptions(in_flight=3, give_up_s=5.0)


def exports(count: int) -> list[Export]:
    return [Export("logs", 10, f"{number}".encode()) for number in range(count)]


@pytest.mark.parametrize("status", [429, 502, 503, 504])
def test_a_refused_request_comes_again_unchanged(status: int) -> None:
    """What the server refused for now is sent again, byte for byte, and counted once."""
    sink = Sink(reply=lambda n: (status, {"Retry-After": "0"}, b"") if n < 4 else OK)
    with running(sink), Sender(sink.url, QUICK) as sender:
        sender.send_all(exports(6))
    assert sorted(sink.bodies("/v1/logs")) == sorted(export.body for export in exports(6))
    tally = sender.tallies["logs"]
    assert (tally.sent, tally.accepted, tally.requests, tally.resent) == (60, 60, 6, 4)


def test_retry_after_is_waited_for() -> None:
    """A server that names a time is not asked before it."""
    with running(Sink(reply=lambda n: (503, {"Retry-After": "1"}, b"") if n == 0 else OK)) as sink:
        began = time.monotonic()
        with Sender(sink.url, QUICK) as sender:
            sender.put(exports(1)[0])
    assert time.monotonic() - began >= 1.0


def test_rejected_records_are_counted_with_the_reason() -> None:
    """Partial success is not sent again; the rejected records and the server's words are kept."""
    response = ExportLogsServiceResponse()
    response.partial_success.rejected_log_records = 3
    response.partial_success.error_message = "time too old"
    answer = response.SerializeToString()
    sink = Sink(reply=lambda n: (200, {}, answer) if n == 0 else OK)
    with running(sink), Sender(sink.url, QUICK) as sender:
        sender.send_all(exports(2))
    tally = sender.tallies["logs"]
    assert (tally.sent, tally.accepted, tally.rejected, tally.message) == (20, 17, 3, "time too old")
    assert sink.requests == 2


def test_a_refusal_for_good_ends_the_sending() -> None:
    """400 is not retried: the error names the status and what the server said."""
    sink = Sink(reply=lambda _: (400, {}, b"no such field"))
    with running(sink), pytest.raises(SendError, match="400 no such field"), Sender(sink.url, QUICK) as sender:
        sender.send_all(exports(20))
    assert sink.requests <= QUICK.in_flight


def test_an_absent_server_is_named_at_once() -> None:
    """The probe fails without waiting when nobody listens, and says where."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        address = f"http://127.0.0.1:{taken.getsockname()[1]}"
        with pytest.raises(SendError, match=address), Sender(address, QUICK) as sender:
            sender.probe()


@pytest.mark.parametrize("address", ["127.0.0.1:4318", "https://host:1", "", "ftp://x"])
def test_an_address_of_another_shape_is_refused(address: str) -> None:
    """Only http://host:port can be sent to, and the error shows how one looks."""
    with pytest.raises(ConfigError, match=r"http://127\.0\.0\.1:4318"):
        Sender(address)


@pytest.mark.parametrize(("header", "expected"), [(None, None), ("2", 2.0), ("0.5", 0.5), ("-1", 0.0), ("soon", None)])
def test_retry_after_in_seconds(header: str | None, expected: float | None) -> None:
    """Seconds are read, negative ones are now, nonsense is as if absent."""
    assert retry_after_s(header) == expected


def test_retry_after_as_a_date() -> None:
    """A date in the past is now; one in the far future is a long time."""
    assert retry_after_s("Wed, 21 Oct 2015 07:28:00 GMT") == 0.0
    assert (retry_after_s("Wed, 21 Oct 2099 07:28:00 GMT") or 0) > 1e6
