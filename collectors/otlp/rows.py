"""Rows of the walk: which are kept, which belong to which, and the envelope they came in."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pyarrow as pa

from causeway.conventions.resource import Resource
from causeway.errors import BadRequest, TooLarge
from causeway.records import TABLES
from collectors.decoded import Outcome
from collectors.otlp.gather import texts, values, words_by_code
from collectors.otlp.resources import Remembered, name_hash, resources_table
from collectors.otlp.table_layout import Layout
from collectors.otlp.walker import Walked

EXAMPLE_CHARS = 60
# Resources and scopes are the only things that take Python objects; real requests have some hundreds.
ENVELOPES_MAX = 200_000


class Envelope:
    """The resources and scopes around the records of some requests. Arrays are by row of their table."""

    def __init__(self, walked: Walked, remembered: Remembered) -> None:
        tables = walked.tables
        if max(len(tables["resources"]), len(tables["scopes"])) > ENVELOPES_MAX:
            raise TooLarge(f"the request has more than {ENVELOPES_MAX} resources or scopes; send smaller ones")
        self.walked = walked
        self.payload_of_resource = tables["resources"][:, 0]
        self.resource_of_scope = tables["scopes"][:, 0]
        self.resources: list[Resource] = [
            remembered.resource(part) for part in _parts(walked, "resource_parts", len(tables["resources"]))
        ]
        self.scopes = [remembered.scope(part) for part in _parts(walked, "scope_parts", len(tables["scopes"]))]
        self.resource_ids = np.array([resource.resource_id for resource in self.resources], dtype=np.int64)

    @cached_property
    def scope_hashes(self) -> np.ndarray:
        """A fingerprint of each scope's name."""
        return np.array([name_hash(name) for name in self.scopes], dtype=np.int64)

    def resource_rows(self, records: np.ndarray) -> np.ndarray:
        """The resource row of each record (a row whose parent is a scope)."""
        return self.resource_of_scope[records[:, 0]]

    def words(self, resource_rows: np.ndarray, attribute: str) -> pa.Array:
        """A dictionary column of a resource's service, instance or version."""
        return _dictionary_of([getattr(resource, attribute) for resource in self.resources], resource_rows)

    def scope_words(self, records: np.ndarray) -> pa.Array:
        """A dictionary column of the scope's name."""
        return _dictionary_of(self.scopes, records[:, 0])

    def resources_seen(self, resource_rows: np.ndarray, times_ns: np.ndarray) -> pa.Table:
        """The resources of records with these resource rows and times."""
        first = np.full(len(self.resources), np.iinfo(np.int64).max, dtype=np.int64)
        seen = np.zeros(len(self.resources), dtype=bool)
        np.minimum.at(first, resource_rows, times_ns)
        seen[resource_rows] = True
        return resources_table([self.resources[k] for k in np.flatnonzero(seen)], first[seen])


def _parts(walked: Walked, table: str, parents: int) -> list[bytes]:
    """The bytes of each parent's resource or scope message; parts of one message are joined."""
    data = walked.data
    found = [b""] * parents
    for parent, start, length in walked.tables[table].tolist():
        part = data[start : start + length]
        found[parent] = found[parent] + part if found[parent] else part
    return found


def _dictionary_of(words: list[str], rows: np.ndarray) -> pa.Array:
    codes: dict[str, int] = {}
    by_row = np.array([codes.setdefault(word, len(codes)) for word in words], dtype=np.int32)
    return words_by_code(by_row[rows], list(codes))


def keep_rows(rows: np.ndarray, keep: np.ndarray) -> np.ndarray:
    """The rows that are kept; the same array when all are."""
    return rows if keep.all() else rows[keep]


def keep_children(children: np.ndarray, keep: np.ndarray) -> np.ndarray:
    """The children of kept parents, with their new parent numbers; the same array when all are kept."""
    if keep.all() or not len(children):
        return children
    found = children[keep[children[:, 0]]]
    found[:, 0] = (np.cumsum(keep) - 1)[found[:, 0]]
    return found


def offsets_of(children: np.ndarray, parents: int) -> np.ndarray:
    """Where each parent's children begin, and the last end: (parents + 1,) int32."""
    offsets = np.zeros(parents + 1, dtype=np.int32)
    np.cumsum(np.bincount(children[:, 0], minlength=parents), out=offsets[1:])
    return offsets


def attribute_map(walked: Walked, layout: Layout, table: str, rows: np.ndarray, parents: int) -> pa.Array:
    """KeyValue rows as a map column over their parents."""
    column = layout.columns[table]
    keys = texts(walked.buffer, rows, column["key"])
    items = values(walked.buffer, rows, column["value"], column["value_type"])
    return pa.MapArray.from_arrays(pa.array(offsets_of(rows, parents)), keys, items)


def table_of(name: str, columns: dict[str, pa.Array], rows: int) -> pa.Table:
    """A table of `records.TABLES` from its columns in any order; a column not given is null."""
    schema = TABLES[name][0]
    arrays, fields = [], []
    for field in schema:
        array = columns.get(field.name)
        if array is None:
            array = pa.nulls(rows, field.type)
        fields.append(pa.field(field.name, array.type if pa.types.is_dictionary(array.type) else field.type))
        arrays.append(array if array.type == fields[-1].type else array.cast(field.type))
    return pa.Table.from_arrays(arrays, schema=pa.schema(fields))


@dataclass(frozen=True, slots=True)
class Rejects:
    """Records refused one by one. codes: per record, 0 = kept, else a place in `reasons` counted from one."""

    noun: str
    codes: np.ndarray
    payloads: np.ndarray
    reasons: tuple[str, ...]
    example: Callable[[int], str]


def outcomes(walked: Walked, rejects: Rejects) -> tuple[Outcome | BadRequest, ...]:
    """How each request ended."""
    messages: list[list[str]] = [[] for _ in range(len(walked.errors))]
    rejected = [0] * len(messages)
    bad = np.flatnonzero(rejects.codes)
    if len(bad):
        keys = rejects.payloads[bad] * (len(rejects.reasons) + 1) + rejects.codes[bad]
        found, firsts, counts = np.unique(keys, return_index=True, return_counts=True)
        for key, first, count in zip(found.tolist(), firsts.tolist(), counts.tolist(), strict=True):
            payload, code = divmod(key, len(rejects.reasons) + 1)
            noun = rejects.noun if count == 1 else f"{rejects.noun}s"
            example = rejects.example(int(bad[first]))
            messages[payload].append(f"{count} {noun} rejected: {rejects.reasons[code - 1]} (first: {example})")
            rejected[payload] += count
    return tuple(
        Outcome(count, "; ".join(parts)) if error == 0 else BadRequest(_WALK_ERRORS[error])
        for error, count, parts in zip(walked.errors.tolist(), rejected, messages, strict=True)
    )


_WALK_ERRORS = {
    -1: "protobuf: the message is cut short or malformed",
    -2: "protobuf: messages nested too deeply",
}


def shown(text: str) -> str:
    """A name from outside, quoted and of bounded length."""
    return repr(text if len(text) <= EXAMPLE_CHARS else text[: EXAMPLE_CHARS - 1] + "…")


def text_at(walked: Walked, row: np.ndarray, column: int) -> str:
    """The text that one row refers to, for a message."""
    start, length = int(row[column]), int(row[column + 1])
    return walked.data[start : start + length].decode("utf-8", "replace")
