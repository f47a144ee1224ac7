"""Rules of addresses: the URL is the state."""

from __future__ import annotations

import pytest

from causeway.errors import ConfigError
from causeway.window import HOUR_NS, MINUTE_NS, SECOND_NS, Window
from dashboards.address import SLOTS_NS, Address, slot_of

NOW = 1_790_000_000 * SECOND_NS + 7 * SECOND_NS


@pytest.mark.parametrize(
    ("search", "length"), [("", HOUR_NS), ("?range=15m", 15 * MINUTE_NS), ("?range=nonsense", HOUR_NS)]
)
def test_relative_ranges_end_at_a_whole_slot(search: str, length: int) -> None:
    """Two looks within one slot ask for the same window, so that answers can be kept."""
    window = Address.of("/", search).window(NOW)
    assert window.duration_ns == length
    assert window == Address.of("/", search).window(NOW + SECOND_NS)
    assert window.end_ns <= NOW


def test_given_ends_are_kept_exactly() -> None:
    """A link to a past moment shows that moment."""
    window = Window(NOW - HOUR_NS, NOW - MINUTE_NS)
    address = Address.of("/map", "?lang=zh-CN&range=6h")
    there = address.to_window(window)
    assert Address.of(*there.split("?")).window(NOW) == window
    assert "range=" not in there
    assert "lang=zh-CN" in there


@pytest.mark.parametrize("search", ["?from=yesterday", "?from=-40d", "?from=-5m&to=-10m"])
def test_what_cannot_be_read_is_said(search: str) -> None:
    """A range that cannot be read, is too long or ends before it starts is an error in words."""
    with pytest.raises(ConfigError):
        Address.of("/", search).window(NOW)


def test_links_carry_range_and_language_but_not_filters() -> None:
    """A click to another page keeps when and in which language, not what the old page was filtered by."""
    address = Address.of("/traces", "?range=6h&lang=zh-CN&service=cart&status=ERROR")
    assert address.href("/map") == "/map?range=6h&lang=zh-CN"
    assert "service=cart" in address.href(status=None)
    assert "status" not in address.href(status=None)


@pytest.mark.parametrize("name", ["GET /a b", "支付", "a?b&c=d", "a%2Fb"])
def test_any_name_survives_the_address_bar(name: str) -> None:
    """Service names with blanks, slashes, Chinese or percent signs come back as they were."""
    path, _, search = Address.of("/", "").href(f"/service/{name}", q=name).partition("?")
    back = Address.of(path, search)
    assert back.path == f"/service/{name}"
    assert back.get("q") == name


@pytest.mark.parametrize("cost_s", [0.0, 0.5, 3.0, 100.0])
@pytest.mark.parametrize("duration_ns", [15 * MINUTE_NS, HOUR_NS, 24 * HOUR_NS])
def test_dear_looks_are_rarer_but_never_stale(cost_s: float, duration_ns: int) -> None:
    """A slot grows with cost, up to a 60th of the range or half a minute."""
    slot = slot_of(duration_ns, cost_s=cost_s)
    assert slot in SLOTS_NS
    assert slot >= slot_of(duration_ns)
    assert slot <= max(duration_ns / 30, 30 * SECOND_NS)
