"""The doctor's findings as lines for people, or as JSON."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from typing import TextIO

from rich.console import Console
from rich.text import Text

from causeway.doctor.checks import Health, Line, worst
from causeway.errors import ConfigError
from causeway.messages import LANGUAGES, text

STATUS = {Health.OK: 0, Health.NOTE: 0, Health.WARNING: 1, Health.BROKEN: 2}
_STYLES = {Health.OK: "green", Health.NOTE: "cyan", Health.WARNING: "yellow", Health.BROKEN: "bold red"}
_PART_WIDTH, _HEALTH_WIDTH = 8, 8


def check_options(output: str, language: str) -> None:
    """Raises ConfigError for a format or language that we do not have."""
    if output not in {"table", "json"}:
        raise ConfigError(f"--format: no {output!r}; known: table, json")
    if language not in LANGUAGES:
        raise ConfigError(f"--lang: no {language!r}; known: {', '.join(LANGUAGES)}")


def write(lines: Sequence[Line], output: str, language: str, *, stream: TextIO | None = None) -> None:
    """One line per fact, the part first, then how it is; colours on a terminal."""
    out = stream or sys.stdout
    if output == "json":
        found = [
            {"part": line.part, "health": line.health.value, "text": text(line.message, language)} for line in lines
        ]
        document = {"health": worst(list(lines)).value, "lines": found}
        out.write(json.dumps(document, ensure_ascii=False, indent=2) + "\n")
        return
    console = Console(file=out, highlight=False, soft_wrap=True)
    for line in lines:
        shown = Text(f"{line.part:<{_PART_WIDTH}} ")
        shown.append(f"{line.health.value:<{_HEALTH_WIDTH}} ", style=_STYLES[line.health])
        shown.append(text(line.message, language))
        console.print(shown)
