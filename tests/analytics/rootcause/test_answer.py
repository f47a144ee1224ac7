"""What an answer tells beside its ranking: sentences of every family, changes, signs from outside, gaps, instances."""

from __future__ import annotations

import io
from dataclasses import replace
from functools import cache
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analytics.output import Page
from analytics.rootcause.as_usual import parted
from analytics.rootcause.changes.considered import CHANGES_MAX, considered
from analytics.rootcause.changes.outside_signs import SIGNS_MAX, outside_signs
from analytics.rootcause.coverage import lacking, lacking_of
from analytics.rootcause.diagnose import diagnose
from analytics.rootcause.evidence.families import FAMILIES
from analytics.rootcause.split import split_at
from analytics.rootcause.where import placed
from analytics.show_diagnosis import show_diagnosis
from analytics.world import World
from causeway.findings import ChangeSuspect, Diagnosis, DiagnosisVerdict, Hypothesis, Message
from causeway.messages import LANGUAGES, catalogue, text
from causeway.window import MINUTE_NS, SECOND_NS
from causeway.wire import from_json, to_json
from tests.worlds import empty_world, shop_world

# What each family says when it speaks for a cause.
SPEAKS_FOR = {
    "self_time": ("own_time", "answers_later"),
    "network_gap": ("gap",),
    "errors": ("failing", "failing_calls"),
    "silence": ("silent", "reported"),
    "changes": ("version_worse", "changed_before_deploy", "changed_about_flag"),
    "metrics": ("metric_up", "metric_down", "metric_rises"),
    "logs": ("log_new", "log_gone", "log_gone_often", "log_more", "log_more_often", "log_less", "log_less_often"),
    "structure": ("step_more", "step_less", "call_more", "call_less"),
    "metric_latency": ("own_metric_latency",),
    "metric_failing": ("own_metric_failing",),
}
ZONE = ZoneInfo("Asia/Shanghai")


@cache
def _world(kind: str) -> World:
    return shop_world(faults=[kind], minutes=(12, 5))


@cache
def _answer(kind: str) -> Diagnosis:
    return diagnose(_world(kind))


def _onset(world: World) -> int:
    return int(np.argmax(world.timeline.in_window)) + 12


def _events(world: World, rows: list[dict[str, object]]) -> World:
    blank = {"entity": "", "instance": "", "reason": "", "message": "", "attributes": {}}
    frame = pd.DataFrame([{**blank, **row} for row in rows])
    return replace(world, events=frame)


def _suspects(*names: str) -> list[Hypothesis]:
    return [
        Hypothesis(rank, name, "service", "errors", 0.5, Message("rootcause.summary_errors", {"entity": name}))
        for rank, name in enumerate(names, start=1)
    ]


def _judge(rows: list[dict[str, object]], *names: str) -> tuple[ChangeSuspect, ...]:
    world = _events(_world("errors"), rows)
    return considered(world, split_at(world.timeline, _onset(world)), _suspects(*names), (), ())


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_family_speaks_for_and_against(language: str) -> None:
    """A registered family has a name, a summary, sentences for a cause and one against it, in every language."""
    assert set(SPEAKS_FOR) == {registered.name for registered in FAMILIES}
    known = catalogue(language)
    for family, names in SPEAKS_FOR.items():
        wanted = [*names, f"family_{family}", f"summary_{family}", f"usual_{family}"]
        assert [name for name in wanted if not known.get(f"rootcause.{name}")] == []


def test_a_worse_version_is_a_believed_change() -> None:
    """The deploy of a version that fails more is believed, with both versions and both numbers, and led by far."""
    answer = _answer("release")
    first = answer.considered[0]
    assert (first.standing, first.service, first.kind) == ("believed", "payment", "deploy")
    said = text(first.reason)
    assert "1.0.0 → 1.1.0" in said and "%" in said
    assert answer.margin is not None and answer.margin > 0.5
    assert answer.hypotheses[0].score > answer.hypotheses[-1].score >= 0.0 or len(answer.hypotheses) == 1


