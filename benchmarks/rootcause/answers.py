"""One case answered: by the diagnosis and by the simple methods, with the time each part took."""

from __future__ import annotations

import time
import traceback
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from analytics.rootcause.diagnose import diagnose
from analytics.world import World
from analytics.world_build import build_world
from benchmarks.rootcause.baselines import BASELINES
from benchmarks.rootcause.cases import NO_COMMIT, Case
from benchmarks.rootcause.ranking import MISS, Places, places
from benchmarks.rootcause.stores import open_store
from causeway.findings import Diagnosis, DiagnosisVerdict
from collectors.replay.exports import service_of


@dataclass(frozen=True, slots=True)
class Answer:
    """What was said of a case. error: the last line of a crash, which counts as a miss.

    signals: the kinds of which the window, beyond its usual time, holds any record.
    """

    case: Case
    place: Places = MISS
    verdict: str = "crashed"
    top5: tuple[str, ...] = ()
    commit: str | None = None
    entities: int = 0
    signals: tuple[str, ...] = ()
    seconds: float = 0.0
    world_seconds: float = 0.0
    baselines: Mapping[str, Places] = field(default_factory=dict)
    error: str | None = None
    diagnosis: Diagnosis | None = None

    @property
    def quiet(self) -> bool:
        """No cause was claimed."""
        return self.verdict in (DiagnosisVerdict.NO_ANOMALY, DiagnosisVerdict.NO_CLEAR_CAUSE)


def answer(case: Case, cache: Path) -> Answer:
    """The answer to one case. A crash of the diagnosis is told, and is a miss."""
    store = open_store(case, cache)
    try:
        began = time.perf_counter()
        world = build_world(store, case.window, case.baseline)
        built = time.perf_counter()
        baselines = {name: places(method(world), case.truth) for name, method in BASELINES.items()}
        asked = time.perf_counter()
        try:
            found = diagnose(world)
        except Exception as error:  # noqa: BLE001 - whatever it raises is a miss, and told
            told = traceback.format_exception_only(error)[-1].strip()
            return Answer(case, entities=len(world.nodes), baselines=baselines, error=told)
        done = time.perf_counter()
    finally:
        store.close()
    scores = ranked(found, world)
    return Answer(
        case,
        place=places(scores, case.truth),
        verdict=found.verdict.value,
        top5=tuple(scores)[:5],
        commit=found.changes[0].revision if found.changes else NO_COMMIT,
        entities=len(world.nodes),
        signals=tuple(sorted(kind for kind, (_, during) in world.seen.items() if during)),
        seconds=done - asked,
        world_seconds=built - began,
        baselines=baselines,
        diagnosis=found,
    )


def ranked(found: Diagnosis, world: World) -> dict[str, float]:
    """Score by service, best first; an instance stands for its service. Hypotheses that are equally sure tie."""
    services = set(map(str, world.nodes.index))
    scores: dict[str, float] = {}
    for hypothesis in found.hypotheses:
        name = hypothesis.entity if hypothesis.entity in services else service_of(hypothesis.entity)
        scores.setdefault(name, hypothesis.confidence)
    return scores
