"""What broke, since when, and why: from a World to a Diagnosis."""

from __future__ import annotations

import numpy as np

from analytics.rootcause import wording
from analytics.rootcause.calibration import corrected
from analytics.rootcause.changes.considered import considered
from analytics.rootcause.changes.judge import judge_changes
from analytics.rootcause.changes.outside import SHARE_MIN
from analytics.rootcause.changes.outside_signs import outside_signs
from analytics.rootcause.combine import p_of, scores
from analytics.rootcause.coverage import lacking, lacking_of
from analytics.rootcause.evidence.changes import alerted, recent_changes
from analytics.rootcause.evidence.families import FAMILIES
from analytics.rootcause.explain import Graph
from analytics.rootcause.judged import Judged
from analytics.rootcause.onset import Onset, change_likelihood, find_onset, independent_looks
from analytics.rootcause.scan import weigh_onsets
from analytics.rootcause.symptoms import indicators
from analytics.rootcause.where import placed
from analytics.world import World
from causeway.findings import Diagnosis, DiagnosisVerdict, Evidence, Hypothesis, Message, MessageValue

HYPOTHESES_MAX = 5
CHANGE_BONUS = 0.3  # a change shortly before the onset makes its service this much likelier
ALERT_BONUS = 0.5  # likewise an alert of its own monitor: it suffers, and often of its own doing
OUT_OF_REACH = 0.4  # a node that no affected entry depends on, as far as the traces know
P_CAUSE = 0.01  # of the best hypothesis, corrected for all that was looked at
P_CAUSE_UNSEEN = 1e-5  # where users notice nothing
SCORE_MIN = 1.5
SCORE_MIN_UNSEEN = 4.0
P_HINT, SCORE_HINT = 0.1, 1.2  # where users notice nothing, what is at least worth a ranking without a verdict
SCORE_HINT_ALONE = 1.8  # likewise, whatever its p: among a hundred services a lone fault seldom keeps a small one
GROWTH_MIN_UNSEEN = 0.25  # a resource that grew by less is no cause while nobody suffers
RANKED_MIN = 0.3  # a smaller score is no hypothesis


def diagnose(world: World) -> Diagnosis:
    """The diagnosis of the World's window. Deterministic; pure; never raises for missing signals."""
    judged = judge(world)
    order = _order(judged)
    verdict = _verdict(judged, order)
    shown = () if verdict is DiagnosisVerdict.NO_ANOMALY else _hypotheses(world, judged, order)
    onset_ns = None
    if verdict is not DiagnosisVerdict.NO_ANOMALY:
        onset_ns = int(world.timeline.times_ns[judged.onset.split.onset])
    split, names = judged.onset.split, [one.entity for one in shown]
    changed = judge_changes(world, split, names)
    return Diagnosis(
        window=world.window,
        baseline=world.baseline,
        verdict=verdict,
        onset_ns=onset_ns,
        hypotheses=shown,
        symptoms=judged.onset.symptoms,
        ruled_out=_ruled_out(judged, order) if shown else (),
        summary=_summary(world, judged, verdict, shown),
        examined=_examined(world, judged),
        changes=changed.suspects,
        outside=changed.outside,
        outside_signs=outside_signs(world, split) if shown and changed.outside >= SHARE_MIN else (),
        considered=considered(world, split, shown, changed.suspects, changed.cleared) if shown else (),
        margin=_margin(judged, order) if shown else None,
        coverage=lacking(world),
    )


def judge(world: World) -> Judged:
    """All evidence of all families, weighed; what `diagnose` puts into words."""
    noticed = find_onset(world)
    entities = np.array(sorted(map(str, world.nodes.index)), dtype=object)
    graph = Graph(world, entities)
    prior = _within_reach(world, graph, noticed)
    likelihood = change_likelihood(indicators(world)) if noticed.seen else None
    weighed, looks = weigh_onsets(world, graph, noticed, likelihood, prior)
    onset = Onset(weighed.split, noticed.seen, noticed.symptoms)
    changes = recent_changes(world, int(world.timeline.times_ns[weighed.split.onset]))
    bonus = np.array([1.0 + CHANGE_BONUS * (str(name) in changes) for name in entities])
    bonus += ALERT_BONUS * np.isin(entities, list(alerted(world)))
    return Judged(
        onset=onset,
        observed=weighed.observed,
        found=weighed.found,
        explained=weighed.explained,
        graph=graph,
        changes=changes,
        scores=scores(weighed.explained.strength) * bonus * prior,
        p=corrected(p_of(weighed.found), independent_looks(looks)),
    )


def _within_reach(world: World, graph: Graph, onset: Onset) -> np.ndarray:
    """(n,) prior of each node: less where no affected entry depends on it, or where nobody calls it at all."""
    entries = {graph.place[symptom.entity] for symptom in onset.symptoms if symptom.entity in graph.place}
    if entries:
        near = entries.union(*(graph.behind(entry, hops_max=len(graph.entities)) for entry in entries))
    else:
        busy = set(world.edge_series.keys.get_level_values(0)) | set(world.edge_series.keys.get_level_values(1))
        near = {place for name, place in graph.place.items() if name in busy}
    if not near:
        return np.ones(len(graph.entities))
    return np.array([1.0 if i in near else OUT_OF_REACH for i in range(len(graph.entities))])


def _order(judged: Judged) -> list[int]:
    """Candidates, best first; ties by name."""
    names = judged.found.entities
    return sorted(
        (int(i) for i in np.flatnonzero(judged.scores >= RANKED_MIN)),
        key=lambda i: (-judged.scores[i], str(names[i])),
    )


