"""Tables: sortable and filterable, the first column is the name, a row click opens the thing."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import dash_ag_grid as dag
from dash import html
from dash.development.base_component import Component

from causeway.messages import quantity
from dashboards.components.basics import aria
from dashboards.view import View

ROW_PX, HEAD_PX = 34, 34
# A table this long scrolls inside its card.
ROWS_SHOWN_MAX = 14
# On a phone the table scrolls sideways rather than cutting numbers off.
WIDTH_MIN_PX = {
    "name": 140,
    "text": 120,
    "number": 96,
    "bar": 112,
    "interval": 160,
    "change": 160,
    "stack": 160,
    "prose": 220,
    "waterfall": 360,
}
BARS = frozenset({"bar", "interval", "change", "stack"})
# The grid takes its colours from our variables, so that both themes fit without the server.
_THEME = (
    "themeQuartz.withParams({backgroundColor: 'transparent', foregroundColor: 'var(--text)', "
    "headerBackgroundColor: 'transparent', headerTextColor: 'var(--dim)', borderColor: 'var(--grid)', "
    "rowHoverColor: 'var(--hover)', accentColor: 'var(--accent)', fontFamily: 'inherit', fontSize: 13, "
    "headerFontSize: 12, headerFontWeight: 500, wrapperBorder: false, wrapperBorderRadius: 0, "
    "cellHorizontalPadding: 12, oddRowBackgroundColor: 'transparent', menuBackgroundColor: 'var(--raised)', "
    "headerColumnResizeHandleColor: 'transparent', selectedRowBackgroundColor: 'var(--accent-soft)'})"
)


@dataclass(frozen=True, slots=True)
class Column:
    """One column. kind: name, number, bar, interval, change, stack, spark, text, prose (may take several lines), tree,
    waterfall.

    A number column `x` shows `x_text`, beside it `x_usual`, and is coloured by the verdict in `x_off`. A bar is long
    as `x` in [0, 1], an interval has bounds `x_low` and `x_high` besides, a change is in [-1, 1] and begins in the
    middle, a stack is made of `x_parts` (width in [0, 1], colour, title). All show `x_text`, and `x_title` on hover.
    """

    field: str
    title: str
    kind: str = "text"
    width: int | None = None
    flex: int | None = None
    sort: str | None = None


Row = Mapping[str, Any]


def grid(
    key: str, view: View, columns: Sequence[Column], rows: Sequence[Row], *, label: str, height: int | None = None
) -> Component:
    """The table. Every row needs `key`; with `href` a click on it goes there."""
    shown = min(max(len(rows), 1), ROWS_SHOWN_MAX)
    grows = height is None and any(column.kind == "prose" for column in columns)
    pixels = None if grows else height or HEAD_PX + shown * ROW_PX + 4
    table = dag.AgGrid(
        id=key,
        columnDefs=[_definition(column) for column in columns],
        rowData=[dict(row) for row in rows],
        getRowId="params.data.key",
        defaultColDef={
            "sortable": True,
            "resizable": True,
            "suppressHeaderMenuButton": True,
            "minWidth": 64,
            "cellDataType": False,
        },
        dashGridOptions={
            "theme": {"function": _THEME},
            "domLayout": "autoHeight" if grows else "normal",
            "rowHeight": ROW_PX,
            "headerHeight": HEAD_PX,
            "animateRows": False,
            "suppressColumnVirtualisation": True,
            "ensureDomOrder": True,
            "enableCellTextSelection": True,
            "suppressMovableColumns": True,
            "localeText": {"noRowsToShow": view.say("table_empty")},
        },
        style={"height": pixels, "width": "100%"},
        className="ag-theme-causeway",
    )
    return html.Div(table, role="region", **aria(label=label))


def _definition(column: Column) -> dict[str, Any]:
    definition: dict[str, Any] = {"field": column.field, "headerName": column.title}
    if column.kind in WIDTH_MIN_PX and column.width is None:
        definition["minWidth"] = WIDTH_MIN_PX[column.kind]
    sized = {"width": column.width, "flex": column.flex, "sort": column.sort}
    definition.update({name: value for name, value in sized.items() if value is not None})
    if column.kind == "number":
        definition["type"] = "rightAligned"
        definition["sortingOrder"] = ["desc", "asc", None]
        definition["cellRendererParams"] = {
            "textField": f"{column.field}_text",
            "usualField": f"{column.field}_usual",
            "offField": f"{column.field}_off",
        }
    if column.kind in BARS:
        definition["cellRendererParams"] = {"textField": f"{column.field}_text", "field": column.field}
        definition["sortingOrder"] = ["desc", "asc", None]
    if column.kind == "prose":
        definition.update(wrapText=True, autoHeight=True, cellClass="prose")
    if column.kind in {"spark", "waterfall"}:
        definition["sortable"] = False
    renderers = {
        "name": "NameCell",
        "number": "NumberCell",
        "bar": "BarCell",
        "interval": "IntervalCell",
        "change": "ChangeCell",
        "stack": "StackCell",
        "spark": "SparkCell",
        "tree": "TreeCell",
        "waterfall": "WaterfallCell",
    }
    if column.kind in renderers:
        definition["cellRenderer"] = renderers[column.kind]
    if column.kind == "text":
        definition["tooltipField"] = column.field
    if column.kind == "name":
        definition["filter"] = True
    return definition


def number(name: str, value: float | None, unit: str, *, usual: str = "", off: str | None = None) -> dict[str, Any]:
    """The fields of a number cell: the raw number to sort by, and how it reads."""
    missing = value is None or math.isnan(value)
    cell: dict[str, Any] = {name: None if missing else value, f"{name}_text": quantity(value, unit)}
    if usual:
        cell[f"{name}_usual"] = usual
    if off is not None and off != "OK":
        cell[f"{name}_off"] = off
    return cell
