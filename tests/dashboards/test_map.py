"""Rules of the map: what is drawn, what is left out, and that what needs attention never is."""

from __future__ import annotations

import re

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from causeway.messages import LANGUAGES
from causeway.window import MINUTE_NS, Window
from dashboards.address import Address
from dashboards.judged import judged
from dashboards.show import show
from dashboards.topology.asked import Asked, asked_of
from dashboards.topology.collapse import BOXES_MAX, GROUP_PREFIX, collapsed, plan_of
from dashboards.topology.compared import compared
from dashboards.topology.drawing import OFF, Drawing, drawing_of
from dashboards.topology.filters import filtered, named_like
from dashboards.topology.moments import MOMENTS_MAX, at_moment, moments_of
from tests.dashboards.fakes import ShopServices
from tests.dashboards.large import LargeServices
from tests.dashboards.test_pages import page_text


@pytest.fixture(scope="module")
def large() -> LargeServices:
    """A system too large to be drawn box by box, with a failing and a slow service."""
    return LargeServices(services=160, edges=500)


def _window(services: ShopServices) -> Window:
    return Address.of("/map", "?range=15m").window(services.now_ns(), slot_ns=services.slot_ns(0))


def _drawing(services: ShopServices) -> Drawing:
    window = _window(services)
    return drawing_of(services.graph(window), judged(services.patrol(window)), {})


@pytest.fixture(scope="module")
def drawing(large: LargeServices) -> Drawing:
    """All of it."""
    return _drawing(large)


FILTERS = st.builds(
    Asked,
    type=st.sampled_from(["", "service", "database", "queue", "external"]),
    verdict=st.sampled_from(["", "off", "unknown", "ok"]),
    kind=st.sampled_from(["", "sync", "async", "link"]),
    calls_min=st.sampled_from([0.0, 10.0, 1000.0]),
    namespace=st.sampled_from(["", "pay", "nowhere"]),
    quiet=st.booleans(),
    group=st.sampled_from(["", "namespace", "tier", "none"]),
)


@given(FILTERS)
@settings(max_examples=60, deadline=None)
def test_filters_only_take_away(drawing: Drawing, asked: Asked) -> None:
    """Whatever is asked for, boxes and arrows are some of all, and every arrow has both its ends."""
    kept = filtered(drawing, asked)
    assert set(kept.boxes.name) <= set(drawing.boxes.name)
    assert len(kept.arrows) <= len(drawing.arrows)
    assert len(kept.arrows) == 0 or max(kept.arrows.caller.max(), kept.arrows.callee.max()) < len(kept.boxes)


@given(FILTERS)
@settings(max_examples=60, deadline=None)
def test_groups_hold_every_box_once(drawing: Drawing, asked: Asked) -> None:
    """Groups and single boxes together stand for all boxes; their traffic adds up, but for calls inside a group."""
    kept = filtered(drawing, asked)
    small = collapsed(kept, plan_of(kept, asked), str)
    assert small.boxes.members.sum() == len(kept.boxes)
    assert len(set(small.boxes.name)) == len(small.boxes)
    assert small.arrows.calls_per_s.sum() <= kept.arrows.calls_per_s.sum() * (1 + 1e-9)
    assert small.boxes.rank.max(initial=0) == kept.boxes.rank.max(initial=0)


def test_noise_is_never_what_needs_attention(drawing: Drawing) -> None:
    """Hiding noise takes arrows away, but none that is off and no box that is."""
    kept = filtered(drawing, Asked(quiet=True))
    off = set(drawing.boxes.name[drawing.boxes.rank >= OFF])
    assert len(kept.arrows) < len(drawing.arrows)
    assert off
    assert off <= set(kept.boxes.name)
    assert (kept.arrows.rank >= OFF).sum() == (drawing.arrows.rank >= OFF).sum()


def test_a_large_map_opens_collapsed_with_what_is_off(drawing: Drawing) -> None:
    """Above BOXES_MAX boxes there are few, and the failing service is one of them."""
    plan = plan_of(drawing, Asked())
    small = collapsed(drawing, plan, str)
    assert len(drawing.boxes) > BOXES_MAX >= len(small.boxes)
    assert set(drawing.boxes.name[drawing.boxes.rank >= OFF]) <= set(small.boxes.name)
    assert plan.grouping == "namespace"
    assert f"{GROUP_PREFIX}pay" in set(small.boxes.name)


def test_an_opened_group_stands_box_by_box(drawing: Drawing) -> None:
    """Opening a namespace draws its services."""
    small = collapsed(drawing, plan_of(drawing, Asked(opened=("pay",))), str)
    inside = {name for name in drawing.boxes.name if str(name).startswith("pay.") and ".db" not in name}
    assert inside <= set(small.boxes.name)
    assert f"{GROUP_PREFIX}pay" not in set(small.boxes.name)


def test_few_boxes_are_not_collapsed(shop: ShopServices) -> None:
    """A small system is drawn as it is."""
    drawn = _drawing(shop)
    assert collapsed(drawn, plan_of(drawn, Asked()), str) is drawn