@pytest.mark.parametrize(
    ("service", "minutes", "standing", "name"),
    [
        ("orders", -5, "possible", "possible"),
        ("frontend", -5, "possible", "possible"),
        ("orders", 0.5, "possible", "possible"),
        ("orders", 2, "cleared", "cleared_late"),
        ("orders", -50, "cleared", "cleared_early"),
        ("mailer", -5, "cleared", "cleared_elsewhere"),
    ],
)
def test_a_change_is_cleared_by_time_or_place(service: str, minutes: float, standing: str, name: str) -> None:
    """Only what came to a candidate within half an hour before the onset, or a minute after, may have done it."""
    world = _world("errors")
    onset_ns = int(world.timeline.times_ns[_onset(world)])
    row = {"time_ns": onset_ns + int(minutes * MINUTE_NS), "kind": "flag", "service": service, "message": "x off→on"}
    (one,) = _judge([row], "orders", "frontend")
    assert (one.standing, one.reason.id) == (standing, f"rootcause.change_{name}")


def test_the_version_before_is_told() -> None:
    """A deploy that says its version is told with the one that ran before it."""
    world = _world("errors")
    onset_ns = int(world.timeline.times_ns[_onset(world)])
    rows = [
        {
            "time_ns": onset_ns - back * MINUTE_NS,
            "kind": "deploy",
            "service": "orders",
            "message": version,
            "attributes": {"service.version": version},
        }
        for back, version in ((9, "7.1"), (3, "7.2"))
    ]
    newest, older = _judge(rows, "orders")
    assert "7.1 → 7.2" in text(newest.reason) and "→" not in text(older.reason)


@settings(max_examples=40, deadline=None)
@given(
    rows=st.lists(
        st.tuples(
            st.integers(-7000, 170),
            st.sampled_from(["deploy", "config", "flag", "scale", "restart"]),
            st.sampled_from(["orders", "frontend", "mailer", ""]),
        ),
        max_size=20,
    )
)
def test_every_change_gets_a_standing_in_words(rows: list[tuple[int, str, str]]) -> None:
    """Whatever was changed when: one standing each, suspects before the cleared, capped, readable in both languages."""
    world = _world("errors")
    onset_ns = int(world.timeline.times_ns[_onset(world)])
    told = [
        {"time_ns": onset_ns + seconds * SECOND_NS, "kind": kind, "service": service, "entity": service}
        for seconds, kind, service in rows
    ]
    found = _judge(told, "orders", "frontend") if told else ()
    assert len(found) == min(sum(kind != "restart" for _, kind, _ in rows), CHANGES_MAX)
    assert [one.standing for one in found] == sorted((one.standing for one in found), reverse=True)
    assert all(0.0 <= one.score <= 1.0 and text(one.reason, language) for one in found for language in LANGUAGES)


def test_times_in_sentences_are_the_readers() -> None:
    """The same sentence gives its instant in UTC by default and in the reader's zone where one is given."""
    one = next(one for one in _answer("release").hypotheses[0].evidence_for if one.reason.id.startswith("rootcause.ch"))
    at_ns = one.reason.values["time"]
    assert isinstance(at_ns, int)
    stamp = pd.Timestamp(at_ns, tz="UTC")
    assert stamp.strftime("%Y-%m-%dT%H:%M:%SZ") in text(one.reason)
    assert stamp.tz_convert(ZONE).strftime("%m-%d %H:%M:%S") in text(one.reason, "zh-CN", ZONE)


def test_the_one_bad_instance_is_named_and_all_alike_said() -> None:
    """A new version on one instance of two is placed there; a slow service is slow on all of its instances."""
    release = _world("release")
    one = placed(release, split_at(release.timeline, _onset(release)), "payment")
    assert one is not None and one.reason.values["instance"] == "payment-new"
    slow = shop_world(faults=["latency"], minutes=(12, 5), rate=20.0)
    alike = placed(slow, split_at(slow.timeline, _onset(slow)), "payment")
    assert alike is not None and alike.reason.id == "rootcause.where_all"
    assert placed(slow, split_at(slow.timeline, _onset(slow)), "nobody") is None


