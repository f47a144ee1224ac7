"""What a person does with the map, in a real browser."""

from __future__ import annotations

import re

from playwright.sync_api import expect

from tests.browser.conftest import Watched

CY = "document.querySelector('#map')._cyreg.cy"
READY = f"() => document.querySelector('#map')?._cyreg && {CY}.nodes().length > 10"
PLACES = f"() => {CY}.nodes().map(node => [node.id(), node.position('x'), node.position('y')]).sort()"


def test_search_goes_to_the_box(watched: Watched) -> None:
    """A few letters and Enter: the box is marked, in the middle, and in the address."""
    page = watched.open("/map?range=15m")
    page.wait_for_function(READY)
    page.locator("#map-find").fill("paym")
    page.keyboard.press("Enter")
    expect(page).to_have_url(re.compile("find=paym"))
    page.wait_for_function(f"() => {CY}.nodes('.found').length === 1")
    middle = (
        "() => { const at = %s.nodes('.found')[0].renderedPosition(); return Math.abs(at.x - %s.width() / 2) < 30; }"
    )
    page.wait_for_function(middle % (CY, CY))
    assert page.evaluate(f"{CY}.nodes('.found')[0].id()") == "payment"


def test_the_slider_changes_numbers_and_moves_nothing(watched: Watched) -> None:
    """By keyboard through the window: other numbers, the same places, the moment in the address, the view kept."""
    page = watched.open("/map?range=15m")
    page.wait_for_function(READY)
    page.evaluate(f"{CY}.pan({{x: 77, y: 55}})")
    before, labels = page.evaluate(PLACES), page.evaluate(f"{CY}.nodes().map(node => node.data('label')).join()")
    page.locator("#map-at").focus()
    page.keyboard.press("Home")
    expect(page).to_have_url(re.compile(r"at=\d{19}"))
    page.wait_for_function(f"(old) => {CY}.nodes().map(node => node.data('label')).join() !== old", arg=labels)
    assert page.evaluate(PLACES) == before
    assert page.evaluate(f"{CY}.pan().x") == 77


def test_filters_reach_map_table_and_address(watched: Watched) -> None:
    """One choice: fewer boxes, fewer rows, a link to send; clearing it brings all back."""
    page = watched.open("/map?range=15m")
    page.wait_for_function(READY)
    boxes = page.evaluate(f"{CY}.nodes().length")
    page.locator("#field-type").select_option("queue")
    expect(page).to_have_url(re.compile("type=queue"))
    page.wait_for_function(f"(all) => {CY}.nodes().length < all", arg=boxes)
    expect(page.locator("#map-edges .ag-row")).to_have_count(1)
    page.locator(".map-filters .pill").click()
    page.wait_for_function(f"(all) => {CY}.nodes().length === all", arg=boxes)


def test_no_field_is_seen_that_only_carries(watched: Watched) -> None:
    """Hidden fields stay hidden."""
    page = watched.open("/map?range=15m&compare=before&noise=hide&focus=payment")
    page.wait_for_selector("#map-find")
    visible = (
        "() => [...document.querySelectorAll('.map-controls .dash-input-container')].filter(e => e.offsetHeight).length"
    )
    assert page.evaluate(visible) == 1
