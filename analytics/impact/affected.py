"""Which sampled visits a target means, and whether there is such a target at all."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from analytics.impact.model import ImpactModel
from analytics.impact.placement import Placement
from analytics.impact.target import Target, TargetKind
from analytics.impact.visits import Visits
from causeway.errors import ConfigError

KNOWN_MAX = 12


def check_target(model: ImpactModel, target: Target) -> None:
    """Raises ConfigError, naming what there is, where the window shows no such target."""
    names = model.flow.names
    if target.kind is TargetKind.EDGE:
        pairs = [(names[i], names[j]) for i, j in zip(model.flow.caller, model.flow.callee, strict=True)]
        if (target.name, target.part) not in pairs:
            near = [f"{caller} -> {callee}" for caller, callee in pairs if target.name in {caller, callee}]
            raise _unknown(target, near or [f"{caller} -> {callee}" for caller, callee in pairs])
        return
    if target.kind in {TargetKind.HOST, TargetKind.ZONE}:
        places = sorted({place for one in model.placements if (place := _place(one, target.kind)) is not None})
        if target.name not in places:
            raise _unknown(target, places)
        return
    if target.name not in names:
        raise _unknown(target, names)
    if target.kind is not TargetKind.SERVICE:
        parts = parts_of(model, target)
        if target.part not in parts:
            raise _unknown(target, [f"{target.name} › {part}" for part in parts])


def parts_of(model: ImpactModel, target: Target) -> list[str]:
    """The sampled operations, or the instances, of the target's service, by name."""
    visits = model.visits
    if visits is None:
        return []
    rows = visits.row[(visits.node == model.flow.names.index(target.name)) & ~visits.virtual]
    codes = visits.forest.operation if target.kind is TargetKind.OPERATION else visits.forest.instance
    return [codes.values[code] for code in np.unique(codes.code[rows]).tolist() if codes.values[code]]


def affected(model: ImpactModel, visits: Visits, target: Target) -> np.ndarray:
    """(m,) bool, the visits that fail or slow down with the target; of an edge, those that come over it."""
    forest, names = visits.forest, model.flow.names
    if target.kind in {TargetKind.HOST, TargetKind.ZONE}:
        there = [(one.service, one.instance) for one in model.placements if _place(one, target.kind) == target.name]
        return _of_instances(visits, there)
    mine = visits.node == names.index(target.name)
    if target.kind is TargetKind.SERVICE:
        return mine
    if target.kind is TargetKind.INSTANCE:
        return _of_instances(visits, [(target.name, str(target.part))])
    if target.kind is TargetKind.OPERATION:
        return (
            mine & ~visits.virtual & (forest.operation.code[visits.row] == forest.operation.code_of(str(target.part)))
        )
    by_caller = (visits.parent >= 0) & mine[np.maximum(visits.parent, 0)]
    return by_caller & (visits.node == names.index(str(target.part)))


def lost_instances(model: ImpactModel, target: Target) -> dict[str, tuple[int, int]]:
    """service -> (instances in the sample, those that go with the target), for services that lose any."""
    there: dict[str, int] = {}
    for one in model.placements:
        gone = _place(one, target.kind) == target.name or (
            target.kind is TargetKind.INSTANCE and (one.service, one.instance) == (target.name, target.part)
        )
        if gone:
            there[one.service] = there.get(one.service, 0) + 1
    return {name: (sum(one.service == name for one in model.placements), gone) for name, gone in sorted(there.items())}


def _of_instances(visits: Visits, there: Sequence[tuple[str, str]]) -> np.ndarray:
    forest = visits.forest
    width = len(forest.instance.values)
    wanted = [
        forest.service.code_of(service) * width + forest.instance.code_of(instance) for service, instance in there
    ]
    key = forest.service.code[visits.row] * width + forest.instance.code[visits.row]
    return np.isin(key, wanted) & ~visits.virtual


def _place(placement: Placement, kind: TargetKind) -> str | None:
    if kind is TargetKind.HOST:
        return placement.host
    return placement.zone if kind is TargetKind.ZONE else None


def _unknown(target: Target, known: Sequence[str]) -> ConfigError:
    if not known:
        return ConfigError(
            f"no {target.kind.value} {target.text!r}: the window shows none at all; choose another with --from and --to"
        )
    shown = ", ".join(repr(name) for name in known[:KNOWN_MAX]) + (", ..." if len(known) > KNOWN_MAX else "")
    return ConfigError(f"no {target.kind.value} {target.text!r} in this window; known: {shown}")
