"""Refreshing a page in place: what has changed is sent, nothing is mounted anew.

Replacing the children of a page makes Dash mount every chart, table and map again: they flicker and forget their zoom,
sorting and scroll. So a page is rendered as a pure tree, and its *live* parts (components with an id and one changing
property) are told apart from its frame. While the frame is the same, only the live parts that differ are sent.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import orjson
from dash.development.base_component import Component

# The changing properties by component type; of other components with an id beginning with `live-`, the children.
LIVE_PROPERTIES: Mapping[str, tuple[str, ...]] = {
    "Graph": ("figure",),
    "AgGrid": ("rowData", "columnDefs", "dashGridOptions", "style"),
    "Cytoscape": ("elements", "stylesheet", "style"),
}
LIVE_PREFIX = "live-"
FRAME = ""


@dataclass(frozen=True, slots=True)
class Rendered:
    """A page's tree, its marks (digest of the frame under FRAME, and of every live part by id), and the live values."""

    tree: Component
    marks: Mapping[str, str]
    live: Mapping[str, Mapping[str, Any]]

    def changes(self, sent: Mapping[str, str] | None) -> Mapping[str, Mapping[str, Any]] | None:
        """Live parts that differ from what was sent, by id; None when the frame itself differs."""
        if not sent or sent.get(FRAME) != self.marks[FRAME]:
            return None
        return {name: props for name, props in self.live.items() if sent.get(name) != self.marks[name]}


def rendered(tree: Component) -> Rendered:
    """The tree with its marks. Two live parts of one id, or one inside another, are a bug and raise ValueError."""
    live: dict[str, dict[str, Any]] = {}
    frame = orjson.dumps(_frame(tree.to_plotly_json(), live), default=_plain, option=_JSON)
    marks = {name: _digest(orjson.dumps(props, default=_plain, option=_JSON)) for name, props in live.items()}
    return Rendered(tree, {FRAME: _digest(frame), **marks}, live)


_JSON = orjson.OPT_SERIALIZE_NUMPY | orjson.OPT_NON_STR_KEYS


def _frame(node: Any, live: dict[str, dict[str, Any]]) -> Any:
    if isinstance(node, Component):
        node = node.to_plotly_json()
    if isinstance(node, list | tuple):
        return [_frame(item, live) for item in node]
    if not (isinstance(node, dict) and "props" in node and "type" in node):
        return node
    props = dict(node["props"])
    names = _live_names(node["type"], props)
    if names:
        key = props["id"]
        if key in live:
            raise ValueError(f"two live parts are called {key!r}")
        live[key] = {name: props.pop(name) for name in names if name in props}
    return {"type": node["type"], "props": {name: _frame(value, live) for name, value in props.items()}}


def _live_names(kind: str, props: Mapping[str, Any]) -> tuple[str, ...]:
    key = props.get("id")
    if not isinstance(key, str):
        return ()
    if kind in LIVE_PROPERTIES:
        return LIVE_PROPERTIES[kind]
    return ("children",) if key.startswith(LIVE_PREFIX) else ()


def live_ids(tree: Component) -> Iterator[str]:
    """The ids of the tree's live parts."""
    yield from rendered(tree).live


def _plain(value: Any) -> Any:
    if hasattr(value, "to_plotly_json"):
        return value.to_plotly_json()
    raise TypeError(f"{type(value).__name__} cannot be sent to a browser")


def _digest(content: bytes) -> str:
    return hashlib.blake2b(content, digest_size=9).hexdigest()
