"""Decoded spans say how many they stand for."""

from __future__ import annotations

from typing import Any

from collectors.otlp.decode import decode
from tests.collectors.otlp.requests import attributes, span, trace_request


def counts(*told: dict[str, Any]) -> list[int | None]:
    spans = [span(number + 1, **one) for number, one in enumerate(told)]
    decoded = decode("traces", [(trace_request(spans=spans).SerializeToString(), "protobuf")])
    return decoded.tables["spans"]["adjusted_count_milli"].to_pylist()


def test_each_span_says_it_for_itself() -> None:
    """By trace state or attribute of any type; null for spans that say nothing."""
    assert counts(
        {"attributes": attributes({"sampling.probability": 0.25})},
        {"trace_state": "ot=th:8"},
        {"attributes": attributes({"SampleRate": 20, "http.route": "/"})},
        {"attributes": attributes({"sampler.type": "probabilistic", "sampler.param": 0.1})},
        {"attributes": attributes({"http.route": "/"}), "trace_state": "vendor=1"},
    ) == [4_000, 2_000, 20_000, 10_000, None]


def test_attributes_alone_and_trace_states_alone_are_found() -> None:
    """Each way of saying it is looked for by itself."""
    assert counts({}, {"attributes": attributes({"sample_rate": 5})}) == [None, 5_000]
    assert counts({}, {"trace_state": "ot=p:1"}) == [None, 2_000]


def test_other_attributes_that_begin_alike_say_nothing() -> None:
    """The first letters are not the name."""
    assert counts({"attributes": attributes({"sampling.probabilities": 0.25, "SampleRates": 3})}, {}) == [None, None]