def test_what_is_missing_is_said() -> None:
    """An empty store lacks everything, a full one nothing; a database sends nothing itself; no logs are no logs."""
    nothing = [message.id for message in lacking(empty_world())]
    assert {f"rootcause.lacking_{signal}_none" for signal in ("spans", "samples", "logs")} <= set(nothing)
    world = _world("errors")
    assert lacking(world) == () and lacking_of(world, "orders") == ()
    assert [one.id for one in lacking_of(world, "catalog-db")] == ["rootcause.unseen_itself"]
    kept = (world.logs.meta["service"] != "orders").to_numpy()
    mute = replace(world, logs=replace(world.logs, meta=world.logs.meta[kept], counts=world.logs.counts[kept]))
    assert [one.id for one in lacking_of(mute, "orders")] == ["rootcause.unseen_logs"]
    new = replace(world, seen={**world.seen, "logs": (0, 9)})
    assert [one.id for one in lacking(new)] == ["rootcause.lacking_logs_new"]


def test_signs_of_a_cause_outside_are_told_one_by_one() -> None:
    """A provider's own report and error lines that name a host are told; lines that name nobody are not."""
    world = _world("errors")
    split = split_at(world.timeline, _onset(world))
    assert outside_signs(world, split) == ()
    meta = world.logs.meta.copy()
    loudest = int(np.argmax(world.logs.counts[:, split.after].sum(axis=1)))
    meta.loc[meta.index[loudest], "template"] = "lookup pay.example.com: no such host"
    meta.loc[meta.index[loudest], "severity_number"] = 17
    onset_ns = int(world.timeline.times_ns[split.onset])
    status = {
        "time_ns": onset_ns,
        "kind": "other",
        "service": "",
        "entity": "S3",
        "reason": "status",
        "message": "down",
    }
    found = outside_signs(_events(replace(world, logs=replace(world.logs, meta=meta)), [status]), split)
    assert [one.reason.id for one in found] == ["rootcause.outside_reported", "rootcause.outside_line"]
    assert len(outside_signs(_events(world, [status] * 9), split)) == SIGNS_MAX


def test_what_is_as_usual_is_gathered() -> None:
    """No evidence is lost or counted twice by gathering what found nothing."""
    against = _answer("errors").hypotheses[0].evidence_against
    telling, usual = parted(against)
    assert usual and sorted(map(id, (*telling, *usual))) == sorted(map(id, against))


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("kind", ["release", "slow_db"])
def test_a_terminal_shows_the_whole_answer(kind: str, language: str) -> None:
    """Verdict, baseline, lead, every candidate with path, every change, operation and gap; no name shows through."""
    answer, stream = _answer(kind), io.StringIO()
    show_diagnosis(answer, Page(language=language, stream=stream))
    shown = stream.getvalue()
    assert text(Message("diagnosis.verdict_cause_found"), language) in shown
    for one in answer.hypotheses:
        assert " → ".join(one.path) in shown
        assert all(text(message, language) in shown for message in one.unseen)
    assert all(text(one.reason, language) in shown for one in answer.considered)
    assert "rootcause." not in shown and "diagnosis." not in shown and "None" not in shown


def test_a_quiet_answer_says_so_and_compared_with_what() -> None:
    """No anomaly names the time that it was compared with, and blames nobody."""
    answer, stream = diagnose(shop_world(minutes=(10, 5), seed=5000, rate=2.0)), io.StringIO()
    assert answer.verdict is DiagnosisVerdict.NO_ANOMALY and answer.margin is None and not answer.considered
    show_diagnosis(answer, Page(stream=stream))
    assert "No anomaly." in stream.getvalue() and "Compared with" in stream.getvalue()


def test_an_answer_survives_being_stored() -> None:
    """Everything an answer tells is the same after JSON, and an older one without the new keys can be read."""
    answer = _answer("release")
    document = to_json(answer)
    assert to_json(from_json(Diagnosis, document)) == document
    for name in ("considered", "outside_signs", "margin", "coverage"):
        del document[name]
    for one in document["hypotheses"]:
        del one["score"], one["unseen"]
    assert from_json(Diagnosis, document).hypotheses[0].entity == "payment"


@pytest.mark.parametrize("kind", ["latency", "errors", "crash", "release", "slow_db"])
def test_no_candidate_says_a_thing_twice(kind: str) -> None:
    """Each sentence for or against a candidate stands there once, and none speaks on both sides."""
    for one in _answer(kind).hypotheses:
        said = [text(evidence.reason) for evidence in (*one.evidence_for, *one.evidence_against)]
        assert len(said) == len(set(said))
