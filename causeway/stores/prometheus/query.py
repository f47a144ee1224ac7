"""Raw samples out of a Prometheus-compatible server: range selectors asked for at an instant, in bounded pieces."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from urllib.parse import urlencode

import numpy as np

from causeway.errors import StoreError
from causeway.stores.prometheus.client import Client, LimitReached
from causeway.stores.prometheus.matrix import Matrix, read_matrix
from causeway.window import Window

MS_NS = 1_000_000
# VictoriaMetrics takes 16 KiB of a query by default.
SELECTOR_CHARS = 12_000
NAMES_AT_ONCE = 200
_PIECE_MS_MIN = 1000
_PIECE_MS_FIRST = 300_000


def quoted(text: str) -> str:
    """A string literal of PromQL."""
    return json.dumps(text, ensure_ascii=False)


def exactly(label: str, value: str) -> str:
    """A matcher for one value."""
    return f"{label}={quoted(value)}"


def any_of(label: str, values: Sequence[str]) -> str:
    """A matcher for any of these values, exactly."""
    if len(values) == 1:
        return exactly(label, values[0])
    return f"{label}=~{quoted('|'.join(_escaped(value) for value in values))}"


def selector(matchers: Sequence[str]) -> str:
    return "{" + ",".join(matchers) + "}"


def in_groups(names: Sequence[str]) -> Iterator[Sequence[str]]:
    """The names in groups that fit into one selector."""
    group: list[str] = []
    size = 0
    for name in names:
        more = 2 * len(_escaped(name)) + 1
        if group and (size + more > SELECTOR_CHARS or len(group) >= NAMES_AT_ONCE):
            yield group
            group, size = [], 0
        group.append(name)
        size += more
    if group:
        yield group


class SampleQuery:
    """Reads samples and label sets through one client."""

    def __init__(self, client: Client, *, points_per_query: int, series_max: int) -> None:
        self._client = client
        self._points_per_query = points_per_query
        self._series_max = series_max

    def samples(self, chosen: str, window: Window) -> Iterator[Matrix]:
        """All samples of the series a selector chooses, in pieces by time; a piece may hold a sample twice.

        Times in milliseconds t with window.start_ns <= t ms < window.end_ns. The first piece is a short one, which
        shows how much to ask for at once; a piece that the server refuses as too large is halved.
        """
        start, end = -(-window.start_ns // MS_NS), -(-window.end_ns // MS_NS)
        step = min(end - start, _PIECE_MS_FIRST)
        while start < end:
            upto = min(start + step, end)
            try:
                matrix = self._piece(chosen, start, upto)
            except LimitReached:
                if step <= _PIECE_MS_MIN:
                    raise
                step = max(_PIECE_MS_MIN, step // 2)
                continue
            yield matrix
            start = upto
            step = self._next_step(len(matrix), step)

    def _next_step(self, found: int, step: int) -> int:
        fitting = step * self._points_per_query // max(1, found)
        return max(_PIECE_MS_MIN, min(fitting, step * 16))

    def _piece(self, chosen: str, start_ms: int, end_ms: int) -> Matrix:
        # Whether the earlier border belongs to a range differs between servers: ask for more and cut it off.
        text = f"{chosen}[{end_ms - start_ms + 1}ms]"
        at = end_ms - 1
        body = self._client.ask_raw("query", [("query", text), ("time", f"{at // 1000}.{at % 1000:03d}")])
        matrix = read_matrix(body)
        if len(matrix.labels) > self._series_max:
            raise StoreError(
                f"{chosen} chooses {len(matrix.labels)} series, more than series_max = {self._series_max}; "
                "narrow what is read with samples.match, or ask for fewer metrics"
            )
        inside = (matrix.times_ms >= start_ms) & (matrix.times_ms < end_ms)
        if inside.all():
            return matrix
        return Matrix(matrix.labels, matrix.series[inside], matrix.times_ms[inside], matrix.values[inside])

    def label_sets(self, chosen: Sequence[str], window: Window | None = None) -> list[Mapping[str, str]]:
        """The series that any of these selectors chooses, with a sample in the window or ever."""
        found: list[Mapping[str, str]] = self._client.ask("series", [*_matches(chosen), *_range(window)])
        if len(found) > self._series_max:
            raise StoreError(f"{len(found)} series, more than series_max = {self._series_max}; narrow samples.match")
        return found

    def values_of(self, label: str, chosen: Sequence[str], window: Window | None = None) -> list[str]:
        """The values of a label among the series that any of these selectors chooses."""
        parameters = [*_matches(chosen), *_range(window)]
        query = urlencode(parameters)
        found: list[str] = self._client.ask(f"label/{label}/values?{query}")
        return found


def merged(matrices: Sequence[Matrix]) -> Matrix:
    """Several matrices as one; equal label sets are not put together."""
    labels: list[Mapping[str, str]] = []
    series = []
    for matrix in matrices:
        series.append(matrix.series + len(labels))
        labels += matrix.labels
    if not matrices:
        return Matrix([], np.empty(0, np.int64), np.empty(0, np.int64), np.empty(0))
    times = np.concatenate([matrix.times_ms for matrix in matrices])
    return Matrix(labels, np.concatenate(series), times, np.concatenate([matrix.values for matrix in matrices]))


def _escaped(text: str) -> str:
    """As a regular expression of RE2 for exactly this text."""
    return re.sub(r"([\\.+*?()|\[\]{}^$])", r"\\\1", text)


def _matches(chosen: Sequence[str]) -> list[tuple[str, str]]:
    return [("match[]", each) for each in chosen]


def _range(window: Window | None) -> list[tuple[str, str]]:
    # VictoriaMetrics looks at the last minutes only unless told; zero means "not told".
    if window is None:
        return [("start", "1"), ("end", "9223372036")]
    last = window.end_ns - 1
    return [("start", f"{window.start_ns / 1e9:.3f}"), ("end", f"{last / 1e9:.3f}")]