def _verdict(judged: Judged, order: list[int]) -> DiagnosisVerdict:
    if judged.onset.symptoms:
        clear = bool(order) and judged.p[order[0]] <= P_CAUSE and judged.scores[order[0]] >= SCORE_MIN
        return DiagnosisVerdict.CAUSE_FOUND if clear else DiagnosisVerdict.NO_CLEAR_CAUSE
    if order and _stands_alone(judged, order[0]):
        return DiagnosisVerdict.CAUSE_FOUND
    if order and judged.scores[order[0]] >= (SCORE_HINT if judged.p[order[0]] <= P_HINT else SCORE_HINT_ALONE):
        return DiagnosisVerdict.NO_CLEAR_CAUSE
    return DiagnosisVerdict.NO_ANOMALY


def _stands_alone(judged: Judged, node: int) -> bool:
    """Whether a node is worth a warning although users notice nothing yet."""
    if judged.p[node] > P_CAUSE_UNSEEN or judged.scores[node] < SCORE_MIN_UNSEEN:
        return False
    family = int(np.argmax(judged.explained.strength[node]))
    seen = judged.observed[family]
    if seen.currency != "log ratio":
        return True
    return bool(seen.excess[judged.found.best[node, family]] >= GROWTH_MIN_UNSEEN)


def _hypotheses(world: World, judged: Judged, order: list[int]) -> tuple[Hypothesis, ...]:
    worst = _affected(judged)
    best = judged.scores[order[0]] if order else 1.0
    runner_up = judged.scores[order[1]] if len(order) > 1 else 0.0
    trust = confidence(best, runner_up)
    onset_ns = int(world.timeline.times_ns[judged.onset.split.onset])
    shown = []
    for rank, node in enumerate(order[:HYPOTHESES_MAX], start=1):
        name = str(judged.found.entities[node])
        where = placed(world, judged.onset.split, name)
        family = wording.telling_family(judged, node)
        shown.append(
            Hypothesis(
                rank=rank,
                entity=name,
                entity_type=str(world.nodes["type"].get(name, "service")),
                family=family,
                confidence=trust if rank == 1 else trust * float(judged.scores[node] / best),
                summary=Message(f"rootcause.summary_{family}", {"entity": name}),
                evidence_for=(*wording.evidence_for(judged, node), *([where] if where else [])),
                evidence_against=wording.evidence_against(judged, node),
                path=judged.graph.path(node, worst),
                onset_ns=onset_ns,
                score=float(judged.scores[node]),
                unseen=lacking_of(world, name),
            )
        )
    return tuple(shown)


def confidence(best: float, runner_up: float) -> float:
    """How sure the first place is, in [0, 1]: by its own strength and by its margin over the second."""
    margin = max(best - runner_up, 0.0) / best if best > 0 else 0.0
    return float((1.0 - 10.0 ** (-best / 3.0)) * (0.35 + 0.65 * margin**0.5))


def _margin(judged: Judged, order: list[int]) -> float | None:
    """By how much of its score the first leads the second."""
    if not order:
        return None
    best = float(judged.scores[order[0]])
    return max(best - float(judged.scores[order[1]]), 0.0) / best if len(order) > 1 else 1.0


def _affected(judged: Judged) -> dict[int, float]:
    """Entry services by the p of their worst symptom; where nobody suffers, those that nobody calls."""
    place = judged.graph.place
    suffering: dict[int, float] = {}
    for symptom in judged.onset.symptoms:
        node = place.get(symptom.entity)
        if node is not None:
            suffering[node] = min(symptom.p, suffering.get(node, 1.0))
    if suffering:
        return suffering
    return {
        i: 1.0 for i in range(len(judged.found.entities)) if judged.graph.callees[i] and not judged.graph.callers[i]
    }


def _ruled_out(judged: Judged, order: list[int]) -> tuple[Evidence, ...]:
    """Suspicious nodes that a node behind them explains: symptoms, not causes."""
    best = order[0] if order else -1
    names = judged.found.entities
    raw = scores(judged.found.strength)
    return tuple(
        Evidence(
            family=FAMILIES[int(np.argmax(judged.found.strength[i]))].name,
            entity=str(names[i]),
            reason=Message(
                "rootcause.explained", {"entity": str(names[i]), "cause": str(names[judged.explained.root(int(i))])}
            ),
            p=float(judged.p[i]),
        )
        for i in np.argsort(-raw, kind="stable")
        if i != best and raw[i] >= RANKED_MIN and judged.explained.discount[i] > 0.4
    )


def _summary(world: World, judged: Judged, verdict: DiagnosisVerdict, shown: tuple[Hypothesis, ...]) -> Message:
    if verdict is DiagnosisVerdict.NO_ANOMALY:
        judgeable = sum(sum(rows) for rows in world.seen.values()) > 0
        return Message("rootcause.no_anomaly" if judgeable else "rootcause.no_records")
    first = judged.onset.symptoms[0] if judged.onset.symptoms else None
    if first is None:
        name = "warning" if verdict is DiagnosisVerdict.CAUSE_FOUND else "unclear"
        return Message(f"rootcause.{name}", {"cause": shown[0].entity})
    values: dict[str, MessageValue] = {"entity": first.entity, "now": first.value, "usual": first.usual}
    if verdict is DiagnosisVerdict.NO_CLEAR_CAUSE:
        return Message(f"rootcause.unclear_{first.indicator}", values)
    return Message(f"rootcause.found_{first.indicator}", {**values, "cause": shown[0].entity})


def _examined(world: World, judged: Judged) -> dict[str, int]:
    return {
        "entities": len(judged.found.entities),
        "slots": len(world.timeline),
        "observations": int(judged.found.rows.sum()),
        **{registered.name: int(judged.found.rows[:, i].sum()) for i, registered in enumerate(FAMILIES)},
    }
