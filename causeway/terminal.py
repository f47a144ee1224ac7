"""What a running command says on standard error: rich on a terminal, plain lines in a pipe."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol, TextIO

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from causeway.findings import Message
from causeway.messages import text

_STYLES = {"good": "green", "bad": "bold red", "warn": "yellow", "head": "bold", "plain": ""}


class Advance(Protocol):
    """Moves a progress bar forward."""

    def __call__(self, by: int) -> None:
        """Advance by so many."""


class Terminal:
    """Says messages of the catalogues in one language. Line by line in a pipe, with colours on a terminal."""

    def __init__(self, *, language: str = "en", stream: TextIO | None = None) -> None:
        self.language = language
        self._stream = stream or sys.stderr
        self._console = Console(file=self._stream, highlight=False, soft_wrap=True)
        self.interactive = self._console.is_terminal

    def say(self, message: Message, *, tone: str = "plain") -> None:
        """One line (or the lines of the message). tone: good, bad, warn, head, plain."""
        self.raw(text(message, self.language), tone=tone)

    def raw(self, line: str, *, tone: str = "plain") -> None:
        """A line that is not ours, such as the end of a child's log."""
        if self.interactive:
            self._console.print(line, style=_STYLES[tone] or None, markup=False)
        else:
            self._stream.write(line + "\n")
            self._stream.flush()

    @contextmanager
    def progress(self, message: Message, total: int) -> Iterator[Advance]:
        """A bar on a terminal; in a pipe only the title, once."""
        title = text(message, self.language)
        if not self.interactive:
            self.raw(title)
            yield lambda by: None  # noqa: ARG005
            return
        columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
        with Progress(*columns, console=self._console) as bar:
            task = bar.add_task(title, total=total)
            yield lambda by: bar.advance(task, by)
