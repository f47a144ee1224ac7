"""The lines of one template, its values and its traces."""

from __future__ import annotations

import pyarrow as pa
import pytest

from analytics.logtemplates.catalogue import catalogue_of
from analytics.logtemplates.lines import TRACES_MAX, detail_of, look_up, template_lines
from analytics.logtemplates.lookup import template_id_of
from analytics.logtemplates.mined import MinedTemplates
from analytics.logtemplates.survey import survey
from causeway import records
from causeway.errors import BadRequest
from causeway.window import Window
from tests.table_store import TableStore

WINDOW, BEFORE = Window(1000, 2000), Window(0, 1000)


def _store(*lines: tuple[int, str, str, int | None]) -> TableStore:
    """Each line: time, service, body, and its trace's number."""
    rows = [
        {
            "time_ns": at,
            "service": service,
            "body": body,
            "trace_id": None if trace is None else trace.to_bytes(16, "big"),
            "ordinal": 0,
            "resource_id": 0,
            "attributes": [],
        }
        for at, service, body, trace in lines
    ]
    return TableStore({"logs": pa.Table.from_pylist(rows, schema=records.LOGS)})


def _id(line: str) -> int:
    return int(MinedTemplates().ids(pa.chunked_array([[line]]))[0])


def test_newest_lines_come_first_with_their_traces() -> None:
    """Lines of other templates and services are left out; a trace is told once, with how many lines name it."""
    store = _store(
        (1100, "cart", "got 1 items", 7),
        (1200, "cart", "got 2 items", 8),
        (1300, "mail", "got 3 items", 9),
        (1400, "cart", "lost 4 items", 9),
        (1500, "cart", "got 5 items", 7),
        (1600, "cart", "got 6 items", None),
    )
    found = template_lines(store, WINDOW, _id("got 1 items"), service="cart", limit=3)
    assert found is not None and found.window == WINDOW
    assert found.table.column("body").to_pylist() == ["got 6 items", "got 5 items", "got 2 items"]
    assert (found.matched, found.read, found.truncated) == (4, 5, False)
    assert [(one.trace_id[-1], one.lines, one.time_ns) for one in found.traces] == [(7, 2, 1500), (8, 1, 1200)]
    values = detail_of(found).values
    assert [one.value for one in values[0]] == ["6", "5", "2"]


def test_a_template_that_is_gone_is_looked_for_before() -> None:
    """Its last lines are shown, and the window says where they are from."""
    store = _store((300, "cart", "beat 1", None), (1500, "cart", "hello", None))
    assert template_lines(store, WINDOW, _id("beat 1")) is None
    found = template_lines(store, WINDOW, _id("beat 1"), earlier=BEFORE)
    assert found is not None and (found.window, found.matched) == (BEFORE, 1)


def test_an_id_of_the_survey_is_found_without_what_the_survey_learned() -> None:
    """Lines of other services widened the template; its own lines alone would not have."""
    others = [(100 + i, f"shop-{i}", f"Failure in Step{chr(65 + i)}: cannot read", None) for i in range(8)]
    store = _store(*others, (1500, "cart", "Failure in Charge: cannot read", 3))
    row = next(row for row in survey(store, WINDOW, BEFORE).rows if row.service == "cart")
    assert row.template == "Failure in <*>: cannot read"
    found = template_lines(store, WINDOW, row.template_id, earlier=BEFORE, service="cart")
    assert found is not None and (found.template, found.matched) == (row.template, 1)


def test_traces_are_bounded() -> None:
    """However many traces there are, only the newest are named."""
    store = _store(*((1000 + i, "cart", f"got {i} items", i + 1) for i in range(50)))
    found = template_lines(store, WINDOW, _id("got 1 items"), limit=2)
    assert found is not None and len(found.traces) == TRACES_MAX
    assert [one.trace_id[-1] for one in found.traces] == list(range(50, 50 - TRACES_MAX, -1))


def test_nothing_stored_is_none() -> None:
    """An empty store has no lines of anything."""
    assert template_lines(TableStore(), WINDOW, 5, earlier=BEFORE) is None


@pytest.mark.parametrize("text", ["", "x", "1.5", str(1 << 63), "-9223372036854775809"])
def test_what_is_no_id_is_refused(text: str) -> None:
    """Ids are 64-bit numbers."""
    with pytest.raises(BadRequest):
        template_id_of(text)


def test_a_line_has_the_closest_of_the_stored_templates() -> None:
    """Of several that it follows, the one with most text; values are told, and a stranger has none."""
    rows = [(1, 7, 7, 2, "<*> connected", 0), (2, 8, 8, 1, "db <*> connected", 0), (3, 9, 9, 1, "gone", 0)]
    table = pa.table([list(column) for column in zip(*rows, strict=True)], names=records.LOG_TEMPLATES.names)
    known = catalogue_of(table)
    found = look_up(known, "db 10.0.0.1:5432 connected")
    assert found is not None and (found.template_id, found.template) == (8, "db <*> connected")
    assert [[(one.kind, one.value) for one in values] for values in found.values] == [[("address", "10.0.0.1:5432")]]
    assert look_up(known, "nothing like it") is None
