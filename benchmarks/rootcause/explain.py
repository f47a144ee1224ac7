"""Everything that was weighed for one case, as text: for whoever tunes the method."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from analytics.rootcause.diagnose import diagnose, judge
from analytics.rootcause.evidence.families import FAMILIES
from analytics.world_build import build_world
from benchmarks.rootcause.cases import Case
from benchmarks.rootcause.stores import open_store
from causeway.messages import text
from causeway.window import iso

ROWS_MAX = 12


def explain(case: Case, cache: Path) -> str:
    """Onset, symptoms, strength by entity and family, and the words of every hypothesis."""
    store = open_store(case, cache)
    world = build_world(store, case.window, case.baseline)
    store.close()
    judged, found = judge(world), diagnose(world)
    lines = [f"{case.name}: truth {', '.join(sorted(case.truth)) or 'nothing'}; {found.verdict}"]
    lines += [f"window {iso(case.window.start_ns)}, onset {iso(found.onset_ns or 0)}, seen {dict(world.seen)}"]
    lines += [f"  symptom {s.entity} {s.indicator} {s.usual:.4g} -> {s.value:.4g} p={s.p:.2g}" for s in found.symptoms]
    names = [registered.name for registered in FAMILIES]
    lines += [" " * 44 + " ".join(f"{name[:11]:>11}" for name in [*names, "score", "p"])]
    for node in np.argsort(-judged.scores, kind="stable")[:ROWS_MAX]:
        entity = str(judged.found.entities[node])
        cells = [f"{value:11.2f}" for value in judged.explained.strength[node]]
        mark = "*" if entity in case.truth else " "
        lines += [
            f"{mark} {entity[:42]:42}" + " ".join([*cells, f"{judged.scores[node]:11.2f}", f"{judged.p[node]:11.2g}"])
        ]
    for hypothesis in found.hypotheses:
        lines += [f"{hypothesis.rank}. {hypothesis.entity} [{hypothesis.family}] {hypothesis.confidence:.2f}"]
        lines += [f"   + {one.family}: {text(one.reason)} (p={one.p})" for one in hypothesis.evidence_for]
        lines += [f"   - {one.family}: {text(one.reason)} (p={one.p})" for one in hypothesis.evidence_against]
    return "\n".join(lines) + "\n"
