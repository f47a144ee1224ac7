"""What a person does, in a real browser."""

from __future__ import annotations

import re

from playwright.sync_api import Page, expect

from tests.browser.conftest import Watched

TRACE = "00000000000000000000000000000006"


def _path(page: Page) -> str:
    return page.evaluate("window.location.pathname")


def test_from_the_overview_to_a_trace_and_back(watched: Watched) -> None:
    """Overview, worst service, its failed trace, one span: each one click; Back retraces the steps."""
    page = watched.open("/?range=15m")
    page.locator("#services .ag-row a.row-link", has_text="payment").click()
    expect(page.locator("h1")).to_have_text("payment")
    page.locator("#traces-failed .ag-row").first.click()
    expect(page).to_have_url(re.compile(r"/trace/[0-9a-f]{32}"))
    expect(page.locator("#waterfall .span-bar").first).to_be_visible()
    page.locator("#waterfall a.row-link", has_text="payment").last.click()
    expect(page.locator("#live-span")).to_contain_text("customer.tier")
    page.go_back()
    page.go_back()
    expect(page.locator("h1")).to_have_text("payment")
    assert _path(page) == "/service/payment"
    page.go_back()
    expect(page.locator("h1")).to_have_text("Overview")


def test_a_click_on_the_map_opens_the_service(watched: Watched) -> None:
    """A box of the map is a link."""
    page = watched.open("/map?range=15m")
    page.wait_for_function("() => document.querySelector('#map')?._cyreg?.cy?.nodes().length > 10")
    spot = page.evaluate(PLACE_OF_CATALOG)
    page.mouse.click(spot["x"], spot["y"])
    expect(page.locator("h1")).to_have_text("catalog")


def test_the_table_twin_of_the_map_works_by_keyboard(watched: Watched) -> None:
    """Who cannot see the canvas reaches the same places by links."""
    page = watched.open("/map?range=15m")
    link = page.locator("#map-edges a.row-link", has_text="checkout").first
    link.focus()
    page.keyboard.press("Enter")
    expect(page.locator("h1")).to_have_text("checkout")


def test_the_incident_shows_its_cause(watched: Watched) -> None:
    """From the sentence on the overview to the possible causes, with charts behind the evidence."""
    page = watched.open("/?range=15m")
    page.locator(".answer-link").click()
    expect(page.locator("h1")).to_contain_text("INC-2")
    expect(page.locator(".hypothesis.first h2")).to_have_text("payment")
    expect(page.locator(".hypothesis.first .js-plotly-plot").first).to_be_visible()
    expect(page.locator(".evidence-list .for").first).to_be_visible()


def test_the_theme_toggle_is_kept(watched: Watched) -> None:
    """Dark is dark at once, in charts too, and after a reload."""
    page = watched.open("/service/payment?range=15m")
    page.wait_for_selector("#chart-errors .main-svg")
    page.locator("#theme-toggle").click()
    expect(page.locator("html")).to_have_attribute("data-mantine-color-scheme", "dark")
    expect(page.locator("#chart-errors .xtick text").first).to_have_css("fill", "rgb(152, 163, 179)")
    page.reload()
    watched.settled()
    expect(page.locator("html")).to_have_attribute("data-mantine-color-scheme", "dark")


def test_the_language_toggle_is_kept(watched: Watched) -> None:
    """Chinese everywhere, in the URL, in the lang attribute, and on the next page and visit."""
    page = watched.open("/?range=15m")
    page.locator("#language-toggle").click()
    expect(page.locator("h1")).to_have_text("总览")
    expect(page.locator("html")).to_have_attribute("lang", "zh-CN")
    page.locator(".nav-link", has_text="拓扑").click()
    expect(page.locator("h1")).to_have_text("拓扑")
    assert "lang=zh-CN" in page.url
    page.goto(watched.url + "/logs?range=15m")
    expect(page.locator("h1")).to_have_text("日志")


def test_the_range_is_in_the_address(watched: Watched) -> None:
    """Choosing a range changes the URL, not the page; Back undoes it."""
    page = watched.open("/service/payment?range=15m")
    page.wait_for_selector("#chart-rate .main-svg")
    page.evaluate("document.querySelector('#chart-rate .js-plotly-plot').dataset.mark = 'same'")
    page.locator(".segment", has_text="1 h").click()
    expect(page).to_have_url(re.compile("range=1h"))
    expect(page.locator(".segment.chosen")).to_have_text("1 h")
    assert page.evaluate("document.querySelector('#chart-rate .js-plotly-plot').dataset.mark") == "same"
    page.go_back()
    expect(page.locator(".segment.chosen")).to_have_text("15 min")


