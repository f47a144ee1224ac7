"""Says which message becomes a row of which table, and which field goes into which cell of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from collectors.otlp.wire import FIELDS, MARK, REF, REF_ROW, SPEC_CELLS


@dataclass(frozen=True, slots=True)
class Field:
    """What becomes of one field: where it is stored and, for a oneof or an optional field, what marks it as present."""

    kind: int
    column: str = ""
    message: str = ""
    table: str = ""
    mark: str = ""
    mark_value: int = 1


Messages = Mapping[str, Mapping[int, Field]]


class Layout:
    """Tables and their columns, worked out from message specifications, beginning with the root message.

    Column 0 of every table is the row number of the parent (in the table of the enclosing message; the number of
    the request for the root). `tables` are in order of their first use; `columns[table][name]` is an index.
    """

    def __init__(self, messages: Messages, root: str) -> None:
        self._messages = messages
        self._types: dict[tuple[str, str], int] = {}
        self._fields: list[dict[int, Field]] = []
        self.tables: list[str] = []
        self.columns: dict[str, dict[str, int]] = {}
        self._widths: dict[str, int] = {}
        self._type_of(root, "")
        self.spec = self._compile().reshape(-1)

    @property
    def widths(self) -> list[int]:
        """Cells in a row of each table."""
        return [self._widths[table] for table in self.tables]

    def _type_of(self, message: str, table: str) -> int:
        key = (message, table)
        if key in self._types:
            return self._types[key]
        number = self._types[key] = len(self._types)
        self._fields.append({})
        for field_number, field in self._messages[message].items():
            self._fields[number][field_number] = field
            target = field.table or table
            if field.table:
                self._table(field.table)
            for name, cells in ((field.column, self._cells(field)), (field.mark, 1)):
                if name:
                    self._column(target if name == field.column else table, name, cells)
            if field.message:
                self._type_of(field.message, target)
        return number

    @staticmethod
    def _cells(field: Field) -> int:
        return 2 if field.kind in (REF, REF_ROW) else 1

    def _table(self, name: str) -> None:
        if name not in self.columns:
            self.tables.append(name)
            self.columns[name] = {"parent": 0}
            self._widths[name] = 1

    def _column(self, table: str, name: str, cells: int) -> None:
        known = self.columns[table]
        if name not in known:
            known[name] = self._widths[table]
            self._widths[table] += cells

    def _compile(self) -> np.ndarray:
        spec = np.zeros((len(self._types), FIELDS, SPEC_CELLS), dtype=np.int64)
        spec[:, :, MARK] = -1
        for (_, table), number in self._types.items():
            for field_number, field in self._fields[number].items():
                target = field.table or table
                spec[number, field_number] = (
                    field.kind,
                    self.columns[target][field.column] if field.column else 0,
                    self._types[field.message, target] if field.message else 0,
                    self.tables.index(field.table) if field.table else -1,
                    self.columns[table][field.mark] if field.mark else -1,
                    field.mark_value,
                )
        return spec