def test_a_moment_moves_nothing(large: LargeServices, drawing: Drawing) -> None:
    """At any moment the same boxes and arrows stand there; before the fault nothing is off, in it the culprit is."""
    window = _window(large)
    early, late = (
        large.moment(window, Window(at, at + MINUTE_NS)) for at in (window.start_ns, window.end_ns - MINUTE_NS)
    )
    then, now = at_moment(drawing, early), at_moment(drawing, late)
    for one in (then, now):
        assert list(one.boxes.name) == list(drawing.boxes.name)
        assert np.array_equal(one.arrows.caller, drawing.arrows.caller)
    assert not (then.boxes.rank >= OFF).any()
    off = set(drawing.boxes.name[drawing.boxes.rank >= OFF])
    assert off & set(now.boxes.name[now.boxes.rank >= OFF])


def test_moments_add_up_to_the_window(large: LargeServices) -> None:
    """The calls of all moments together are those of the window."""
    window = _window(large)
    stops = moments_of(window)
    parts = [stops.part(stops.start_ns + k * stops.step_ns) for k in range(stops.count)]
    calls = sum(int(large.moment(window, part).edges["calls"].sum()) for part in parts if part is not None)
    assert calls == int(large.graph(window).edges["calls"].sum())


@given(st.integers(0, 10**18), st.integers(1, 10**6))
def test_moments_cover_the_window(start_s: int, seconds: int) -> None:
    """At most MOMENTS_MAX whole parts, none before the window, none overlapping; an instant outside has none."""
    window = Window(start_s, start_s + seconds * 10**9)
    stops = moments_of(window)
    assert 1 <= stops.count <= MOMENTS_MAX
    assert stops.start_ns >= window.start_ns
    assert stops.part(stops.start_ns - 1) is None
    assert stops.part(stops.start_ns + stops.count * stops.step_ns) is None


def test_compared_marks_what_came(large: LargeServices, drawing: Drawing) -> None:
    """Calls that began after the earlier window are marked new; the same window twice shows no change."""
    window = _window(large)
    earlier = window.before(window.duration_ns)
    marked = compared(drawing, large.graph_diff(earlier, window))
    assert (marked.arrows.change == "new").sum() > 0
    assert (compared(drawing, large.graph_diff(window, window)).arrows.change == "").all()


def test_compared_keeps_what_is_gone(large: LargeServices) -> None:
    """Calls of the earlier window only are drawn too, without traffic."""
    window = _window(large)
    earlier = window.before(window.duration_ns)
    before = drawing_of(large.graph(earlier), judged(large.patrol(earlier)), {})
    gone = compared(before, large.graph_diff(window, earlier)).arrows
    assert (gone.change == "removed").sum() > 0
    assert (gone.calls_per_s[gone.change == "removed"] == 0).all()


@pytest.mark.parametrize(
    ("words", "name"),
    [("PAYMENT", "payment"), ("paym", "payment"), ("gateway", "bank-gateway"), ("nothing like it", "")],
)
def test_search_takes_what_is_typed(shop: ShopServices, words: str, name: str) -> None:
    """A name is found whole, by its beginning, by a part, in any case; what is not there is not made up."""
    assert named_like(_drawing(shop), words) == name


@pytest.mark.parametrize(
    "search", ["", "&hops=99&focus=cart", "&at=abc", "&type=%00&verdict=x&calls=-1&group=1", "&open=,,"]
)
def test_any_address_is_read(search: str) -> None:
    """What cannot be read asks for nothing."""
    asked = asked_of(Address.of("/map", "?range=15m" + search))
    assert asked.at_ns is None
    assert not asked.filtered
    assert asked.hops == 1


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize(
    "search",
    [
        "compare=before", "compare=yesterday", "focus=payment&level=operation", "focus=payment&hops=2&level=version",
        "group=tier", "type=database&noise=hide", "verdict=critical&kind=link", "find=nobody", "all=1&calls=10",
    ],
)  # fmt: skip
def test_every_state_of_the_map_speaks_plainly(shop: ShopServices, search: str, language: str) -> None:
    """No state fails or shows a placeholder."""
    text = page_text(show(shop, path="/map", search=f"?range=15m&lang={language}&{search}"))
    assert "{" not in text
    assert "None" not in text.split()
    assert not re.search(r"\bmap\.[a-z]", text)


def test_scrubbing_sends_numbers_not_a_new_map(shop: ShopServices) -> None:
    """Another moment changes the elements of the map that stands, and no box moves."""
    window = _window(shop)
    first = show(shop, path="/map", search="?range=15m")
    second = show(shop, path="/map", search=f"?range=15m&at={window.start_ns + MINUTE_NS}", sent=first.sent)
    assert "page" not in second.updates
    before = show(shop, path="/map", search=f"?range=15m&at={window.end_ns - MINUTE_NS}").updates
    assert {one["data"]["id"]: one.get("position") for one in second.updates["map"]["elements"]} == {
        one["data"]["id"]: one.get("position") for one in _elements(before)
    }


def _elements(updates: object) -> list[dict[str, dict[str, object]]]:
    from dashboards.refresh import rendered

    assert isinstance(updates, dict)
    return list(rendered(updates["page"]["children"]).live["map"]["elements"])
