"""What a store of samples answers to every question about anything else: UnsupportedQuery."""

# The arguments are those of the contract.
# ruff: noqa: ARG002

from __future__ import annotations

from collections.abc import Sequence
from typing import NoReturn

import pyarrow as pa

from causeway.errors import UnsupportedQuery
from causeway.stores.contract import LIMIT_DEFAULT, LogFilter, Page, SpanFilter
from causeway.window import Window


class SamplesOnly:
    """The parts of `causeway.stores.contract.Reader` that are not about samples."""

    def __init__(self, location: str) -> None:
        self._location = location

    def _refuse(self, what: str) -> NoReturn:
        raise UnsupportedQuery(f"{what}: {self._location} holds samples only")

    def spans(
        self,
        window: Window,
        where: SpanFilter | None = None,
        *,
        columns: Sequence[str] | None = None,
        limit: int | None = LIMIT_DEFAULT,
        newest_first: bool = False,
    ) -> Page:
        self._refuse("no spans here")

    def trace(self, trace_id: bytes) -> pa.Table:
        self._refuse("no traces here")

    def traces(
        self, window: Window, where: SpanFilter | None = None, *, limit: int = 20, slowest_first: bool = False
    ) -> Page:
        self._refuse("no traces here")

    def logs(
        self,
        window: Window,
        where: LogFilter | None = None,
        *,
        columns: Sequence[str] | None = None,
        limit: int | None = LIMIT_DEFAULT,
        newest_first: bool = False,
    ) -> Page:
        self._refuse("no logs here")

    def events(self, window: Window, *, service: str | None = None, limit: int | None = LIMIT_DEFAULT) -> Page:
        self._refuse("no events here")

    def edges(self, window: Window, *, step_ns: int | None = None, service: str | None = None) -> pa.Table:
        self._refuse("no rollups here")

    def calls(self, window: Window, *, step_ns: int | None = None, service: str | None = None) -> pa.Table:
        self._refuse("no rollups here")

    def instance_calls(self, window: Window, *, step_ns: int | None = None, service: str | None = None) -> pa.Table:
        self._refuse("no rollups here")

    def operations(self, window: Window, *, step_ns: int | None = None, service: str | None = None) -> pa.Table:
        self._refuse("no rollups here")

    def instances(self, window: Window, *, step_ns: int | None = None, service: str | None = None) -> pa.Table:
        self._refuse("no rollups here")

    def coverage(self, window: Window, *, step_ns: int | None = None) -> pa.Table:
        self._refuse("no rollups here")

    def log_templates(self) -> pa.Table:
        self._refuse("no logs here")

    def log_counts(self, window: Window, *, step_ns: int | None = None, service: str | None = None) -> pa.Table:
        self._refuse("no logs here")
