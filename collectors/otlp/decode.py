"""Decodes OTLP requests of one signal, protobuf or JSON, into the tables of `causeway.records`."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from typing import Literal, Protocol

import pyarrow as pa

from causeway.errors import BadRequest
from collectors.decoded import Decoded
from collectors.otlp.json_request import protobuf_of_json
from collectors.otlp.logs import LogDecoder
from collectors.otlp.metrics import MetricDecoder
from collectors.otlp.traces import TraceDecoder

Signal = Literal["traces", "metrics", "logs"]
Encoding = Literal["protobuf", "json"]
SIGNALS: tuple[Signal, ...] = ("traces", "metrics", "logs")


class _Decoder(Protocol):
    def decode(self, payloads: Sequence[bytes]) -> Decoded: ...


class Decoders:
    """One decoder per signal. Not safe for several threads at once; `decode` keeps one set per thread."""

    def __init__(self) -> None:
        self._by_signal: dict[str, _Decoder] = {
            "traces": TraceDecoder(),
            "metrics": MetricDecoder(),
            "logs": LogDecoder(),
        }

    def decode(self, signal: str, payloads: Sequence[tuple[bytes, str]]) -> Decoded:
        """See the function of that name."""
        errors: dict[int, BadRequest] = {}
        messages: list[bytes] = []
        for k, (payload, encoding) in enumerate(payloads):
            try:
                messages.append(payload if encoding == "protobuf" else protobuf_of_json(signal, payload))
            except BadRequest as error:
                errors[k] = error
                messages.append(b"")
        decoder = self._by_signal[signal]
        try:
            decoded = decoder.decode(messages)
        except BadRequest:
            decoded = _one_by_one(decoder, messages, errors)
        if not errors:
            return decoded
        return Decoded(decoded.tables, tuple(errors.get(k, outcome) for k, outcome in enumerate(decoded.outcomes)))


def _one_by_one(decoder: _Decoder, messages: Sequence[bytes], errors: dict[int, BadRequest]) -> Decoded:
    """Decode each request on its own; those that cannot be read count as empty and are added to `errors`."""
    parts: list[Decoded] = []
    for k, message in enumerate(messages):
        try:
            parts.append(decoder.decode([message]))
        except BadRequest as error:
            errors[k] = error
            parts.append(decoder.decode([b""]))
    tables = {name: pa.concat_tables([part.tables[name] for part in parts]) for name in parts[0].tables}
    return Decoded(tables, tuple(part.outcomes[0] for part in parts))


_PER_THREAD = threading.local()


def decode(signal: str, payloads: Sequence[tuple[bytes, str]]) -> Decoded:
    """The records of some requests of one signal (`traces`, `metrics`, `logs`).

    payloads: (body, encoding) with encoding `protobuf` or `json`, already decompressed. The tables are

    * traces: spans, resources
    * logs: logs, events, resources
    * metrics: series, samples, histograms, exemplars, resources

    A request that cannot be parsed has a BadRequest for its outcome, the others are decoded all the same. A bad
    record is left out and told in the outcome. The answer depends on the payloads alone. Safe from any thread;
    the heavy part runs without the interpreter lock. Payloads of one call must hold less than 2 GiB of text.
    """
    decoders = getattr(_PER_THREAD, "decoders", None)
    if decoders is None:
        decoders = _PER_THREAD.decoders = Decoders()
    return decoders.decode(signal, payloads)


def warm_up() -> None:
    """Load (the very first time: compile) everything that decoding needs, so that no request has to wait for it."""
    for signal in SIGNALS:
        decode(signal, [(b"", "protobuf")])
