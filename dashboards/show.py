"""From an address to what the browser must change: the one place where a page is rendered."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from dash.development.base_component import Component

from causeway import logs
from causeway.errors import CausewayError, ConfigError, StoreError
from dashboards import shell
from dashboards.address import RANGES, Address
from dashboards.components.states import broken, cannot, no_such_page
from dashboards.page import Page, page_at
from dashboards.refresh import rendered
from dashboards.services import Services
from dashboards.view import View, view_of

log = logs.get("dashboards")


@dataclass(frozen=True, slots=True)
class Shown:
    """Properties to set, by component id, and the marks of everything now on the screen."""

    updates: Mapping[str, Mapping[str, Any]]
    sent: Mapping[str, str]


def show(
    services: Services,
    *,
    path: str | None,
    search: str | None,
    preferences: Mapping[str, str] | None = None,
    sent: Mapping[str, str] | None = None,
) -> Shown:
    """What differs between the screen (`sent`: marks from last time) and the page at that address now."""
    address = Address.of(path, search)
    problem: ConfigError | None = None
    preferences = preferences or {}
    try:
        view = _view(address, services, preferences)
    except ConfigError as error:
        problem = error
        view = _view(Address(address.path, {"lang": address.language}), services, preferences)
    page, tree = _tree(view, services, problem)
    return _difference(view, page, tree, services, sent or {})


def _view(address: Address, services: Services, preferences: Mapping[str, str]) -> View:
    preset = address.preset
    return view_of(
        address,
        now_ns=services.now_ns(),
        slot_ns=services.slot_ns(RANGES[preset]) if preset else None,
        theme=preferences.get("theme"),
        zone=preferences.get("zone"),
    )


def _tree(view: View, services: Services, problem: ConfigError | None) -> tuple[Page | None, Component]:
    found = page_at(view.address.path)
    if found is None:
        return None, no_such_page(view)
    page, values = found
    if problem is not None:
        return page, cannot(view, str(problem))
    try:
        return page, page.render(view, services, values)
    except StoreError as error:
        log.warning("page.store_failed", page=page.name, error=str(error))
        return page, broken(view, str(error))
    except CausewayError as error:
        return page, cannot(view, str(error))


def _difference(view: View, page: Page | None, tree: Component, services: Services, sent: Mapping[str, str]) -> Shown:
    updates: dict[str, Mapping[str, Any]] = {}
    marks: dict[str, str] = {}
    for slot, content in shell.slots(view, page, services).items():
        mark = rendered(content).marks[""]
        marks[f"slot:{slot}"] = mark
        if sent.get(f"slot:{slot}") != mark:
            updates[slot] = {"children": content}
    body = rendered(tree)
    changes = body.changes({key.removeprefix("page:"): mark for key, mark in sent.items() if key.startswith("page:")})
    if changes is None:
        updates["page"] = {"children": tree}
    else:
        updates.update(changes)
    marks.update({f"page:{name}": mark for name, mark in body.marks.items()})
    title = view.say(page.title) if page else view.say("title_nowhere")
    heading = {"title": f"{title} · Causeway", "lang": view.language}
    marks["meta"] = str(heading)
    if sent.get("meta") != marks["meta"]:
        updates["meta"] = {"data": heading}
    return Shown(updates, marks)
