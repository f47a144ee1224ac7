"""The table twin of the map, and the list of what changed: the same facts for keyboards and screen readers."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from analytics.callgraph.diff import GraphDiff, statuses
from analytics.frames import records_of
from causeway.messages import quantity
from dashboards.components.map_view import box_href
from dashboards.components.tables import Column, Row, number
from dashboards.topology.drawing import BY_RANK, OFF, Boxes, Drawing
from dashboards.view import View

# More rows than this nobody reads, and a browser that is sent thousands answers late.
ROWS_MAX = 500
CHANGES_MAX = 200
# How each aspect of a change reads: its columns and unit.
ASPECTS = {
    "rate": ("calls_per_s", "/s"),
    "errors": ("error_ratio", "%"),
    "latency": ("latency_ms_mean", "ms"),
}


def map_columns(view: View, *, compared: bool = False) -> Sequence[Column]:
    """The columns of `map_rows`."""
    return (
        Column("name", view.say("column_caller"), "name", flex=3),
        Column("callee", view.say("column_callee"), "text", flex=3),
        Column("kind", view.say("map.column_kind"), "text", width=128),
        Column("protocol", view.say("column_protocol"), "text", width=120),
        Column("rate", view.say("column_rate"), "number", flex=2, sort="desc"),
        Column("errors", view.say("column_errors"), "number", flex=1),
        Column("p50", "p50", "number", flex=1),
        Column("p99", "p99", "number", flex=1),
        *([Column("change", view.say("map.column_change"), "text", flex=1)] if compared else []),
    )


def map_rows(view: View, drawing: Drawing, *, rows_max: int = ROWS_MAX) -> list[Row]:
    """One row per arrow, at most that many: those that are off or changed first, then by traffic."""
    arrows, boxes = drawing.arrows, drawing.boxes
    marked = (arrows.rank >= OFF) | (arrows.change != "")
    order = np.lexsort((np.arange(len(arrows)), -arrows.calls_per_s, ~marked))[:rows_max]
    label = np.where(boxes.label == "", boxes.name, boxes.label)
    kinds = {kind: view.say(f"map.kind_{kind}") for kind in set(arrows.kind.tolist())}
    changes = {change: view.say(f"map.change_{change}") for change in set(arrows.change.tolist()) if change}
    found: list[Row] = []
    for at in order.tolist():
        caller, callee = int(arrows.caller[at]), int(arrows.callee[at])
        off = BY_RANK[arrows.rank[at]].value
        found.append(
            {
                "key": f"{boxes.name[caller]}→{boxes.name[callee]} {arrows.kind[at]} {arrows.protocol[at]}",
                "name": label[caller],
                "href": _href(view, boxes, caller),
                "callee": label[callee],
                "kind": kinds[arrows.kind[at]],
                "protocol": arrows.protocol[at],
                **number("rate", float(arrows.calls_per_s[at]) * 60, "/min"),
                **number("errors", float(arrows.error_ratio[at]), "ratio", off=off),
                **number("p50", float(arrows.p50_ms[at]), "ms"),
                **number("p99", float(arrows.p99_ms[at]), "ms"),
                **({"change": changes[arrows.change[at]]} if arrows.change[at] else {}),
            }
        )
    return found


def _href(view: View, boxes: Boxes, place: int) -> str:
    kind, owner = str(boxes.type[place]), str(boxes.owner[place])
    if kind == "service":
        return view.href(f"/service/{owner}")
    return box_href(view, str(boxes.name[place]), kind, owner, view.address.get("open"))


def change_columns(view: View) -> Sequence[Column]:
    """The columns of `change_rows`."""
    return (
        Column("name", view.say("column_caller"), "name", flex=2),
        Column("callee", view.say("column_callee"), "text", flex=2),
        Column("change", view.say("map.column_change"), "text", flex=1),
        Column("words", view.say("map.column_what"), "prose", flex=4),
        Column("first", view.say("map.column_first_seen"), "text", flex=2),
        Column("last", view.say("map.column_last_seen"), "text", flex=1),
    )


def change_rows(view: View, diff: GraphDiff) -> list[Row]:
    """Calls that came, went or changed, in that order, at most CHANGES_MAX."""
    return [
        {
            "key": f"{row['caller']}→{row['callee']} {row['kind']}",
            "name": row["caller"],
            "href": view.href(f"/service/{row['caller_service']}"),
            "callee": row["callee"],
            "change": view.say(f"map.change_{row['status']}"),
            "words": _words(view, row),
            "first": _first_seen(view, row),
            "last": view.clock(row["last_seen_ns"], seconds=True),
        }
        for row in records_of(statuses(diff).head(CHANGES_MAX))
    ]


def _words(view: View, row: dict[str, object]) -> str:
    if row["status"] == "changed":
        aspects = row["changes"]
        assert isinstance(aspects, list | tuple)
        return view.say("map.semicolon").join(_aspect(view, str(name), row) for name in aspects)
    side = "after" if row["status"] == "new" else "before"
    said = view.say(f"map.was_{row['status']}", rate=_shown(row, "calls_per_s", side, "/s"))
    return said if row["certain"] else view.join([said, view.say("map.maybe_chance")])


def _aspect(view: View, name: str, row: dict[str, object]) -> str:
    column, unit = ASPECTS[name]
    return view.say(
        f"map.aspect_{name}", before=_shown(row, column, "before", unit), after=_shown(row, column, "after", unit)
    )


def _shown(row: dict[str, object], column: str, side: str, unit: str) -> str:
    value = row[f"{column}_{side}"]
    return quantity(value if isinstance(value, int | float) else None, unit)


def _first_seen(view: View, row: dict[str, object]) -> str:
    """When the call was first made, to the width of the step looked in; `before …` where that is as far as one saw."""
    time_ns = row["first_seen_ns"]
    if not isinstance(time_ns, int):
        return view.clock(None)
    shown = view.clock(time_ns, seconds=True)
    if row["first_seen_earlier"]:
        return view.say("map.seen_earlier", time=shown)
    within = row["first_seen_within_ns"]
    return view.say("map.seen_at", time=shown, within=quantity(within if isinstance(within, int) else None, "ns"))
