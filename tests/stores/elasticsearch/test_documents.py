"""Documents say what the records say, as JSON that any parser reads."""

from __future__ import annotations

import base64
import itertools
import math
from typing import Any

import numpy as np
import orjson
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from causeway import records
from causeway.stores.elasticsearch.documents import documents, resource_objects
from causeway.stores.linking.identity import IDENTITIES
from tests.small_store import Shop, shop_batch

TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
KEY = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), min_size=1, max_size=10)
ATTRIBUTES = st.dictionaries(KEY, TEXT, max_size=5)
IDS = st.binary(min_size=8, max_size=8)
TIMES = st.integers(0, 2**62)
SPAN = st.fixed_dictionaries(
    {
        "trace_id": st.binary(min_size=16, max_size=16),
        "span_id": IDS,
        "parent_span_id": st.none() | IDS,
        "service": TEXT,
        "operation": TEXT,
        "kind": st.sampled_from(records.SPAN_KINDS),
        "start_ns": TIMES,
        "duration_ns": st.integers(0, 2**62),
        "status": st.sampled_from(records.SPAN_STATUSES),
        "status_message": st.none() | TEXT,
        "instance": st.none() | TEXT,
        "resource_id": st.sampled_from([1, -2, 3]),
        "scope": st.none() | TEXT,
        "attributes": ATTRIBUTES,
        "events": st.lists(
            st.fixed_dictionaries({"time_ns": TIMES, "name": TEXT, "attributes": ATTRIBUTES}), max_size=2
        ),
        "links": st.lists(
            st.fixed_dictionaries({"trace_id": st.binary(max_size=16), "span_id": IDS, "attributes": ATTRIBUTES}),
            max_size=2,
        ),
    }
)


def table_of(rows: list[dict[str, Any]], schema: pa.Schema) -> pa.Table:
    return pa.Table.from_pylist([{**row, **_pairs(row)} for row in rows], schema=schema)


