"""What was made anew, or found to differ, as lines for people or as JSON."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

from causeway.findings import Message
from causeway.messages import text
from causeway.stores.embedded.rebuild.compare import Difference
from causeway.stores.embedded.rebuild.rebuild import Checked, Rebuilt
from causeway.stores.rollups import MEASURES, keys_of
from causeway.window import iso


def write_made(data: Path, made: Rebuilt, output: str, language: str) -> None:
    """What `rebuild` did."""
    if output == "json":
        _write_json(_made_json(made))
        return
    for message in _windows(data, made):
        _line(message, language)
    if made.windows:
        for table, rows in made.rows.items():
            _line(Message("rebuild.made", {"table": table, "rows": f"{rows:,}"}), language)
        _line(Message("rebuild.done", {"took": made.seconds}), language)


def write_checked(data: Path, checked: Checked, output: str, language: str) -> None:
    """What `check` found."""
    if output == "json":
        found = [_difference_json(difference) for difference in checked.differences]
        _write_json({"identical": checked.identical, **_made_json(checked.made), "tables": found})
        return
    for message in _windows(data, checked.made):
        _line(message, language)
    for difference in checked.differences:
        for message in _compared(difference):
            _line(message, language)
    if checked.made.windows:
        result = "checked_good" if checked.identical else "checked_bad"
        _line(Message(f"rebuild.{result}", {"took": checked.made.seconds}), language)


def _windows(data: Path, made: Rebuilt) -> Iterator[Message]:
    if not made.windows:
        yield Message("rebuild.nothing", {"data": str(data)})
    for signal, window in made.windows.items():
        ends = {"start": iso(window.start_ns), "end": iso(window.end_ns)}
        yield Message(f"rebuild.window_{signal}", {**ends, "records": f"{made.records[signal]:,}"})


def _compared(difference: Difference) -> Iterator[Message]:
    rows = f"{difference.compared:,}"
    if difference.window is None:
        yield Message("rebuild.identical", {"table": difference.table, "rows": rows})
        return
    yield Message(
        "rebuild.differs",
        {
            "table": difference.table,
            "different": f"{difference.rows:,}",
            "rows": rows,
            "start": iso(difference.window.start_ns),
            "end": iso(difference.window.end_ns),
        },
    )
    for example in difference.examples:
        yield Message("rebuild.example", {"sums": _sums(difference, example), "key": _key(difference, example)})


def _key(difference: Difference, row: Mapping[str, object]) -> str:
    slot = row["slot_ns"]
    assert isinstance(slot, int)
    named = (f"{key}={row[key]}" for key in keys_of(difference.table) if row[key] is not None)
    return " ".join((iso(slot), *named))


def _sums(difference: Difference, row: Mapping[str, object]) -> str:
    return ", ".join(f"{measure} {row[measure]:+d}" for measure in MEASURES[difference.table] if row[measure])


def _made_json(made: Rebuilt) -> dict[str, object]:
    windows = {signal: window.as_json() for signal, window in made.windows.items()}
    return {"windows": windows, "records": made.records, "rows": made.rows, "seconds": round(made.seconds, 3)}


def _difference_json(difference: Difference) -> dict[str, object]:
    return {
        "table": difference.table,
        "rows": difference.compared,
        "different": difference.rows,
        "window": None if difference.window is None else difference.window.as_json(),
        "sums": difference.sums,
        "examples": list(difference.examples),
    }


def _write_json(document: Mapping[str, object]) -> None:
    sys.stdout.write(json.dumps(document, ensure_ascii=False, indent=2) + "\n")


def _line(message: Message, language: str) -> None:
    sys.stdout.write(text(message, language) + "\n")
