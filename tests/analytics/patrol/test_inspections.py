"""Every inspection: it is where its name says, it is documented, and it judges what it is for."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from analytics.patrol.inspection import inspections
from causeway.errors import ConfigError
from causeway.findings import Verdict
from causeway.messages import catalogue
from causeway.window import SECOND_NS
from tests.analytics.patrol.patrols import finding_of, report_of, with_metrics, world_of
from tests.worlds import Fault, empty_world

HOME = Path(__file__).resolve().parents[3]
NAMES = [one.name for one in inspections()]
QUIET = {"availability": {"objective": 0.99}}


def test_there_are_at_least_ten():
    """The issue asks for ten inspections over services, containers and the telemetry itself."""
    assert len(NAMES) >= 10


@pytest.mark.parametrize("name", NAMES)
def test_inspection_is_in_the_file_of_its_name(name):
    """One file per inspection, named as it is."""
    assert (HOME / "analytics" / "patrol" / "inspections" / f"{name}.py").is_file()


@pytest.mark.parametrize("name", NAMES)
def test_inspection_has_its_page(name):
    """Every registered inspection has a docs page that names its table and every option."""
    page = (HOME / "docs" / "inspections" / f"{name}.md").read_text(encoding="utf-8")
    assert f"[patrol.{name}]" in page
    one = next(one for one in inspections() if one.name == name)
    for option in one.options_type.__dataclass_fields__:
        assert f"`{option}`" in page, option


def test_no_page_without_inspection():
    """A page of an inspection that is gone would mislead."""
    pages = {path.stem for path in (HOME / "docs" / "inspections").glob("*.md")}
    assert pages <= set(NAMES)


@pytest.mark.parametrize("name", NAMES)
def test_inspection_has_title_and_remedy(name):
    """Both languages know its title and what to do."""
    for language in ("en", "zh-CN"):
        known = catalogue(language)
        assert f"patrol.{name}_title" in known and f"patrol.{name}_remedy" in known


def test_catalogues_agree():
    """Both languages have the same sentences with the same placeholders."""
    english, chinese = (
        {key: said for key, said in catalogue(language).items() if key.startswith("patrol.")}
        for language in ("en", "zh-CN")
    )
    assert english.keys() == chinese.keys()
    for key, said in english.items():
        assert sorted(re.findall(r"\{[^}]*\}", said)) == sorted(re.findall(r"\{[^}]*\}", chinese[key])), key


def test_quiet_shop_is_fine_but_for_its_risks():
    """Nothing is wrong: no finding but the services that run only once."""
    report = report_of(world_of(), QUIET)
    assert {one.inspection for one in report.findings if one.verdict is not Verdict.OK} <= {"single_instance"}


@pytest.mark.parametrize(
    ("fault", "inspection", "entity", "verdict"),
    [
        ("latency", "latency", "payment", Verdict.CRITICAL),
        ("slow_db", "database_latency", "catalog-db", Verdict.CRITICAL),
        ("errors", "error_ratio", "orders", Verdict.CRITICAL),
        ("errors", "error_logs", "orders", Verdict.CRITICAL),
        ("errors", "availability", "frontend", Verdict.CRITICAL),
        ("cpu", "cpu_saturation", "recommendations", Verdict.CRITICAL),
        ("leak", "memory", "cart", Verdict.WARNING),
        ("crash", "restarts", "catalog", Verdict.WARNING),
        ("release", "error_ratio", "payment", Verdict.CRITICAL),
    ],
)
def test_fault_is_found_where_it_is(fault, inspection, entity, verdict):
    """What is broken is judged so, with number, threshold, remedy and chart."""
    finding = finding_of(report_of(world_of(fault)), inspection, entity)
    assert finding.verdict is verdict
    assert finding.value is not None and finding.threshold is not None and finding.remedy is not None
    assert finding.chart is not None or inspection == "restarts"


@pytest.mark.parametrize("seed", range(5))
def test_quiet_shop_raises_no_false_alarm(seed):
    """Noise alone never makes a service slow, failing, starved or leaking."""
    report = report_of(world_of(seed=seed), QUIET)
    wrong = [
        (one.inspection, one.entity) for one in report.findings if one.verdict in {Verdict.WARNING, Verdict.CRITICAL}
    ]
    assert {name for name, _ in wrong} <= {"single_instance"}, wrong


def test_world_without_anything_is_unknown():
    """No data at all is one UNKNOWN finding about everything, never a clean bill."""
    report = report_of(empty_world())
    assert [(one.entity, one.verdict) for one in report.findings] == [("*", Verdict.UNKNOWN)]
    assert report.score is None and report.verdict is Verdict.UNKNOWN


@pytest.mark.parametrize(
    ("inspection", "case"),
    [
        ("cpu_saturation", "no_metric"),
        ("memory", "no_metric"),
        ("error_logs", "no_logs"),
        ("restarts", "no_instances"),
    ],
)
def test_missing_signal_is_unknown_with_its_reason(inspection, case):
    """Without metrics, logs or instance names those inspections cannot tell, and say what is missing."""
    world = with_metrics(world_of(), [])
    nothing = np.zeros(len(world.logs.meta), dtype=bool)
    logs = replace(world.logs, meta=world.logs.meta[nothing], counts=world.logs.counts[nothing])
    keys = world.instances.keys
    nameless = keys.set_levels([""] * len(keys.levels[1]), level="instance", verify_integrity=False)
    world = replace(world, logs=logs, instances=replace(world.instances, keys=nameless))
    report = report_of(world)
    found = [one for one in report.findings if one.inspection == inspection]
    assert found and {one.verdict for one in found} == {Verdict.UNKNOWN}
    assert {one.reason.id for one in found} == {f"patrol.{inspection}_{case}"}


def test_few_requests_are_not_judged_unless_they_fail():
    """A handful of good requests proves nothing; a handful of failures does."""
    world = world_of()
    quiet = _calls(world, "payment", calls=1, errors=0, slots=5)
    assert finding_of(report_of(quiet), "error_ratio", "payment").verdict is Verdict.UNKNOWN
    assert finding_of(report_of(quiet), "latency", "payment").verdict is Verdict.UNKNOWN
    broken = _calls(world, "payment", calls=1, errors=1, slots=5)
    assert finding_of(report_of(broken), "error_ratio", "payment").verdict is Verdict.CRITICAL


def _calls(world, service, *, calls, errors, slots):
    """The World in which that service got so many calls and errors in each of the first slots of the window."""
    row = list(world.services.keys.get_level_values("service")).index(service)
    inside = np.flatnonzero(world.timeline.in_window)
    counted, failed = world.services.calls.copy(), world.services.errors.copy()
    counted[row, inside], failed[row, inside] = 0, 0
    counted[row, inside[:slots]], failed[row, inside[:slots]] = calls, errors
    return replace(world, services=replace(world.services, calls=counted, errors=failed))


@pytest.mark.parametrize(("share", "verdict"), [(1.0, Verdict.OK), (0.3, Verdict.WARNING), (0.02, Verdict.CRITICAL)])
def test_missing_traffic_is_judged_by_what_is_left(share, verdict):
    """Half of the usual requests gone warns, nine tenths is critical."""
    world = world_of()
    row = list(world.services.keys.get_level_values("service")).index("catalog")
    counted = world.services.calls.copy()
    late = np.flatnonzero(world.timeline.in_window)[20:]
    counted[row, late] = np.floor(counted[row, late] * share)
    changed = replace(world, services=replace(world.services, calls=counted))
    assert finding_of(report_of(changed), "traffic_drop", "catalog").verdict is verdict


@pytest.mark.parametrize(("silent_slots", "verdict"), [(0, Verdict.OK), (15, Verdict.WARNING), (40, Verdict.CRITICAL)])
def test_silence_is_measured_against_the_others(silent_slots, verdict):
    """A service that stops while others go on is found, the sooner the more it used to say."""
    world = world_of()
    mine = world.operations.keys.get_level_values("service").to_numpy() == "shipping"
    counted = world.operations.calls.copy()
    if silent_slots:
        counted[np.ix_(mine, np.arange(len(world.timeline))[-silent_slots:])] = 0
    changed = replace(world, operations=replace(world.operations, calls=counted))
    assert finding_of(report_of(changed), "silent_services", "shipping").verdict is verdict


def test_when_everybody_is_silent_nobody_is_blamed():
    """If all spans stop at once the telemetry stopped; that is UNKNOWN for each service."""
    world = world_of()
    counted = world.operations.calls.copy()
    counted[:, world.timeline.in_window] = 0
    report = report_of(replace(world, operations=replace(world.operations, calls=counted)))
    found = [one for one in report.findings if one.inspection == "silent_services"]
    assert {one.reason.id for one in found} == {"patrol.silent_services_nobody"}


@pytest.mark.parametrize(("column", "inspection"), [("orphans", "orphan_spans"), ("skewed", "clock_skew")])
@pytest.mark.parametrize(("share", "verdict"), [(0.0, Verdict.OK), (0.1, Verdict.WARNING), (0.6, Verdict.CRITICAL)])
def test_telemetry_itself_is_judged(column, inspection, share, verdict):
    """Missing parents and disagreeing clocks are found by their share of spans."""
    world = world_of()
    coverage = world.coverage.copy()
    of = coverage["spans"] if column == "orphans" else coverage["linked"]
    coverage[column] = np.where(coverage["service"] == "cart", of * share, 0).astype(np.int64)
    report = report_of(replace(world, coverage=coverage))
    assert finding_of(report, inspection, "cart").verdict is verdict
    assert finding_of(report, inspection, "orders").verdict is Verdict.OK


def test_killed_for_memory_is_critical():
    """An out-of-memory kill is worse than a restart."""
    world = world_of()
    event = {
        "time_ns": world.window.start_ns + 60 * SECOND_NS,
        "kind": "oom",
        "entity": "mailer-0",
        "service": "mailer",
        "instance": "mailer-0",
        "reason": "OOMKilled",
        "message": "",
        "attributes": {},
    }
    events = pd.DataFrame([event], columns=world.events.columns)
    finding = finding_of(report_of(replace(world, events=events)), "restarts", "mailer")
    assert finding.verdict is Verdict.CRITICAL and finding.reason.id == "patrol.restarts_oom"


def test_shop_in_which_nothing_runs_twice_says_so_once():
    """Redundancy that nobody practises is one finding, not one per service."""
    world = world_of()
    first = world.instances.keys.get_level_values("instance").str.endswith("-0")
    keys = world.instances.keys[first]
    instances = replace(
        world.instances,
        keys=keys,
        **{
            name: getattr(world.instances, name)[first]
            for name in ("calls", "errors", "latency_ms_mean", "latency_ms_p50", "latency_ms_p99")
        },
    )
    found = [
        one for one in report_of(replace(world, instances=instances)).findings if one.inspection == "single_instance"
    ]
    assert [(one.entity, one.reason.id) for one in found] == [("frontend", "patrol.single_instance_nowhere")]


@pytest.mark.parametrize(
    ("name", "unit", "level", "case"),
    [
        ("k8s.pod.cpu_limit_utilization", "1", 0.97, "off"),
        ("container.cpu.percent", "%", 97.0, "off"),
        ("k8s.pod.cpu_limit_utilization", "1", 0.5, "fine"),
        ("process.cpu.time", "s/s", 0.9, "rise"),
        ("k8s.pod.cpu.usage", "{cpu}", 0.1, "usual"),
        ("my.own.cpu.usage", "%", 97.0, "off"),
    ],
)
def test_processor_is_judged_under_any_name(name, unit, level, case):
    """Against the limit where it is known, else against its own history; percent and ratios alike."""
    world = world_of()
    values = np.where(world.timeline.in_window, level, 0.1 if unit != "%" else 10.0)
    report = report_of(with_metrics(world, [("cart", "cart-0", name, unit, values)]))
    assert finding_of(report, "cpu_saturation", "cart").reason.id == f"patrol.cpu_saturation_{case}"


def test_idle_processors_are_not_load():
    """Of per-state shares only the used ones count."""
    world = world_of()
    idle = with_metrics(
        world,
        [("cart", "cart-0", "system.cpu.utilization", "1", np.full(len(world.timeline), 0.99))],
        attributes="cpu=0, state=idle",
    )
    assert finding_of(report_of(idle), "cpu_saturation", "cart").verdict is Verdict.UNKNOWN


@pytest.mark.parametrize(
    ("shape", "verdict"),
    [("flat", Verdict.OK), ("saw", Verdict.OK), ("steady_rise", Verdict.WARNING), ("step", Verdict.OK)],
)
def test_memory_leak_is_a_rise_that_goes_on(shape, verdict):
    """Garbage collection and a one-off growth are no leak; a rise that never pauses is."""
    world = world_of()
    place = np.arange(len(world.timeline))
    values = {
        "flat": 100e6 + 1e6 * np.sin(place),
        "saw": 100e6 + 2e6 * (place % 20),
        "steady_rise": 100e6 + 0.5e6 * place,
        "step": np.where(place > 60, 160e6, 100e6),
    }[shape]
    rows = [("cart", "cart-0", "process.memory.usage", "By", values)]
    assert finding_of(report_of(with_metrics(world, rows)), "memory", "cart").verdict is verdict


def test_memory_at_its_limit_is_critical():
    """Near the limit comes before any trend."""
    world = world_of()
    rows = [
        ("cart", "cart-0", "k8s.pod.memory_limit_utilization", "1", np.full(len(world.timeline), 0.97)),
        ("cart", "cart-0", "k8s.pod.memory.usage", "By", np.full(len(world.timeline), 1e8)),
    ]
    finding = finding_of(report_of(with_metrics(world, rows)), "memory", "cart")
    assert finding.verdict is Verdict.CRITICAL and finding.unit == "ratio"


def test_new_error_message_is_told_apart_from_a_rising_one():
    """A template that never came before is new, whatever its number."""
    world = world_of()
    meta = pd.DataFrame(
        [("cart", 99, "cannot open vault <*>", "ERROR", 17)],
        columns=["service", "template_id", "template", "severity", "severity_number"],
    )
    counts = np.where(world.timeline.in_window, 1.0, 0.0)[None, :].astype(np.float32)
    logs = replace(
        world.logs,
        meta=pd.concat([world.logs.meta, meta], ignore_index=True),
        counts=np.vstack([world.logs.counts, counts]),
    )
    finding = finding_of(report_of(replace(world, logs=logs)), "error_logs", "cart")
    assert finding.reason.id == "patrol.error_logs_new" and finding.reason.values["template"] == "cannot open vault <*>"


@pytest.mark.parametrize(
    ("config", "said"),
    [
        ({"latncy": {}}, "latncy"),
        ({"latency": {"warn_abov": 1.0}}, "warn_abov"),
        ({"latency": {"warn_above": 9.0}}, "critical_above"),
        ({"availability": {"objective": 1.5}}, "objective"),
        ({"latency": 3}, "expected a table"),
    ],
)
def test_wrong_settings_are_named(config, said):
    """A typo in a threshold is an error, not a default."""
    with pytest.raises(ConfigError, match=said):
        report_of(world_of(), config)


def test_inspection_can_be_switched_off():
    """A disabled inspection leaves no finding, OK or otherwise."""
    report = report_of(world_of(), {"latency": {"enabled": False}})
    assert "latency" not in {one.inspection for one in report.findings}


def test_fault_of_another_size_moves_the_verdict():
    """The threshold decides: the same fault, milder, is a warning."""
    mild = world_of(Fault("latency", "payment", size=120.0))
    assert finding_of(report_of(mild), "latency", "payment").verdict is Verdict.WARNING
