"""What the page of an incident shows of its diagnosis."""

from __future__ import annotations

import re
from dataclasses import replace
from urllib.parse import unquote
from xml.etree import ElementTree as ET

import pytest
from hypothesis import given
from hypothesis import strategies as st

from analytics.rootcause.diagnose import diagnose
from causeway.findings import (
    ChangeSuspect,
    Chart,
    Diagnosis,
    DiagnosisVerdict,
    Evidence,
    Hypothesis,
    Incident,
    Message,
    MessageValue,
    Verdict,
)
from causeway.messages import LANGUAGES
from causeway.window import MINUTE_NS
from dashboards.figures.spark import HEIGHT, POINTS_MAX, WIDTH, spark_address
from dashboards.show import show
from dashboards.theme import theme_called
from tests.dashboards.fakes import ShopServices
from tests.dashboards.test_pages import page_text
from tests.worlds import shop_world

PATH = "/incident/7"


class Told(ShopServices):
    """A shop with the one incident that a test wants."""

    told: Incident | None = None

    def incident(self, incident_id: int) -> Incident | None:  # noqa: ARG002
        return self.told


@pytest.fixture(scope="module")
def services() -> Told:
    """The shop with a bad release of payment."""
    return Told(faults=["release"])


def _page(services: Told, diagnosis: Diagnosis, *, language: str = "en", zone: str = "UTC") -> str:
    start_ns = diagnosis.onset_ns or diagnosis.window.start_ns
    services.told = Incident(
        7, "frontend", Verdict.CRITICAL, diagnosis.summary, start_ns, start_ns, None, 50.0, diagnosis
    )
    return page_text(show(services, path=PATH, search=f"?lang={language}", preferences={"zone": zone}))


def _many(diagnosis: Diagnosis, count: int) -> Diagnosis:
    first = diagnosis.hypotheses[0]
    found = tuple(
        replace(first, rank=i + 1, entity=f"service-{i}", score=9.0 * 0.8**i, confidence=0.4) for i in range(count)
    )
    return replace(diagnosis, hypotheses=found, verdict=DiagnosisVerdict.NO_CLEAR_CAUSE)


def test_the_release_is_told_as_the_believed_change(services: Told) -> None:
    """Candidates with their lead, the believed deploy with both versions, the one bad instance, the baseline."""
    text = _page(services, services.diagnosis(services.shop.window))
    for words in ("Candidates by evidence", "leads the second by", "believed", "1.0.0 → 1.1.0", "Only instance"):
        assert words in text
    assert "Compared with" in text


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("count", [1, 20])
def test_one_candidate_and_twenty(services: Told, count: int, language: str) -> None:
    """Every candidate has its bar; a lone one is said to be alone."""
    text = _page(services, _many(services.diagnosis(services.shop.window), count), language=language)
    assert all(f"service-{i}" in text for i in range(count))
    alone = {"en": "There is no other candidate.", "zh-CN": "没有其他候选。"}[language]
    assert (alone in text) == (count == 1)


def test_no_clear_cause_is_said_once(services: Told) -> None:
    """The sentence on top does not say twice that no cause stands out."""
    found = _many(services.diagnosis(services.shop.window), 3)
    unclear = replace(found, summary=Message("rootcause.unclear_error_ratio", found.summary.values))
    text = _page(services, unclear)
    assert text.index("No cause stands out.") == text.rindex("No cause stands out.")


def test_no_anomaly_shows_what_was_looked_at(services: Told) -> None:
    """A quiet diagnosis says so with what was looked at; what had nothing to judge is not told as zero."""
    quiet = diagnose(shop_world(minutes=(10, 5), seed=5000, rate=2.0))
    assert quiet.verdict is DiagnosisVerdict.NO_ANOMALY
    text = _page(services, quiet)
    assert "Nothing unusual in what could be looked at" in text and "nothing to judge" in text
    assert "Nothing examined explains it" not in text


def test_signs_from_outside_and_gaps_are_shown(services: Told) -> None:
    """An external cause is shown with its signs, and what could not be looked at with its reason."""
    found = services.diagnosis(services.shop.window)
    values: dict[str, MessageValue] = {"entity": "S3", "time": found.window.start_ns, "message": "elevated errors"}
    sign = Evidence("changes", "S3", Message("rootcause.outside_reported", values))
    gap = Message("rootcause.lacking_logs_none")
    text = _page(services, replace(found, outside=1.0, outside_signs=(sign,), coverage=(gap,)))
    assert "Signs of a cause outside" in text and "elevated errors" in text and "No logs at all." in text


def test_cleared_changes_alone_explain_nothing(services: Told) -> None:
    """Where every change is cleared the card says that none explains it."""
    found = services.diagnosis(services.shop.window)
    reason = Message("rootcause.commit_words", {"change": "tidy"})
    cleared = ChangeSuspect("abc", "commit", "cart", found.window.start_ns, 0.0, reason, "cleared")
    text = _page(services, replace(found, changes=(), considered=(cleared,)))
    assert "None of the recorded changes explains it." in text and "cleared" in text


def test_times_are_the_readers(services: Told) -> None:
    """Evidence gives its times in the reader's zone, as the rest of the page does."""
    found = services.diagnosis(services.shop.window)
    clock = re.compile(r"before the onset \(\d\d-\d\d (\d\d):\d\d:\d\d\)")
    hours = [int(clock.findall(_page(services, found, zone=zone))[0]) for zone in ("UTC", "Asia/Shanghai")]
    assert (hours[1] - hours[0]) % 24 == 8


@given(
    values=st.lists(st.none() | st.floats(-1e6, 1e6), min_size=0, max_size=400),
    band=st.none() | st.tuples(st.floats(0, 1e3), st.floats(0, 1e3)),
)
def test_a_small_picture_stays_in_its_frame(values: list[float | None], band: tuple[float, float] | None) -> None:
    """Whatever the series: a well-formed picture of bounded size whose line lies inside, or none without two values."""
    low, high = (None, None) if band is None else (min(band), max(band))
    times = tuple(i * MINUTE_NS for i in range(len(values)))
    chart = Chart(Message("rootcause.chart_errors", {"entity": "x"}), "", times, tuple(values), low, high)
    address = spark_address(chart, theme_called("dark"), onset_ns=MINUTE_NS)
    if sum(value is not None for value in values) < 2:
        assert address is None
        return
    assert address is not None
    drawing = ET.fromstring(unquote(address.removeprefix("data:image/svg+xml,")))
    path = next(one.attrib["d"] for one in drawing.iter() if one.tag.endswith("path"))
    points = [tuple(map(float, point)) for point in re.findall(r"[ML]([-\d.]+) ([-\d.]+)", path)]
    assert 1 <= len(points) <= POINTS_MAX
    assert all(0 <= x <= WIDTH and 0 <= y <= HEIGHT for x, y in points)


def test_a_hypothesis_without_a_score_still_has_a_bar(services: Told) -> None:
    """A diagnosis that an older version stored has confidences only; its page is drawn by them."""
    found = services.diagnosis(services.shop.window)
    old: tuple[Hypothesis, ...] = tuple(replace(one, score=0.0) for one in found.hypotheses)
    text = _page(services, replace(found, hypotheses=old, margin=None, considered=()))
    assert "Candidates by evidence" in text and "leads the second" not in text
