"""Which recorded change explains the diagnosis: what it can break, whether it got there, and whose words it speaks.

Three things must come together: the harm that the diff can do, its reach (deployed to a suspect before the onset), and
its affinity with the symptoms (words of new error lines and of metrics that moved, by TF-IDF over all changes). Signs
that the cause lies outside raise the bar. No change above the bar is an answer too: none of them explains it.
"""

from __future__ import annotations

import math
import re
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from analytics.metric_roles import words_of
from analytics.rootcause.changes.diffs import Harm, harm_of
from analytics.rootcause.changes.outside import SHARE_MIN, outside_share
from analytics.rootcause.split import Split
from analytics.world import World
from causeway.findings import ChangeSuspect, Message, MessageValue
from causeway.window import HOUR_NS, MINUTE_NS

SCORE_MIN = 0.12
SCORE_MIN_OUTSIDE = 0.6
SUSPECTS_MAX = 3
_REVISION = "vcs.ref.head.revision"
_LATE_NS = 2 * MINUTE_NS  # after the onset, within which a change may still have come first: clocks differ
_HALF_LIFE_NS = 3 * HOUR_NS
_AFFINITY_FLOOR = 0.3  # what counts of a change that shares no word with the symptoms
_ELSEWHERE, _SHARED, _OWN, _NOT_DEPLOYED = 0.1, 0.7, 0.85, 0.3
_SEVERITY_MIN = 13
_MEMORY = {"memory", "heap", "rss", "oom"}
_HARMLESS = ("quiet", "moved")
_LEAK = 0.9  # the harm of what grows without bound where memory is what moved
_COMMON = {"the", "a", "to", "of", "and", "in", "for", "is", "on", "err", "error", "return", "nil", "func", "service"}
_STEM = re.compile(r"[-_ ]?(service|svc|server|db|api)$")


@dataclass(frozen=True, slots=True)
class _Deploy:
    time_ns: int
    service: str
    revision: str


@dataclass(frozen=True, slots=True)
class Changes:
    """The best explanations, best first, how clearly everything points outside, in [0, 1], and what was cleared."""

    suspects: tuple[ChangeSuspect, ...]
    outside: float
    cleared: tuple[ChangeSuspect, ...] = ()


def judge_changes(world: World, split: Split, suspects: Sequence[str]) -> Changes:
    """Judge the recorded commits and flags. suspects: entities of the diagnosis, likeliest first."""
    outside = outside_share(world, split)
    events = world.events
    if not len(events) or not len(suspects):
        return Changes((), outside)
    onset_ns = int(world.timeline.times_ns[split.onset])
    deploys = _deploys(events)
    commits = events[(events["kind"] == "commit").to_numpy()]
    texts = [_text(event) for _, event in commits.iterrows()]
    symptom = _symptom_words(world, split)
    affinity = _affinities(texts, symptom)
    bar = SCORE_MIN_OUTSIDE if outside >= SHARE_MIN else SCORE_MIN
    found: list[ChangeSuspect] = []
    cleared: list[ChangeSuspect] = []
    for place, (_, event) in enumerate(commits.iterrows()):
        about: Mapping[str, str] = event["attributes"] or {}
        harm = harm_of(about.get("vcs.change.diff", ""), about.get("vcs.change.files", ""))
        reach, service = _reach(event, about, deploys, (world, onset_ns, suspects))
        size = max(harm.size, _LEAK) if harm.kind == "grows" and _MEMORY & set(symptom) else harm.size
        score = size * reach * (_AFFINITY_FLOOR + (1.0 - _AFFINITY_FLOOR) * affinity[place])
        one = _suspect(event, about, (harm, service, score))
        if score >= bar:
            found.append(one)
        else:
            why = _cleared_by(one, harm, (reach, affinity[place]), onset_ns, outside=bar > SCORE_MIN)
            cleared.append(replace(one, standing="cleared", reason=Message(f"rootcause.{why}", one.reason.values)))
    found.sort(key=lambda one: (-one.score, one.revision))
    return Changes(tuple(found[:SUSPECTS_MAX]), outside, tuple(cleared))


def _cleared_by(one: ChangeSuspect, harm: Harm, weighed: tuple[float, float], onset_ns: int, *, outside: bool) -> str:
    """The sentence that says what spoke most clearly against a change."""
    reach, affinity = weighed
    if one.time_ns > onset_ns + _LATE_NS or not reach:
        return "commit_late"
    if harm.kind in _HARMLESS:
        return f"change_{harm.kind}"
    if reach <= _NOT_DEPLOYED:
        return "commit_elsewhere"
    if outside:
        return "commit_outside"
    return "commit_words" if affinity < _AFFINITY_FLOOR else "commit_weak"


def _suspect(event: pd.Series, about: Mapping[str, str], judged: tuple[Harm, str, float]) -> ChangeSuspect:
    harm, service, score = judged
    revision = about.get(_REVISION, "") or str(event["entity"])
    values: dict[str, MessageValue] = {
        "change": str(event["message"]),
        "service": service,
        "time": int(event["time_ns"]),
    }
    return ChangeSuspect(
        revision=revision,
        kind=str(event["kind"]),
        service=service,
        time_ns=int(event["time_ns"]),
        score=float(score),
        reason=Message(f"rootcause.change_{harm.kind}", values),
    )


