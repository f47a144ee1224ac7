"""How many spans a sampled span stands for, by its trace state or attributes.

In this order; what cannot be read says nothing:

* trace state `ot=th:T`, the rejection threshold of 56 bits (OpenTelemetry, "Probability sampling", OTEP 235);
* trace state `ot=p:N`, a probability of 2 ** -N, as tracers wrote it before (OTEP 168);
* the attributes of `COUNT_KEYS` in turn: a number of at least 1 is the count itself ("one of 20"), a smaller one the
  probability;
* `sampler.param` beside `sampler.type` = `probabilistic` (Jaeger's clients; on roots only), a probability.
"""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

COUNT_KEYS = ("sampler.adjusted_count", "sampling.probability", "SampleRate", "sample_rate", "_sample_rate")
JAEGER_TYPE, JAEGER_PARAM = "sampler.type", "sampler.param"
KEYS = (*COUNT_KEYS, JAEGER_TYPE, JAEGER_PARAM)
# A count beyond this is no sampling rate that anybody uses, and would drown all others.
COUNT_MAX = 2_000_000
_STATE = r"(?:^|,)[ \t]*ot=(?:[^,]*;)?(?P<key>th|p):(?P<value>[0-9a-f]{1,14})(?:[;, \t]|$)"
_THRESHOLDS = 1 << 56
_P_ZERO = 63  # "sampled with probability zero"


def adjusted_counts(trace_state: pa.Array, attributes: pa.MapArray | None) -> pa.Array:
    """(n,) int64: thousandths of spans that each stands for; null for those that stand for themselves or do not say.

    attributes: map<string, string>, or None where none of the spans has one of KEYS.
    """
    counts = np.full(len(trace_state), np.nan)
    if attributes is not None:
        _by_attributes(attributes, counts)
    _by_trace_state(trace_state, counts)
    milli = np.round(np.nan_to_num(counts, nan=1.0) * 1000).astype(np.int64)
    return pa.array(milli, mask=milli == 1000)


def mentions(trace_state: pa.Array) -> bool:
    """Whether any of these trace states may say how it was sampled."""
    if not len(trace_state) or trace_state.null_count == len(trace_state):
        return False
    return bool(pc.any(pc.match_substring(trace_state, "ot=")).as_py())


def _by_trace_state(trace_state: pa.Array, counts: np.ndarray) -> None:
    if not mentions(trace_state):
        return
    found = pc.extract_regex(trace_state.cast(pa.string()), _STATE)
    rows = np.flatnonzero(found.is_valid().to_numpy(zero_copy_only=False))
    words = pc.binary_join_element_wise(pc.struct_field(found, "key"), pc.struct_field(found, "value"), ":")
    encoded = words.take(pa.array(rows)).dictionary_encode()
    known = np.array([_of_state(word) for word in encoded.dictionary.to_pylist()] or [np.nan])
    values = known[encoded.indices.to_numpy(zero_copy_only=False)]
    said = ~np.isnan(values)
    counts[rows[said]] = values[said]


def _of_state(word: str) -> float:
    key, value = word.split(":")
    if key == "th":
        count = _THRESHOLDS / (_THRESHOLDS - int(value.ljust(14, "0"), 16))
    elif not value.isdecimal() or int(value) >= _P_ZERO:
        return float("nan")
    else:
        count = 2.0 ** int(value)
    return count if count <= COUNT_MAX else float("nan")


def _by_attributes(attributes: pa.MapArray, counts: np.ndarray) -> None:
    offsets = attributes.offsets.to_numpy(zero_copy_only=False).astype(np.int64)
    keys = attributes.keys.slice(offsets[0], offsets[-1] - offsets[0])
    items = attributes.items.slice(offsets[0], offsets[-1] - offsets[0])
    parent = np.repeat(np.arange(len(attributes)), np.diff(offsets))
    encoded = keys.dictionary_encode()
    names = encoded.dictionary.to_pylist()
    codes = encoded.indices.to_numpy(zero_copy_only=False)
    places = {name: np.flatnonzero(codes == names.index(name)) for name in KEYS if name in names}
    jaeger = places.get(JAEGER_PARAM, np.empty(0, np.int64))
    if len(jaeger) and JAEGER_TYPE in places:
        types = places[JAEGER_TYPE]
        chosen = types[pc.equal(items.take(pa.array(types)), "probabilistic").to_numpy(zero_copy_only=False)]
        _fill(counts, parent, items, jaeger[np.isin(parent[jaeger], parent[chosen])])
    for name in reversed(COUNT_KEYS):
        if name in places:
            _fill(counts, parent, items, places[name])


def _fill(counts: np.ndarray, parent: np.ndarray, items: pa.Array, rows: np.ndarray) -> None:
    encoded = items.take(pa.array(rows)).dictionary_encode()
    known = np.array([_of_number(text) for text in encoded.dictionary.to_pylist()] or [np.nan])
    values = known[encoded.indices.to_numpy(zero_copy_only=False)]
    said = ~np.isnan(values)
    counts[parent[rows[said]]] = values[said]


def _of_number(text: str | None) -> float:
    try:
        value = float(text or "")
    except ValueError:
        return float("nan")
    if not 1 / COUNT_MAX <= value <= COUNT_MAX:  # neither 0, negative nor NaN
        return float("nan")
    return value if value >= 1 else 1 / value
