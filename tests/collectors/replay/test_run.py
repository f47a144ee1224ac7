"""A whole replay: pace, shift, summary."""

from __future__ import annotations

import time
from pathlib import Path

import pyarrow as pa
import pytest
import typer
from typer.testing import CliRunner

from causeway.errors import ConfigError
from causeway.otlp.send import SendError
from causeway.window import SECOND_NS
from collectors.replay.commands import register
from collectors.replay.recording import Recording, read
from collectors.replay.run import ReplayOptions, replay, shift_of
from tests.collectors.replay.test_exports import T0, folder  # noqa: F401 - a fixture
from tests.otlp.sink import Sink, running

app = typer.Typer()
app.command("other")(lambda: None)
register(app)


def two_logs(apart_s: float) -> Recording:
    table = pa.table({"TimeUnixNano": [T0, T0 + int(apart_s * SECOND_NS)], "PodName": ["a", "b"], "Log": ["x", "y"]})
    return Recording({"logs": table})


def test_a_pace_is_kept() -> None:
    """At speed 20, records ten seconds apart are sent half a second apart."""
    with running(Sink()) as sink:
        began = time.monotonic()
        replay(two_logs(10), to=sink.url, options=ReplayOptions(speed=20))
    assert time.monotonic() - began >= 0.5
    assert sink.requests == 2


@pytest.mark.parametrize(("speed", "expected"), [(None, T0 - 10 * SECOND_NS), (2.0, T0)])
def test_where_a_shift_puts_the_recording(speed: float | None, expected: int) -> None:
    """At full speed the last record gets the time, at a pace the first."""
    options = ReplayOptions(speed=speed, shift_to_ns=T0)
    assert T0 + shift_of(two_logs(10), options).by_ns == expected


def test_the_command_says_what_became_of_every_signal(folder: Path) -> None:  # noqa: F811
    """Counts sent, accepted and rejected by signal on standard error, and nothing on standard output."""
    with running(Sink()) as sink:
        result = CliRunner().invoke(app, ["replay", str(folder), "--to", sink.url])
    assert result.exit_code == 0, result.output
    assert result.stdout == ""
    for line in ("spans: 3 sent, 3 accepted, 0 rejected", "logs: 4 sent, 4 accepted", "samples: 3 sent, 3 accepted"):
        assert line in result.stderr
    assert len(sink.spans()) == 3


@pytest.mark.parametrize(
    ("arguments", "names"),
    [
        (["--speed", "fast"], "--speed"),
        (["--speed", "0"], "--speed"),
        (["--signals", "spans,profiles"], "profiles"),
        (["--from", "2030-01-01T00:00:00Z"], "--from"),
        (["--shift-to", "tomorrow"], "tomorrow"),
    ],
)
def test_a_wrong_option_is_named(folder: Path, arguments: list[str], names: str) -> None:  # noqa: F811
    """Nothing is sent, and the error says which option is meant."""
    with running(Sink()) as sink:
        result = CliRunner().invoke(app, ["replay", str(folder), "--to", sink.url, *arguments])
    assert isinstance(result.exception, ConfigError) and names in str(result.exception)
    assert sink.requests == 0


def test_no_server_is_an_error(folder: Path) -> None:  # noqa: F811
    """A replay to nobody fails at once instead of counting records as sent."""
    with pytest.raises(SendError):
        replay(read(folder), to="http://127.0.0.1:1", options=ReplayOptions())
