"""Rules of the pages of impact, blast radius, what-if and critical paths."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from analytics.impact.whatif import ChangeKind
from causeway.errors import ConfigError
from causeway.window import MINUTE_NS, Window
from dashboards.address import Address
from dashboards.pages.whatif import change_of
from dashboards.show import show
from dashboards.view import View, view_of
from tests.dashboards.fakes import ShopServices
from tests.dashboards.test_pages import page_text

NOW = 1_790_000_000_000_000_000


def _view(search: str) -> View:
    return view_of(Address.of("/whatif", search), now_ns=NOW)


@pytest.mark.parametrize(
    ("search", "kind", "delay_ms", "factor"),
    [
        ("?target=cart", ChangeKind.REMOVE, None, None),
        ("?do=remove&target=cart&by=200ms", ChangeKind.REMOVE, None, None),
        ("?do=slow&target=cart", ChangeKind.SLOW, 200.0, None),
        ("?do=slow&target=cart&by=1.5s", ChangeKind.SLOW, 1500.0, None),
        ("?do=slow&target=cart&by=x2.5", ChangeKind.SLOW, None, 2.5),
    ],
)
def test_the_address_is_the_question(
    search: str, kind: ChangeKind, delay_ms: float | None, factor: float | None
) -> None:
    """What is asked stands in the URL, and nowhere else."""
    change = change_of(_view(search))
    assert change is not None
    assert (change.kind, change.delay_ms, change.factor) == (kind, delay_ms, factor)


@pytest.mark.parametrize("by", ["soon", "x0.5", "x", "-3ms", "200"])
def test_a_slow_down_that_is_none_is_refused(by: str) -> None:
    """It is said, not guessed."""
    with pytest.raises(ConfigError):
        change_of(_view(f"?do=slow&target=cart&by={by}"))


def test_an_unknown_target_leaves_the_form(shop: ShopServices) -> None:
    """The error is the answer, and the question can be mended at once."""
    text = page_text(show(shop, path="/whatif", search="?range=15m&target=unheard-of"))
    assert "unheard-of" in text
    assert "Work it out" in text


def test_what_fails_with_a_service(shop: ShopServices) -> None:
    """Who depends on the payment is hit, who does not is not; the counts are named."""
    text = page_text(show(shop, path="/impact/payment", search="?range=15m"))
    assert "If payment fails" in text
    victims = text[text.index("Who is hit") : text.index("How failures travel")]
    assert "checkout" in victims
    assert "shipping" not in victims
    assert "12 of 12" in text[text.index("How failures travel") :]


def test_a_slower_service_makes_journeys_longer(shop: ShopServices) -> None:
    """The delay of a call that is waited for arrives at the users whole."""
    text = page_text(show(shop, path="/whatif", search="?range=15m&do=slow&target=payment&by=200ms"))
    assert "200 ms" in text[text.index("What happens to each journey") :]


def test_the_impact_page_names_the_first(shop: ShopServices) -> None:
    """The sentence is about the service with the highest factor, and each part of it has a word."""
    first = shop.measured_impact(shop.shop.window)
    assert first is not None
    text = page_text(show(shop, path="/impact", search="?range=15m"))
    assert f"{first[0].service} matters most" in text
    assert "entry requests that touch it" in text


def test_an_entry_that_is_not_there_is_said(shop: ShopServices) -> None:
    """The chooser and the table of entries stay."""
    text = page_text(show(shop, path="/paths", search="?range=15m&entry=nobody"))
    assert "nobody" in text
    assert "Where requests come in" in text


def test_what_users_wait_for_adds_up(shop: ShopServices) -> None:
    """The shares of all operations are the whole request; the slow ones' differences are the whole difference."""
    found = shop.journey(shop.shop.window)
    assert found is not None
    assert found.chosen is not None
    assert found.compared is not None
    assert sum(one.share for one in found.chosen.operations) == pytest.approx(1.0)
    more = found.compared.mean_ms[1] - found.compared.mean_ms[0]
    assert sum(one.more_ms for one in found.compared.differences) == pytest.approx(more)


def test_versions_are_offered_only_where_there_are_two(shop: ShopServices) -> None:
    """The made-up traces have one version of everything; asking for another comparison changes nothing."""
    found = shop.journey(shop.shop.window, "", "payment")
    assert found is not None
    assert found.versioned == ()
    assert found.compared is not None
    assert found.compared.usual == "fast"


@given(st.sampled_from(["15m", "1h", "6h", "24h"]), st.integers(0, 10**14))
def test_the_steady_window_moves_by_whole_minutes(preset: str, later_ns: int) -> None:
    """It is as long as the window, ends no later, and less than its step before it."""
    view = view_of(Address("/paths", {"range": preset}), now_ns=NOW + later_ns)
    window = view.steady_window
    step_ns = max(MINUTE_NS, window.duration_ns // 60)
    assert window.duration_ns == view.window.duration_ns
    assert 0 <= view.window.end_ns - window.end_ns < step_ns
    assert window.end_ns % step_ns == 0


def test_a_window_given_by_its_ends_is_kept() -> None:
    """A link to a past window means exactly that window."""
    view = view_of(Address("/paths", {"from": str(NOW // 10**9 - 100), "to": str(NOW // 10**9)}), now_ns=NOW)
    assert view.steady_window == view.window == Window(NOW // 10**9 * 10**9 - 100 * 10**9, NOW // 10**9 * 10**9)


def test_a_journey_of_no_traces_is_empty(empty: ShopServices) -> None:
    """Nothing to read is no error."""
    found = empty.journey(Window(NOW - MINUTE_NS, NOW))
    assert found is not None
    assert (found.entries.entries, found.chosen, found.patterns) == ((), None, ())
