"""Samples as WriteRequest messages, read with the messages of the specification."""

from __future__ import annotations

import itertools

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from causeway.stores.prometheus.remote_write import cuts, label_set, metadata_request, points, request
from tests.stores.prometheus.messages import WriteRequest, decode

_SAMPLES = st.lists(
    st.tuples(st.integers(0, 4), st.integers(-(10**6), 9 * 10**12), st.floats(allow_nan=False)), max_size=60
)
_SETS = [{"__name__": "m", "n": str(number), "text": '"\\\n é 中' * number} for number in range(5)]
_STALE = 0x7FF0000000000002


@settings(deadline=None)
@given(_SAMPLES, st.integers(1, 20), st.integers(40, 400))
def test_requests_hold_every_sample_once_and_in_order(
    samples: list[tuple[int, int, float]], samples_max: int, bytes_max: int
) -> None:
    """Read back from all requests: by series in order of time, each bit as it was, no request above the limits."""
    series = np.array([each[0] for each in samples], dtype=np.int64)
    times_ms = np.array([each[1] for each in samples], dtype=np.int64)
    values = np.array([each[2] for each in samples], dtype=np.float64)
    made, _ = points(series, times_ms * 1_000_000, values, [label_set(labels) for labels in _SETS])
    borders = cuts(made, samples_max=samples_max, bytes_max=bytes_max)
    found: dict[int, list[tuple[int, float]]] = {}
    for start, end in itertools.pairwise(borders):
        message = request(made, np.arange(start, end))
        assert end - start <= samples_max
        assert len(message) <= bytes_max or end - start == 1
        for labels, some in decode(message).items():
            assert dict(labels) in _SETS and list(labels) == sorted(labels)
            found.setdefault(_SETS.index(dict(labels)), []).extend(some)
    last = {(each[0], each[1]): each[2] for each in samples}
    wanted = {place: [] for place, _ in last}
    for (place, time_ms), value in sorted(last.items()):
        wanted[place].append((time_ms, value))
    assert {k: [(t, v.hex()) for t, v in v_] for k, v_ in found.items()} == {
        k: [(t, float(v).hex()) for t, v in v_] for k, v_ in wanted.items()
    }


def test_no_recorded_value_is_the_stale_marker() -> None:
    """NaN goes out as the one NaN that ends a series."""
    made, _ = points(np.zeros(1, np.int64), np.zeros(1, np.int64), np.array([np.nan]), [label_set(_SETS[0])])
    value = WriteRequest.FromString(request(made, np.arange(1))).timeseries[0].samples[0].value
    assert np.float64(value).view(np.uint64) == _STALE
    assert made.bits[0] == _STALE


def test_samples_within_a_millisecond_are_counted() -> None:
    """The later one stays; the same sample again is not counted."""
    times = np.array([1_000_100, 1_000_900, 5_000_000, 5_000_000])
    made, lost = points(np.zeros(4, np.int64), times, np.array([1.0, 2.0, 3.0, 3.0]), [label_set(_SETS[0])])
    assert lost == 1
    assert decode(request(made, np.arange(2))) == {tuple(sorted(_SETS[0].items())): [(1, 2.0), (5, 3.0)]}


def test_metadata_says_type_help_and_unit() -> None:
    """As the specification numbers them."""
    message = WriteRequest.FromString(metadata_request([("a_seconds_total", "counter", "说明", "seconds")]))
    found = message.metadata[0]
    assert (found.type, found.metric_family_name, found.help, found.unit) == (1, "a_seconds_total", "说明", "seconds")
