"""What commands say on standard error, in a pipe and on a terminal."""

from __future__ import annotations

import io

import pytest

from causeway.findings import Message
from causeway.terminal import Terminal


class Screen(io.StringIO):
    """A stream that claims to be a terminal."""

    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize(("language", "word"), [("en", "Stopping"), ("zh-CN", "正在停止")])
def test_messages_come_in_the_language_asked_for(language: str, word: str) -> None:
    """One line a message, from the catalogue of that language."""
    stream = io.StringIO()
    Terminal(language=language, stream=stream).say(Message("demo.up_stopping"), tone="bad")
    assert stream.getvalue().startswith(word) and stream.getvalue().count("\n") == 1


def test_a_pipe_gets_no_bar_and_no_colour() -> None:
    """In a pipe progress is its title, once, and lines carry no control codes."""
    stream = io.StringIO()
    terminal = Terminal(stream=stream)
    with terminal.progress(Message("demo.replay_progress"), 100) as advance:
        for _ in range(100):
            advance(1)
    terminal.raw("as it is [bold]", tone="good")
    assert not terminal.interactive
    assert stream.getvalue() == "Sending records\nas it is [bold]\n"


def test_a_terminal_gets_a_bar(monkeypatch: pytest.MonkeyPatch) -> None:
    """On a terminal the bar ends at its total, and lines that are not ours are not read as markup."""
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "120")
    stream = Screen()
    terminal = Terminal(stream=stream)
    with terminal.progress(Message("demo.replay_progress"), 3) as advance:
        advance(3)
    terminal.raw("[bold]x")
    assert terminal.interactive
    assert "3/3" in stream.getvalue() and "[bold]x" in stream.getvalue()