def _deploys(events: pd.DataFrame) -> list[_Deploy]:
    rows = events[(events["kind"] == "deploy").to_numpy()]
    return [
        _Deploy(int(time_ns), str(service or entity), (about or {}).get(_REVISION, ""))
        for time_ns, service, entity, about in zip(
            rows["time_ns"], rows["service"], rows["entity"], rows["attributes"], strict=True
        )
    ]


def _reach(
    event: pd.Series,
    about: Mapping[str, str],
    deploys: list[_Deploy],
    known: tuple[World, int, Sequence[str]],
) -> tuple[float, str]:
    """(how likely the change runs on a suspect at the onset, the suspect). 0 for changes made after the onset."""
    world, onset_ns, suspects = known
    latest_ns = onset_ns + _LATE_NS
    if event["time_ns"] > latest_ns:
        return 0.0, ""
    rank = {name: 1.0 if place == 0 else 0.8 for place, name in enumerate(suspects)}
    carried = [deploy for deploy in deploys if deploy.revision and deploy.revision == about.get(_REVISION)]
    if carried:
        return max((_at(deploy, rank, latest_ns), deploy.service) for deploy in carried)
    owner = _owner(about.get("vcs.change.files", ""), [str(name) for name in world.nodes.index], deploys)
    after = [d for d in deploys if event["time_ns"] <= d.time_ns <= latest_ns and d.service in rank]
    if owner:
        part = _OWN if any(deploy.service == owner for deploy in after) else _NOT_DEPLOYED
        return part * rank.get(owner, _ELSEWHERE), owner
    if after:
        return _SHARED * max(_at(deploy, rank, latest_ns) for deploy in after), after[0].service
    return _NOT_DEPLOYED, str(suspects[0])


def _at(deploy: _Deploy, rank: Mapping[str, float], latest_ns: int) -> float:
    if deploy.time_ns > latest_ns:
        return 0.0
    return rank.get(deploy.service, _ELSEWHERE * 3) * 0.5 ** ((latest_ns - deploy.time_ns) / _HALF_LIFE_NS)


def _owner(files: str, services: list[str], deploys: list[_Deploy]) -> str:
    """The service whose folder all files lie in, as far as a path says so; empty for shared ones."""
    names = dict.fromkeys([*services, *(deploy.service for deploy in deploys)])
    stems = {_STEM.sub("", name.lower()): name for name in names if name}
    paths = files.split()
    found = set()
    for path in paths:
        parts = path.lower().split("/")[:-1]
        exact = [stems.get(_STEM.sub("", part)) for part in parts if part not in ("pkg", "internal", "services")]
        found.add(next((name for name in exact if name), parts[1] if parts[:1] == ["services"] else ""))
    return found.pop() if len(found) == 1 else ""


def _symptom_words(world: World, split: Split) -> Mapping[str, float]:
    """Words of bad lines that came more often since the onset, and of the metrics that moved most."""
    words: dict[str, float] = defaultdict(float)
    logs = world.logs
    before = np.nansum(logs.counts[:, split.before], axis=1) / max(int(split.before.sum()), 1)
    after = np.nansum(logs.counts[:, split.after], axis=1) / max(int(split.after.sum()), 1)
    more = (after > 2.0 * before) & (logs.meta["severity_number"] >= _SEVERITY_MIN).to_numpy(dtype=bool)
    for text, rate in zip(logs.meta["template"][more], after[more] * split.after.sum(), strict=True):
        for word in set(_words(str(text))):
            words[word] += math.log1p(float(rate))
    values = world.metrics.values
    for row, name in enumerate(world.metrics.meta["name"]):
        usual, now = values[row][split.before], values[row][split.after]
        usual, now = usual[np.isfinite(usual)], now[np.isfinite(now)]
        if len(usual) and len(now) and abs(now.mean() - np.median(usual)) > 5.0 * (usual.std() + 1e-9):
            for word in set(_words(str(name))):
                words[word] += 1.0
    return words


def _text(event: pd.Series) -> str:
    about: Mapping[str, str] = event["attributes"] or {}
    changed = "\n".join(line for line in about.get("vcs.change.diff", "").splitlines() if line[:1] in "+-@")
    return " ".join([str(event["message"]), about.get("vcs.change.files", ""), changed])


def _words(text: str) -> list[str]:
    return [word for word in words_of(text).split() if len(word) > 2 and word not in _COMMON and not word.isdigit()]


def _affinities(texts: list[str], symptom: Mapping[str, float]) -> list[float]:
    """Cosine of TF-IDF vectors with the symptoms', by text, in parts of the largest one."""
    documents = [Counter(_words(text)) for text in texts]
    seen = Counter(word for document in documents for word in document)
    idf = {word: math.log(1.0 + len(documents) / count) for word, count in seen.items()}
    said = {word: weight * idf[word] for word, weight in symptom.items() if word in idf}
    found = []
    for document in documents:
        vector = {word: (1.0 + math.log(count)) * idf[word] for word, count in document.items()}
        norm = math.sqrt(sum(value * value for value in vector.values()))
        product = sum(value * vector[word] for word, value in said.items() if word in vector)
        found.append(product / norm if norm else 0.0)
    most = max(found, default=0.0)
    return [value / most if most else 0.0 for value in found]
