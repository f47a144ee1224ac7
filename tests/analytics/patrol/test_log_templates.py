"""The inspection of log templates: what it says, what it leaves to others, and what it does not know."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analytics.patrol.inspection import inspections
from analytics.patrol.run import report
from analytics.world import World
from causeway.findings import Finding, Verdict
from causeway.messages import text
from tests.analytics.patrol.patrols import world_of
from tests.worlds import empty_world

LOG_TEMPLATES = next(one for one in inspections() if one.name == "log_templates")
ERROR_LOGS = next(one for one in inspections() if one.name == "error_logs")


def _with(world: World, *rows: tuple[str, str, int, float, float]) -> World:
    """The World with more templates: service, text, severity number, lines a slot before and in the window."""
    inside = world.timeline.in_window
    meta = pd.DataFrame(
        [(service, 900 + i, words, "", number) for i, (service, words, number, _, _) in enumerate(rows)],
        columns=["service", "template_id", "template", "severity", "severity_number"],
    )
    counts = [np.where(inside, now, before) for _, _, _, before, now in rows]
    logs = replace(
        world.logs,
        meta=pd.concat([world.logs.meta, meta], ignore_index=True),
        counts=np.vstack([world.logs.counts, *counts]).astype(np.float32),
    )
    return replace(world, logs=logs)


def _found(world: World, which=LOG_TEMPLATES) -> dict[str, Finding]:
    return {one.entity: one for one in which(world, None, which.options({}))}


@pytest.mark.parametrize(
    ("number", "before", "now", "kind", "verdict"),
    [
        (9, 0.0, 1.0, "new", Verdict.OK),
        (13, 0.0, 1.0, "new", Verdict.WARNING),
        (13, 1.0, 9.0, "more", Verdict.WARNING),
        (13, 2.0, 0.0, "gone", Verdict.OK),
        (9, 9.0, 1.0, "less", Verdict.OK),
        (17, 9.0, 0.0, "gone", Verdict.OK),
    ],
)
def test_each_change_is_said_and_weighed(number, before, now, kind, verdict):
    """Notes and fewer lines are named and calm, more warnings warn; text, counts, time and place are given."""
    world = _with(world_of(), ("cart", "the {one} <*>", number, before, now))
    found = _found(world)["cart"]
    assert (found.reason.id, found.verdict) == (f"patrol.log_templates_{kind}", verdict)
    assert found.link == "/logs?service=cart&template=900" and found.value is not None
    first = found.evidence[0]
    slots = int(world.timeline.in_window.sum())
    assert first.reason.values["lines"] == int(now * slots)
    assert first.reason.values["usual"] == pytest.approx(before * slots, rel=0.05)
    assert first.reason.values["template_id"] == "900" and first.link == found.link
    for language in ("en", "zh-CN"):
        assert "the {one} <*>" in text(found.reason, language) and "the {one} <*>" in text(first.reason, language)
    assert (found.remedy is not None) == (verdict is not Verdict.OK)


def test_new_errors_are_said_once():
    """What error_logs says of an error, this inspection leaves out; error_logs shows the same evidence."""
    world = _with(world_of(), ("cart", "cannot open <*>", 17, 0.0, 1.0))
    assert _found(world)["cart"].reason.id == "patrol.log_templates_fine"
    told = _found(world, ERROR_LOGS)["cart"]
    assert told.verdict is not Verdict.OK and told.evidence[0].reason.values["template"] == "cannot open <*>"
    assert told.link == "/logs?service=cart&template=900"


@settings(deadline=None)  # the first call makes the world
@given(lines=st.integers(1, 30))
def test_no_error_is_said_twice_or_lost(lines):
    """However few lines of an error there are, at most one of the two names it; from four lines on, one does."""
    world = _with(world_of(), ("cart", "cannot open <*>", 17, 0.0, 0.0))
    world.logs.counts[-1, np.flatnonzero(world.timeline.in_window)[:lines]] = 1
    told = [
        which for which in (LOG_TEMPLATES, ERROR_LOGS) if "cannot open <*>" in text(_found(world, which)["cart"].reason)
    ]
    assert len(told) <= 1
    assert told or lines < 4


def test_a_rare_warning_is_named():
    """One warning in all is named, and alarms nobody."""
    world = _with(world_of(), ("cart", "odd", 13, 0.0, 0.0))
    world.logs.counts[-1, -3] = 1
    found = _found(world)["cart"]
    assert (found.reason.id, found.verdict) == ("patrol.log_templates_rare", Verdict.OK)
    assert found.evidence[0].p is None


def test_without_history_it_is_unknown_and_says_why():
    """A service that just began to log cannot be judged; nor one of whose history a cap left too little."""
    world = _with(world_of(), ("fresh", "anything", 21, 0.0, 5.0))
    found = _found(world)["fresh"]
    assert (found.verdict, found.reason.id) == (Verdict.UNKNOWN, "patrol.log_templates_no_history")
    capped = replace(world, seen={**world.seen, "logs_capped": (1, 1)})
    assert _found(capped)["fresh"].reason.id == "patrol.log_templates_cut"


def test_a_cap_is_said():
    """Where only the newest lines were counted, the evidence says so."""
    world = _with(world_of(), ("cart", "new one", 13, 0.0, 2.0))
    world.logs.counts[:, :10] = np.nan
    found = _found(replace(world, seen={**world.seen, "logs_capped": (1, 1)}))["cart"]
    assert [one.reason.id for one in found.evidence] == ["patrol.template_seen", "patrol.log_templates_capped"]


def test_a_service_without_lines_is_not_judged():
    """Neither an empty World nor a silent service fails or is named."""
    assert _found(empty_world()) == {}
    assert "silent" not in _found(_with(world_of(), ("silent", "nothing", 17, 0.0, 0.0)))


@settings(deadline=None)  # the first call makes the world
@given(
    st.lists(
        st.tuples(st.sampled_from(["cart", "orders"]), st.sampled_from([9, 13]), st.integers(0, 3), st.integers(0, 3)),
        max_size=5,
    ),
    st.integers(1, 5),
)
def test_an_injected_warning_is_the_worst(noise, rate):
    """No service has a worse finding than the one with a clearly new warning, whatever notes and warnings change."""
    rows = [(service, f"words {i}", number, before, now) for i, (service, number, before, now) in enumerate(noise)]
    world = _with(world_of(), *rows, ("payment", "retrying in <*>", 13, 0, rate))
    found = _found(world)
    assert max(found.values(), key=lambda one: one.value or 0.0).value == found["payment"].value
    assert found["payment"].verdict is Verdict.WARNING
    assert report(world, list(found.values())).verdict is Verdict.WARNING