def test_dragging_over_a_chart_narrows_the_page(watched: Watched) -> None:
    """One zoom for all charts: it becomes the range of the page."""
    page = watched.open("/service/payment?range=15m")
    box = page.locator("#chart-rate .nsewdrag").first
    box.wait_for()
    page.wait_for_function("() => document.querySelector('#chart-rate .js-plotly-plot').causewayWatched")
    area = box.bounding_box()
    assert area
    page.mouse.move(area["x"] + area["width"] * 0.4, area["y"] + 40)
    page.mouse.down()
    page.mouse.move(area["x"] + area["width"] * 0.8, area["y"] + 40, steps=6)
    page.mouse.up()
    expect(page).to_have_url(re.compile("from="))
    expect(page.locator(".segment.chosen")).to_contain_text("–")


def test_filters_become_the_address(watched: Watched) -> None:
    """A search can be sent to a colleague."""
    page = watched.open("/traces?range=15m")
    page.locator("#field-status").select_option("ERROR")
    expect(page).to_have_url(re.compile("status=ERROR"))
    expect(page.locator("#live-answer")).to_contain_text("12 traces")
    page.locator("#field-min").fill("70ms")
    page.keyboard.press("Enter")
    expect(page).to_have_url(re.compile("min=70ms.*|status=ERROR.*"))
    expect(page.locator("#field-min")).to_have_value("70ms")


def test_the_search_box_finds_services(watched: Watched) -> None:
    """A slash, a few letters, Enter."""
    page = watched.open("/?range=15m")
    page.locator("h1").click()
    page.keyboard.press("/")
    page.keyboard.type("paym")
    page.keyboard.press("Enter")
    expect(page.locator("#page .pill")).to_have_text("payment")


def test_every_page_is_named_and_labelled(watched: Watched) -> None:
    """One h1, a language, a title of its own, landmarks, and a label for every input and button."""
    for path in (
        "/",
        "/map",
        "/services",
        "/service/payment",
        "/traces",
        f"/trace/{TRACE}",
        "/logs",
        "/incidents",
        "/incident/2",
        "/patrol",
    ):
        page = watched.open(f"{path}?range=15m")
        expect(page.locator("h1")).to_have_count(1)
        expect(page.locator("html")).to_have_attribute("lang", "en")
        expect(page).to_have_title(re.compile(r".+ · Causeway"))
        expect(page.locator("main, header, nav")).to_have_count(3)
        assert page.evaluate(UNLABELLED) == []


PLACE_OF_CATALOG = """() => {
  const cy = document.querySelector('#map')._cyreg.cy;
  const box = cy.container().getBoundingClientRect();
  const at = cy.getElementById('catalog').renderedPosition();
  return {x: box.left + at.x, y: box.top + at.y};
}"""

UNLABELLED = """() => [...document.querySelectorAll('input, select, button')]
  .filter(e => e.type !== 'hidden' && !e.closest('.ag-root-wrapper') && !e.closest('[hidden]'))
  .filter(e => !(e.labels && e.labels.length) && !e.getAttribute('aria-label') && !e.textContent.trim())
  .map(e => e.outerHTML.slice(0, 120))"""


def test_nothing_moves_while_nothing_changes(watched: Watched) -> None:
    """A refresh keeps scroll, sorting and charts: nothing is mounted again."""
    page = watched.open("/service/payment?range=15m")
    page.wait_for_selector("#chart-rate .main-svg")
    page.evaluate(
        "document.querySelector('#chart-rate .js-plotly-plot').dataset.mark = 'same'; window.scrollTo(0, 200)"
    )
    with page.expect_response(lambda answer: "_dash-update-component" in answer.url):
        page.evaluate("window.dash_clientside.set_props('tick', {n_intervals: 1000})")
    assert page.evaluate("document.querySelector('#chart-rate .js-plotly-plot').dataset.mark") == "same"
    assert page.evaluate("window.scrollY") == 200


def test_a_changed_message_leads_to_its_lines_and_back(watched: Watched) -> None:
    """From what changed in the messages to one of them, its lines, and back to all."""
    page = watched.open("/logs?range=15m&service=payment&lang=en")
    expect(page.locator(".answer").first).to_contain_text("changed for the worse")
    page.locator("#templates-changed .row-link", has_text="IllegalStateException in").click()
    expect(page.locator("h1")).to_have_text("Log message")
    expect(page.locator("#logs .ag-row").first).to_contain_text("IllegalStateException in Charge: cannot read record")
    assert "template=" in page.url
    page.get_by_role("link", name="All messages").click()
    expect(page.locator("#templates-all .ag-row").first).to_be_visible()
    assert "template=" not in page.url