def _pairs(row: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name in ("attributes",):
        if name in row:
            found[name] = list(row[name].items())
    for name in ("events", "links"):
        if name in row:
            found[name] = [{**item, "attributes": list(item["attributes"].items())} for item in row[name]]
    return found


def parsed(name: str, table: pa.Table, resources: dict[int, bytes] | None = None) -> dict[str, dict[str, Any]]:
    """The documents by id, each line read by another parser."""
    made = documents(name, table, resources or {})
    lines = made.lines.data.tobytes().decode().split("\n")
    assert lines.pop() == ""
    assert len(lines) == 2 * len(made)
    actions = [orjson.loads(line)["create"]["_id"] for line in lines[::2]]
    assert actions == [row.tobytes().decode() for row in made.ids]
    return dict(zip(actions, map(orjson.loads, lines[1::2]), strict=True))


def expected_id(table: pa.Table, row: int, name: str, time_column: str) -> str:
    identity = int(IDENTITIES[name][0](table)[row])
    minute = table[time_column][row].as_py() // 60_000_000_000
    return base64.urlsafe_b64encode(minute.to_bytes(4, "big") + identity.to_bytes(8, "big")).decode()


def expected_span(row: dict[str, Any]) -> dict[str, Any]:
    start = row["start_ns"]
    found: dict[str, Any] = {
        "@timestamp": f"{start // 1_000_000:013d}.{start % 1_000_000:06d}",
        "trace_id": row["trace_id"].hex(),
        "span_id": row["span_id"].hex(),
        "name": row["operation"],
        "kind": row["kind"].capitalize(),
        "duration": row["duration_ns"],
        "status": {"code": row["status"].capitalize()},
        "causeway": {"service": row["service"], "resource_id": row["resource_id"]},
    }
    if row["parent_span_id"]:
        found["parent_span_id"] = row["parent_span_id"].hex()
    if row["status_message"]:
        found["status"]["message"] = row["status_message"]
    if row["instance"]:
        found["causeway"]["instance"] = row["instance"]
    if row["scope"]:
        found["scope"] = {"name": row["scope"]}
    if row["resource_id"] == 1:
        found["resource"] = {"attributes": {"a": '"1"'}}
    if row["attributes"]:
        found["attributes"] = row["attributes"]
    if row["events"]:
        found["events"] = [_without_empty({**event, "time_unix_nano": event["time_ns"]}) for event in row["events"]]
    if row["links"]:
        found["links"] = [
            _without_empty({**link, "trace_id": link["trace_id"].hex(), "span_id": link["span_id"].hex()})
            for link in row["links"]
        ]
    return found


def _without_empty(item: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in item.items() if name != "time_ns" and (name != "attributes" or value)}


@settings(max_examples=60, deadline=None)
@given(st.lists(SPAN, min_size=1, max_size=6, unique_by=lambda row: row["span_id"]), st.booleans())
def test_a_span_document_says_what_the_span_says(rows: list[dict[str, Any]], encoded: bool) -> None:
    """Every field of every span is in its document, whatever its text; dictionary columns make no difference."""
    table = table_of(rows, records.SPANS)
    if encoded:
        for name in ("service", "operation", "kind", "status", "instance", "scope"):
            place = table.schema.get_field_index(name)
            table = table.set_column(place, name, table[name].dictionary_encode())
    found = parsed("spans", table, {1: b'{"a":"\\"1\\""}'})
    for k, row in enumerate(rows):
        assert found[expected_id(table, k, "spans", "start_ns")] == expected_span(row)


def test_spans_of_a_service_are_neighbours() -> None:
    """Documents are in the order of service and operation; equal ones stay in the order they came."""
    table = shop_batch(Shop(minutes=1, traces_per_minute=20)).tables["spans"]
    made = documents("spans", table, {})
    lines = [orjson.loads(line) for line in made.lines.data.tobytes().split(b"\n")[1::2]]
    keys = [(line["causeway"]["service"], line["name"]) for line in lines]
    changes = sum(left != right for left, right in itertools.pairwise(keys))
    assert changes + 1 == len(set(keys))
    assert [line["@timestamp"] for line in lines] == [
        f"{time // 1_000_000:013d}.{time % 1_000_000:06d}" for time in made.times_ns.tolist()
    ]


def test_of_a_key_that_comes_twice_the_first_counts_and_nul_is_replaced() -> None:
    """JSON with a key twice is refused, and a flattened field takes no NUL in a key."""
    schema = pa.schema([records.SPANS.field(name) for name in records.SPANS.names])
    pairs = [("k", "1"), ("k", "2"), ("a\0b\n", "\0"), ("kk", "3")]
    table = pa.Table.from_pylist(
        [{"trace_id": b"t" * 16, "span_id": b"s" * 8, "start_ns": 1, "duration_ns": 1, "attributes": pairs}], schema
    )
    (found,) = parsed("spans", table).values()
    assert found["attributes"] == {"k": "1", "a\ufffdb\n": "\0", "kk": "3"}
    assert found["status"] == {"code": "Unset"}
    assert found["causeway"] == {"service": ""}


@pytest.mark.parametrize("bad", [b"\xff", b"a\xed\xa0\x80b", b"\xc3", b"ok \xf0\x9f\x92 \xc3\xa9"])
def test_bytes_that_are_no_utf8_harm_no_neighbour(bad: bytes) -> None:
    """They become question marks, and every document can still be read."""
    texts = pa.Array.from_buffers(
        pa.string(),
        2,
        [None, pa.py_buffer(np.array([0, len(bad), len(bad) + 2], np.int32)), pa.py_buffer(bad + "é".encode())],
    )
    logs = {name: pa.nulls(2, kind) for name, kind in zip(records.LOGS.names, records.LOGS.types, strict=True)}
    logs |= {"time_ns": pa.array([1, 2]), "body": texts, "service": pa.array(["a", "b"])}
    found = sorted(line["body"]["text"] for line in parsed("logs", pa.table(logs)).values())
    assert "é" in found
    assert found[0] == bad.decode("ascii", "replace").replace("\ufffd", "?") or "?" in found[0]


@settings(max_examples=30, deadline=None)
@given(TEXT, st.none() | TIMES, st.sampled_from(records.SEVERITIES), st.integers(0, 24), ATTRIBUTES)
def test_a_log_document_says_what_the_line_says(
    body: str, observed: int | None, severity: str, number: int, attributes: dict[str, str]
) -> None:
    """Text, times, severity, trace and what we derived."""
    row = {
        "time_ns": 1_764_000_000_123_456_789,
        "observed_ns": observed,
        "service": "s",
        "severity": severity,
        "severity_number": number,
        "body": body,
        "event_name": "",
        "template_id": -7,
        "trace_id": b"\1" * 16,
        "span_id": None,
        "resource_id": 1,
        "ordinal": 2,
        "attributes": attributes,
    }
    (found,) = parsed("logs", table_of([row], records.LOGS), {1: b"{}"}).values()
    assert found.pop("attributes", {}) == attributes
    times = (
        {} if observed is None else {"observed_timestamp": f"{observed // 1_000_000:013d}.{observed % 1_000_000:06d}"}
    )
    assert found == times | {
        "@timestamp": "1764000000123.456789",
        "severity_text": severity,
        "severity_number": number,
        "body": {"text": body},
        "trace_id": "01" * 16,
        "resource": {"attributes": {}},
        "causeway": {"service": "s", "template_id": -7, "ordinal": 2, "resource_id": 1},
    }


def test_events_and_points_are_documents_too() -> None:
    """Numbers that JSON has no words for are words in quotes; what is not there is left out."""
    event = {"time_ns": 5, "kind": "deploy", "entity": "e", "service": "s", "message": "m", "attributes": {"a": "b"}}
    (found,) = parsed("events", table_of([event], records.EVENTS)).values()
    assert found["causeway"] == {"service": "s", "kind": "deploy", "entity": "e"}
    assert (found["body"], found["attributes"]) == ({"text": "m"}, {"a": "b"})
    histogram = {
        "series_id": -3, "time_ns": 5, "count": 2, "sum": math.nan, "max": 1e300, "bounds": [0.5, math.inf],
        "counts": [1.0, 0.0, 1.0], "positive_counts": [],
    }  # fmt: skip
    (found,) = parsed("histograms", pa.Table.from_pylist([histogram], records.HISTOGRAMS)).values()
    assert found["causeway"] == {"point": "histogram", "series_id": -3}
    assert found["histogram"] == {
        "start_ns": None, "count": 2, "sum": "NaN", "max": 1e300, "bounds": [0.5, "Infinity"], "counts": [1, 0, 1]
    }  # fmt: skip
    exemplar = {"series_id": 1, "time_ns": 5, "value": 0.1, "trace_id": b"\2" * 16, "attributes": {}}
    (found,) = parsed("exemplars", table_of([exemplar], records.EXEMPLARS)).values()
    assert found["exemplar"] == {"value": 0.1, "trace_id": "02" * 16}


def test_resources_are_written_once_as_objects() -> None:
    """Attributes by resource_id; one without attributes is an empty object."""
    rows = [{"resource_id": 1, "attributes": {"k": 'v"'}}, {"resource_id": 2, "attributes": {}}]
    assert resource_objects(table_of(rows, records.RESOURCES)) == {1: b'{"k":"v\\""}', 2: b"{}"}
