"""Record tables as documents of bulk requests, by column.

Spans and logs look as the OpenTelemetry Collector's elasticsearchexporter writes them in its OTel mapping mode, with
span events inside the span, and what we derive under `causeway`. Documents are put in the order of their service and
operation, in which they compress best and cost the server least.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import orjson
import pyarrow as pa
import pyarrow.compute as pc

from causeway.stores.elasticsearch.fragments import (
    Fragment,
    Lines,
    as_pieces,
    by_code,
    constant,
    document_ids,
    doubles,
    heads,
    hexes,
    join,
    lists,
    numbers,
    objects,
    raws,
    texts,
)
from causeway.stores.linking.identity import IDENTITIES
from causeway.window import MINUTE_NS

Resources = Mapping[int, bytes]


@dataclass(frozen=True, slots=True)
class Documents:
    """Documents of one data stream, ready to be sent: each line pair of `lines` with its id and time.

    ids: (n, 16) uint8 of ASCII. times_ns: (n,) int64.
    """

    lines: Lines
    ids: np.ndarray
    times_ns: np.ndarray

    def __len__(self) -> int:
        return len(self.times_ns)


def resource_objects(resources: pa.Table) -> dict[int, bytes]:
    """The attributes of each resource as a JSON object, by resource_id."""
    found = objects(resources["attributes"], b"")
    data, bounds = found.data.tobytes(), found.offsets.tolist()
    ids = resources["resource_id"].to_pylist()
    return {key: data[bounds[k] : bounds[k + 1]] or b"{}" for k, key in enumerate(ids)}


def documents(name: str, table: pa.Table, resources: Resources) -> Documents:
    """The rows of a record table as documents; every row has one.

    resources: attributes as JSON by resource_id (`resource_objects`); a row whose resource is not there has none.
    """
    time_column, order_columns, build = _TABLES[name]
    table = table.combine_chunks()
    times = table[time_column].to_numpy()
    identify, _ = IDENTITIES[name]
    ids = document_ids(times // MINUTE_NS, identify(table))
    order = _order([_encoded(table[column]) for column in order_columns], times)
    parts = [heads(ids, times), *build(table, resources)]
    return Documents(join(parts, order), ids[order], times[order])


def _order(columns: Sequence[pa.DictionaryArray], times: np.ndarray) -> np.ndarray:
    """Row numbers, equal values of the columns side by side, otherwise as they came."""
    key = np.zeros(len(times), np.int64)
    for column in columns:
        codes = pc.fill_null(column.indices, 0).to_numpy(zero_copy_only=False)
        key = key * max(1, len(column.dictionary)) + codes
    return np.argsort(key, kind="stable")


def _encoded(column: pa.ChunkedArray | pa.Array) -> pa.DictionaryArray:
    array = column.combine_chunks() if isinstance(column, pa.ChunkedArray) else column
    if isinstance(array, pa.ChunkedArray):
        array = array.chunk(0)
    return array if pa.types.is_dictionary(array.type) else array.dictionary_encode()


def _words(column: pa.ChunkedArray, prefix: bytes, *, capitals: bool = False, null: str | None = None) -> Fragment:
    """A text column of few values. null: stands for null, and then '' is written too; else both give nothing."""
    array = _encoded(column)
    words, codes = array.dictionary, array.indices
    if null is not None:
        words = pa.concat_arrays([words, pa.array([null], words.type)])
        codes = pc.fill_null(codes, len(words) - 1)
    words = pc.utf8_capitalize(words) if capitals else words
    return texts(pa.DictionaryArray.from_arrays(codes, words), prefix, keep_empty=null is not None)


def _resource(table: pa.Table, resources: Resources) -> Fragment:
    array = _encoded(table["resource_id"])
    known = [resources.get(key) for key in array.dictionary.to_pylist()]
    pieces = [b"" if found is None else b',"resource":{"attributes":' + found + b"}" for found in known]
    return by_code(pieces, pc.fill_null(array.indices, -1).to_numpy(zero_copy_only=False))


def _resource_id(table: pa.Table, prefix: bytes) -> Fragment:
    array = _encoded(table["resource_id"])
    words = numbers(array.dictionary, prefix)
    return Fragment(words.offsets, words.data, pc.fill_null(array.indices, -1).to_numpy(zero_copy_only=False))


def _scope(table: pa.Table) -> Fragment:
    array = _encoded(table["scope"])
    pieces = [
        b',"scope":{"name":' + orjson.dumps(word) + b"}" if word else b"" for word in array.dictionary.to_pylist()
    ]
    return by_code(pieces, pc.fill_null(array.indices, -1).to_numpy(zero_copy_only=False))


def _spans(table: pa.Table, resources: Resources) -> list[Fragment]:
    rows = table.num_rows
    return [
        hexes(table["trace_id"], b',"trace_id":'),
        hexes(table["span_id"], b',"span_id":'),
        hexes(table["parent_span_id"], b',"parent_span_id":'),
        texts(table["trace_state"], b',"trace_state":'),
        _words(table["operation"], b',"name":', null=""),
        _words(table["kind"], b',"kind":', capitals=True),
        numbers(table["duration_ns"], b',"duration":'),
        _words(table["status"], b',"status":{"code":', capitals=True, null="UNSET"),
        texts(table["status_message"], b',"message":'),
        constant(b"}", rows),
        objects(table["attributes"], b',"attributes":'),
        _resource(table, resources),
        _scope(table),
        _span_events(table["events"]),
        _span_links(table["links"]),
        _words(table["service"], b',"causeway":{"service":', null=""),
        *(_words(table[name], f',"{name}":'.encode()) for name in _SPAN_WORDS),
        _resource_id(table, b',"resource_id":'),
        numbers(table["adjusted_count_milli"], b',"adjusted_count_milli":'),
        constant(b"}}\n", rows),
    ]


_SPAN_WORDS = ("instance", "version", "peer_service", "peer_address", "peer_type", "protocol")


def _span_events(column: pa.ChunkedArray) -> Fragment:
    array = _single(column)
    items = array.values
    parts = [
        numbers(pc.fill_null(items.field("time_ns"), 0), b'{"time_unix_nano":'),
        texts(items.field("name"), b',"name":', keep_empty=True),
        objects(items.field("attributes"), b',"attributes":'),
        constant(b"}", len(items)),
    ]
    return lists(array, as_pieces(join(parts, np.arange(len(items)))), b',"events":')


def _span_links(column: pa.ChunkedArray) -> Fragment:
    array = _single(column)
    items = array.values
    parts = [
        hexes(pc.fill_null(items.field("trace_id"), b""), b'{"trace_id":', keep_empty=True),
        hexes(items.field("span_id"), b',"span_id":'),
        objects(items.field("attributes"), b',"attributes":'),
        constant(b"}", len(items)),
    ]
    return lists(array, as_pieces(join(parts, np.arange(len(items)))), b',"links":')


def _single(column: pa.ChunkedArray) -> pa.Array:
    array = column.combine_chunks()
    return array.chunk(0) if isinstance(array, pa.ChunkedArray) else array


def _logs(table: pa.Table, resources: Resources) -> list[Fragment]:
    rows = table.num_rows
    return [
        _nanoseconds(table["observed_ns"], b',"observed_timestamp":'),
        _words(table["severity"], b',"severity_text":'),
        numbers(table["severity_number"], b',"severity_number":'),
        texts(table["body"], b',"body":{"text":', keep_empty=True),
        _closed(table["body"]),
        _words(table["event_name"], b',"event_name":'),
        hexes(table["trace_id"], b',"trace_id":'),
        hexes(table["span_id"], b',"span_id":'),
        objects(table["attributes"], b',"attributes":'),
        _resource(table, resources),
        _scope(table),
        _words(table["service"], b',"causeway":{"service":', null=""),
        _words(table["instance"], b',"instance":'),
        numbers(table["template_id"], b',"template_id":'),
        numbers(table["ordinal"], b',"ordinal":'),
        _resource_id(table, b',"resource_id":'),
        constant(b"}}\n", rows),
    ]


def _closed(column: pa.ChunkedArray) -> Fragment:
    """A closing brace for each row that is not null."""
    return by_code([b"}"], np.where(_single(column).is_valid().to_numpy(zero_copy_only=False), 0, -1))


def _nanoseconds(column: pa.ChunkedArray, prefix: bytes) -> Fragment:
    """A time in ms with six digits after the point, as the time of a document; nothing for null."""
    digits = pc.utf8_lpad(pc.cast(_single(column), pa.string()), 19, "0")
    written = pc.binary_join_element_wise(
        pc.utf8_slice_codeunits(digits, 0, 13), pc.utf8_slice_codeunits(digits, 13), "."
    )
    return texts(written, prefix)


def _events(table: pa.Table, resources: Resources) -> list[Fragment]:  # noqa: ARG001
    return [
        texts(table["message"], b',"body":{"text":', keep_empty=True),
        _closed(table["message"]),
        objects(table["attributes"], b',"attributes":'),
        _words(table["service"], b',"causeway":{"service":', null=""),
        _words(table["instance"], b',"instance":'),
        _words(table["kind"], b',"kind":'),
        _words(table["entity"], b',"entity":'),
        texts(table["reason"], b',"reason":'),
        constant(b"}}\n", table.num_rows),
    ]


def _histograms(table: pa.Table, resources: Resources) -> list[Fragment]:  # noqa: ARG001
    integers = ("count", "scale", "zero_count", "positive_offset", "negative_offset")
    floats = ("sum", "min", "max", "zero_threshold")
    return [
        constant(b',"causeway":{"point":"histogram"', table.num_rows),
        numbers(table["series_id"], b',"series_id":'),
        constant(b'},"histogram":{"start_ns":', table.num_rows),
        raws(pc.fill_null(pc.cast(_single(table["start_ns"]), pa.string()), "null"), b""),
        *(numbers(table[name], f',"{name}":'.encode()) for name in integers),
        *(doubles(table[name], f',"{name}":'.encode()) for name in floats),
        *(_number_lists(table[name], name) for name in ("bounds", "counts", "positive_counts", "negative_counts")),
        constant(b"}}\n", table.num_rows),
    ]


def _number_lists(column: pa.ChunkedArray, name: str) -> Fragment:
    array = _single(column)
    write = doubles if pa.types.is_floating(array.type.value_type) else numbers
    return lists(array, write(array.values, b""), f',"{name}":'.encode())


def _exemplars(table: pa.Table, resources: Resources) -> list[Fragment]:  # noqa: ARG001
    return [
        constant(b',"causeway":{"point":"exemplar"', table.num_rows),
        numbers(table["series_id"], b',"series_id":'),
        constant(b'},"exemplar":{"value":', table.num_rows),
        doubles(pc.fill_null(table["value"], float("nan")), b""),
        hexes(table["trace_id"], b',"trace_id":'),
        hexes(table["span_id"], b',"span_id":'),
        objects(table["attributes"], b',"attributes":'),
        constant(b"}}\n", table.num_rows),
    ]


Build = Callable[[pa.Table, Resources], list[Fragment]]
# By record table: the column of its time, those that neighbours share, and the pieces after the time.
_TABLES: Mapping[str, tuple[str, tuple[str, ...], Build]] = {
    "spans": ("start_ns", ("service", "operation", "instance"), _spans),
    "logs": ("time_ns", ("service", "instance", "severity"), _logs),
    "events": ("time_ns", ("service",), _events),
    "histograms": ("time_ns", ("series_id",), _histograms),
    "exemplars": ("time_ns", ("series_id",), _exemplars),
}
