"""Logs: templates that are new, have vanished, or changed their share of the requests."""

from __future__ import annotations

import re

import numpy as np
import pandas as pd

from analytics.logtemplates.statements import by_statement
from analytics.rootcause.evidence.observations import Look, Observations, chart, no_look, nothing, number
from analytics.rootcause.evidence.per_request import follows_traffic, rate_changes, service_requests, tied_falls
from analytics.rootcause.mentions import names_another
from analytics.rootcause.split import Split
from analytics.world import World
from causeway.findings import Evidence, Message

FAMILY = "logs"
TEMPLATE_TEXT_MAX = 160
_LINES_MIN = 4  # fewer lines in all tell nothing
_ERROR_NUMBER, _WARN_NUMBER = 17, 13  # OTLP severity numbers
_WEIGHTS = {"error": 1.0, "warn": 0.85, "plain": 0.7}  # exponents of p by severity
_SERVICES_MIN = 3  # that many services do not begin to log in the same slot by themselves
_HEARSAY = 0.4  # exponent of p of a line that complains of somebody else
_VANISHED_WEIGHT = 0.8  # what is missing is more often a change of traffic than what is new
_ERROR_WORDS = re.compile(r"\b(?:ERROR|FATAL|CRITICAL|SEVERE|PANIC|panic|Traceback|\w*Exception)\b")
_WARN_WORDS = re.compile(r"\b(?:WARN|WARNING)\b")


def prepare(world: World, first: Split) -> Look:
    """One row per (service, statement): other values of the same line of code are no change."""
    del first
    logs = by_statement(world.logs)
    meta, counts = logs.meta, np.nan_to_num(logs.counts.astype(np.float64))
    if not len(meta):
        return no_look(FAMILY)
    services = meta["service"].to_numpy()
    lines = _lines(services, counts)
    heard = listening(counts, services, lines)
    requests = service_requests(world, services, lines) * heard[None, :]
    counts = counts * heard[None, :]
    codes, _ = pd.factorize(services)
    of_traffic = follows_traffic(world, services, counts)
    weight = severity_weights(meta)
    grave = weight > _WEIGHTS["plain"]
    about = names_another(services, meta["template"].astype(str).to_numpy(), list(map(str, world.nodes.index)))
    weight = weight * np.where(about, _HEARSAY, 1.0)
    none = np.full(len(meta), np.nan)

    def look(split: Split) -> Observations:
        before, after = counts[:, split.before].sum(axis=1), counts[:, split.after].sum(axis=1)
        if not before.any():
            return nothing(FAMILY)  # nobody's lines were kept back then: that one is new says nothing
        known = lines[:, split.before].any(axis=1) | grave  # some log only when they fail
        telling = (before + after >= _LINES_MIN) & ~of_traffic & known
        rise, fall = np.ones(len(meta)), np.ones(len(meta))
        rise[telling], fall[telling] = rate_changes(counts[telling], requests[telling], split)
        fall = np.where(telling, np.minimum(fall, tied_falls(counts, codes, split)), 1.0)
        falls = np.where(grave, 1.0, fall)  # fewer errors are no harm
        p = np.minimum(np.power(rise, weight), np.power(falls, weight * _VANISHED_WEIGHT))
        p = np.minimum(1.0, 2.0 * p)

        def tell(row: int) -> Evidence:
            rates = np.divide(counts[row], requests[row], out=np.full(counts.shape[1], np.nan), where=requests[row] > 0)
            sums = (before[row], after[row], requests[row][split.before].sum(), requests[row][split.after].sum())
            return _tell(world, split, meta.iloc[row], rates, sums, float(p[row]))

        return Observations(FAMILY, services, p, none, "", tell)

    return look


def listening(counts: np.ndarray, services: np.ndarray, lines: np.ndarray) -> np.ndarray:
    """(t,) bool: false up to the slot in which collection began: half of those who ever log are first heard together.

    counts: (n, t) of templates, lines: (n, t) all lines of the row's service.
    """
    slots = np.arange(counts.shape[1])
    if not counts.any():
        return np.ones(len(slots), dtype=bool)
    first = np.where(lines.any(axis=1), (lines > 0).argmax(axis=1), len(slots))
    by_service = pd.Series(first).groupby(services).first().to_numpy()
    start = int(by_service.min())
    together = (by_service <= start + 1).sum()
    began = start > 0 and together >= max(_SERVICES_MIN, len(by_service) / 2)
    return np.asarray(slots > start) if began else np.ones(len(slots), dtype=bool)


def _lines(services: np.ndarray, counts: np.ndarray) -> np.ndarray:
    """(n, t) all lines of the row's service."""
    codes, names = pd.factorize(services)
    total = np.zeros((len(names), counts.shape[1]))
    np.add.at(total, codes, counts)
    return total[codes]


def severity_weights(meta: pd.DataFrame) -> np.ndarray:
    """(n,) how much a rise of each template says: by its severity, or by the words in it."""
    number_of = meta["severity_number"].to_numpy()
    template = meta["template"].astype(str)
    error = (number_of >= _ERROR_NUMBER) | template.str.contains(_ERROR_WORDS).to_numpy()
    warn = (number_of >= _WARN_NUMBER) | template.str.contains(_WARN_WORDS).to_numpy()
    return np.where(error, _WEIGHTS["error"], np.where(warn, _WEIGHTS["warn"], _WEIGHTS["plain"]))


def _tell(
    world: World,
    split: Split,
    meta: pd.Series,
    rates: np.ndarray,
    sums: tuple[float, float, float, float],
    p: float,
) -> Evidence:
    before, after, requests_before, requests_after = sums
    now, usual = after / max(requests_after, 1.0), before / max(requests_before, 1.0)
    name = "log_new" if before == 0 else "log_gone" if after == 0 else "log_more" if now > usual else "log_less"
    often = max(now, usual) > 1.0 and name in ("log_more", "log_less", "log_gone")
    values = {
        "entity": meta["service"],
        "template": str(meta["template"])[:TEMPLATE_TEXT_MAX],
        "count": int(after),
        "now": number(now),
        "usual": number(usual),
    }
    title = Message("rootcause.chart_log", values)
    return Evidence(
        FAMILY,
        str(meta["service"]),
        Message(f"rootcause.{name}{'_often' if often else ''}", values),
        p=p,
        chart=chart(title, "", world.timeline, rates, split),
    )
