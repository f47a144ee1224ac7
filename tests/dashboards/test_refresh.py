"""Rules of refreshing in place."""

from __future__ import annotations

import dash_ag_grid as dag
import plotly.graph_objects as go
import pytest
from dash import dcc, html
from dash.development.base_component import Component

from dashboards.refresh import rendered


def _page(value: int, *, title: str = "t", extra: bool = False) -> Component:
    parts: list[Component] = [
        html.H1(title),
        dcc.Graph(id="chart", figure=go.Figure(go.Scatter(y=[1, value]))),
        dag.AgGrid(id="rows", rowData=[{"a": 1}], columnDefs=[{"field": "a"}]),
        html.Div(html.Span(str(value)), id="live-words"),
    ]
    if extra:
        parts.append(html.Div("more"))
    return html.Div(parts)


def test_nothing_is_sent_when_nothing_changed() -> None:
    """Two equal pages differ in nothing."""
    assert rendered(_page(2)).changes(rendered(_page(2)).marks) == {}


def test_only_what_changed_is_sent() -> None:
    """A new value reaches its chart and its words; the table is left alone, with its sorting and scroll."""
    changes = rendered(_page(3)).changes(rendered(_page(2)).marks)
    assert changes is not None
    assert set(changes) == {"chart", "live-words"}
    assert set(changes["chart"]) == {"figure"}


@pytest.mark.parametrize("other", [_page(2, title="other"), _page(2, extra=True)])
def test_another_frame_replaces_the_page(other: Component) -> None:
    """When the frame differs the whole page is sent."""
    assert rendered(other).changes(rendered(_page(2)).marks) is None
    assert rendered(_page(2)).changes(None) is None


def test_two_parts_of_one_name_are_a_bug() -> None:
    """Live ids are unique on a page."""
    with pytest.raises(ValueError, match="live-x"):
        rendered(html.Div([html.Div("a", id="live-x"), html.Div("b", id="live-x")]))
