"""Tables and documents on standard output."""

from __future__ import annotations

import io

import pytest

from analytics.output import Column, Page, write_json, write_text
from causeway.findings import Message, Verdict

COLUMNS = (
    Column(Message("graph.column_node")),
    Column(Message("graph.column_calls"), number=True),
    Column(Message("graph.column_protocol"), spare=True),
)
ROWS = [("a-service-with-a-long-name", "1,234", "a-protocol-with-a-long-name")]


class Terminal(io.StringIO):
    """A stream that says it is a terminal."""

    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize(("columns", "spare_shown"), [("120", True), ("50", False)])
def test_narrow_terminals_lose_the_spare_columns(
    monkeypatch: pytest.MonkeyPatch, columns: str, spare_shown: bool
) -> None:
    """Where all columns fit all are shown; else the spare ones go, and the rest stays whole."""
    monkeypatch.setenv("COLUMNS", columns)
    monkeypatch.setenv("TERM", "xterm")
    stream = Terminal()
    Page(stream=stream).table(COLUMNS, ROWS)
    assert ("a-protocol-with-a-long-name" in stream.getvalue()) is spare_shown
    assert "a-service-with-a-long-name" in stream.getvalue() and "1,234" in stream.getvalue()


def test_pipes_get_everything_without_colour(monkeypatch: pytest.MonkeyPatch) -> None:
    """A pipe has no width: nothing is cut or coloured, whatever COLUMNS says."""
    monkeypatch.setenv("COLUMNS", "20")
    stream = io.StringIO()
    page = Page(stream=stream)
    page.table(COLUMNS, ROWS)
    page.line(page.verdict(Verdict.CRITICAL))
    assert all(cell in stream.getvalue() for cell in ROWS[0]) and "\x1b" not in stream.getvalue()
    assert stream.getvalue().splitlines()[-1].strip() == "CRITICAL"


def test_markup_in_names_is_text() -> None:
    """A service called [red] is shown as it is called."""
    stream = io.StringIO()
    Page(stream=stream).table(COLUMNS, [("[red]x[/red]", "1", "")])
    assert "[red]x[/red]" in stream.getvalue()


def test_json_refuses_nan_and_keeps_chinese() -> None:
    """One document, readable as text; a NaN that slipped through is an error, not invalid JSON."""
    stream = io.StringIO()
    write_json({"原因": 1}, stream=stream)
    assert stream.getvalue() == '{\n  "原因": 1\n}\n'
    with pytest.raises(ValueError, match="JSON"):
        write_json({"x": float("nan")}, stream=io.StringIO())


@pytest.mark.parametrize("text", ["a", "a\n"])
def test_documents_end_in_one_newline(text: str) -> None:
    """Whatever the writer left at the end."""
    stream = io.StringIO()
    write_text(text, stream=stream)
    assert stream.getvalue() == "a\n"
