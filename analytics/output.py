"""Answers on standard output: a JSON document, or tables for people; progress on standard error."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, TextIO

from rich import box
from rich.console import Console
from rich.measure import Measurement
from rich.table import Table
from rich.text import Text

from causeway.findings import Message, Verdict
from causeway.messages import text

# Wide enough that a table in a pipe is never cut; a terminal says its own width.
PIPE_WIDTH = 400
VERDICT_STYLES = {
    Verdict.OK: "green",
    Verdict.UNKNOWN: "magenta",
    Verdict.WARNING: "yellow",
    Verdict.CRITICAL: "bold red",
}


@dataclass(frozen=True, slots=True)
class Column:
    """A table column: its heading, whether its cells are numbers (to the right), and whether it may be left out."""

    title: Message
    number: bool = False
    spare: bool = False


Cell = str | Text


def write_json(document: Any, *, stream: TextIO | None = None) -> None:
    """One JSON document, indented, as UTF-8 text; a NaN in it is a bug and raises ValueError."""
    out = stream or sys.stdout
    out.write(json.dumps(document, ensure_ascii=False, allow_nan=False, indent=2) + "\n")


def write_text(document: str, *, stream: TextIO | None = None) -> None:
    """A finished document, ending in a newline."""
    (stream or sys.stdout).write(document if document.endswith("\n") else document + "\n")


class Page:
    """What a command shows to people, in one language. Colours only on a terminal; nothing is cut in a
    pipe."""

    def __init__(self, *, language: str = "en", stream: TextIO | None = None) -> None:
        self.language = language
        self._stream = stream or sys.stdout
        is_terminal = self._stream.isatty()
        width = None if is_terminal else PIPE_WIDTH
        self._console = Console(file=self._stream, highlight=False, width=width)
        self._is_terminal = is_terminal

    def words(self, message: Message) -> str:
        """The message in the page's language."""
        return text(message, self.language)

    def line(self, message: Message | Text | str, *, style: str = "") -> None:
        """One line, or an empty one."""
        shown = self.words(message) if isinstance(message, Message) else message
        self._console.print(shown, style=style or None, markup=False, soft_wrap=not self._is_terminal)

    def heading(self, message: Message) -> None:
        """A heading with an empty line before it."""
        self._console.print()
        self.line(message, style="bold")

    def table(self, columns: Sequence[Column], rows: Iterable[Sequence[Cell]]) -> None:
        """Rows under their headings. Where the terminal is too narrow for all columns, the spare ones are left out."""
        cells = [[cell if isinstance(cell, Text) else Text(cell) for cell in row] for row in rows]
        table = self._table(columns, cells)
        wanted = Measurement.get(self._console, self._console.options.update(max_width=PIPE_WIDTH), table)
        if wanted.maximum > self._console.width:
            kept = [i for i, column in enumerate(columns) if not column.spare]
            table = self._table([columns[i] for i in kept], [[row[i] for i in kept] for row in cells])
        self._console.print(table)

    def _table(self, columns: Sequence[Column], rows: Sequence[Sequence[Text]]) -> Table:
        table = Table(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False, header_style="bold")
        for column in columns:
            justify: Any = "right" if column.number else "left"
            table.add_column(Text(self.words(column.title)), justify=justify, overflow="fold", no_wrap=column.number)
        for row in rows:
            table.add_row(*row)
        return table

    def verdict(self, verdict: Verdict) -> Text:
        """The verdict's word in its colour."""
        return Text(verdict.value, style=VERDICT_STYLES[verdict])


@contextmanager
def working(message: Message, *, language: str = "en") -> Iterator[None]:
    """A spinner with the message on standard error while the body runs; silent in a pipe."""
    console = Console(stderr=True)
    if not console.is_terminal:
        yield
        return
    with console.status(text(message, language)):
        yield
