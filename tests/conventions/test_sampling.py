"""How many spans a sampled span stands for, as tracers say it."""

from __future__ import annotations

import pyarrow as pa
import pytest

from causeway.conventions.sampling import adjusted_counts, mentions
from causeway.records import ATTRIBUTES


def counted(trace_state: str | None, attributes: dict[str, str]) -> int | None:
    maps = pa.array([[], list(attributes.items())], ATTRIBUTES)
    return adjusted_counts(pa.array([None, trace_state], pa.string()), maps)[1].as_py()


@pytest.mark.parametrize(
    ("trace_state", "milli"),
    [
        ("ot=th:8", 2_000),
        ("ot=th:c;rv:0123456789abcd", 4_000),
        ("vendor=x,ot=rv:0123456789abcd;th:fd70a3d70a3d71", 100_000),
        ("ot=th:0", None),
        ("ot=p:3", 8_000),
        ("ot=p:2;r:5", 4_000),
        ("ot=p:0", None),
        ("ot=p:63", None),
        ("ot=p:a", None),
        ("ot=th:ffffffffffffff", None),
        ("ot=th:xyz", None),
        ("foot=th:8", None),
        ("other=th:8", None),
        ("", None),
        (None, None),
    ],
)
def test_trace_state(trace_state: str | None, milli: int | None) -> None:
    """The threshold or the exponent under `ot`; what cannot be read, or would count for nothing, says nothing."""
    assert counted(trace_state, {}) == milli


@pytest.mark.parametrize(
    ("attributes", "milli"),
    [
        ({"sampling.probability": "0.25"}, 4_000),
        ({"SampleRate": "20"}, 20_000),
        ({"sample_rate": "0.1"}, 10_000),
        ({"_sample_rate": "3"}, 3_000),
        ({"sampler.adjusted_count": "2.5"}, 2_500),
        ({"sampler.type": "probabilistic", "sampler.param": "0.001"}, 1_000_000),
        ({"sampler.type": "ratelimiting", "sampler.param": "2"}, None),
        ({"sampler.param": "0.5"}, None),
        ({"sampling.probability": "1"}, None),
        ({"SampleRate": "0"}, None),
        ({"SampleRate": "-4"}, None),
        ({"SampleRate": "nan"}, None),
        ({"SampleRate": "1e300"}, None),
        ({"SampleRate": "often"}, None),
        ({"sampling.probability": "0.5", "SampleRate": "20"}, 2_000),
        ({"http.route": "/x"}, None),
    ],
)
def test_attributes(attributes: dict[str, str], milli: int | None) -> None:
    """Counts, probabilities and Jaeger's parameter; the first of several in the order of the module."""
    assert counted(None, attributes) == milli


def test_trace_state_goes_before_attributes() -> None:
    """The threshold is what the sampler did; an attribute may be older."""
    assert counted("ot=th:8", {"SampleRate": "20"}) == 2_000


def test_only_trace_states_of_samplers_are_looked_into() -> None:
    """Batches without any cost one search."""
    assert mentions(pa.array(["a=b", "ot=th:8"]))
    assert not mentions(pa.array(["a=b", None]))
    assert not mentions(pa.array([], pa.string()))
    assert adjusted_counts(pa.array(["", ""]), None).null_count == 2
