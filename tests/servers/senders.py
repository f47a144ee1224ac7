"""Clients that send unique spans and go on until each request is acknowledged."""

from __future__ import annotations

import threading
import time
from collections import Counter

import grpc
from google.protobuf.any_pb2 import Any as AnyMessage
from google.rpc.error_details_pb2 import RetryInfo
from google.rpc.status_pb2 import Status

from benchmarks.load import METHOD, Load

SPANS_PER_REQUEST = 200
_DETAILS = "grpc-status-details-bin"
_PATIENCE_S = 20.0


class Sender(threading.Thread):
    """Sends unique requests one after the other, each again until it is acknowledged."""

    def __init__(self, port: int, *, first_seed: int = 0, pause_s: float = 0.0) -> None:
        """first_seed: senders of one test need seeds a million apart, for no two to send the same spans.

        pause_s: between requests.
        """
        super().__init__(daemon=True)
        self._port = port
        self._seed = first_seed
        self._pause_s = pause_s
        self._end_ns = time.time_ns()
        self.acknowledged: list[str] = []  # trace ids of requests
        self.spans = 0
        self.stopping = threading.Event()
        self.edges: Counter[tuple[str, str]] = Counter()
        self.errors: Counter[str] = Counter()  # by status code
        self.told_to_wait_s: list[float] = []

    def run(self) -> None:
        options = [("grpc.initial_reconnect_backoff_ms", 50), ("grpc.max_reconnect_backoff_ms", 200)]
        channel = grpc.insecure_channel(f"127.0.0.1:{self._port}", options=options)
        call = channel.unary_unary(METHOD)
        while not self.stopping.is_set():
            self._seed += 1
            load = Load(spans=SPANS_PER_REQUEST, seed=self._seed, per_request=SPANS_PER_REQUEST, end_ns=self._end_ns)
            (request,) = list(load.requests())
            self._until_acknowledged(call, request)
            self.spans += load.spans
            self.edges += load.edges
            self.acknowledged += load.trace_ids
            self.stopping.wait(self._pause_s)
        channel.close()

    def wait_for_progress(self, requests: int) -> None:
        """Return when so many more requests were acknowledged: an outage that nothing came before proves nothing."""
        target, deadline = self.spans + requests * SPANS_PER_REQUEST, time.monotonic() + 60
        while self.spans < target:
            assert time.monotonic() < deadline, "the collector acknowledges nothing"
            time.sleep(0.01)

    def finish(self) -> None:
        """Stop after the request under way, which must be acknowledged."""
        self.stopping.set()
        self.join(timeout=60)
        assert not self.is_alive(), "the last request was not acknowledged"

    def _until_acknowledged(self, call: grpc.UnaryUnaryMultiCallable, request: bytes) -> None:
        while True:
            try:
                call(request, timeout=_PATIENCE_S, wait_for_ready=False)
            except grpc.RpcError as error:
                self.errors[error.code().name] += 1
                self._note_wait(error)
                time.sleep(0.02)
            else:
                return

    def _note_wait(self, error: grpc.RpcError) -> None:
        details = next((value for name, value in error.trailing_metadata() or () if name == _DETAILS), None)
        for detail in Status.FromString(details).details if details else ():
            info = RetryInfo()
            if isinstance(detail, AnyMessage) and detail.Unpack(info):
                self.told_to_wait_s.append(info.retry_delay.seconds + info.retry_delay.nanos / 1e9)
