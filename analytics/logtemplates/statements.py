"""Templates that differ only in the values of one statement, put together again.

The miner keeps words that may be states (`state=RUNNING`). Who asks what a program did, rather than what it said, wants
the statement: `stations=[suzhou, shanghai]` and `stations=[nanjing]` are the same line of code with other data.
"""

from __future__ import annotations

import re

import numpy as np
import pandas as pd

from analytics.world import LogSeries

_DEPTH = 6  # brackets within brackets that are followed
_LIST = re.compile(r"([=:]\s*)(?:\[[^\[\]{}]*\]|\{[^\[\]{}]*\})")
_OPEN_LIST = re.compile(r"([=:]\s*)[\[{][^\]}]*$")
_VALUE = re.compile(r"(\w=)(?!(?:null|none|nil|true|false)\b)[^\s,;()\[\]{}<>]+", re.IGNORECASE)
_MASKS = re.compile(r"<\*>(?:[\s,]*<\*>)+")


def statement(template: str) -> str:
    """The template with `<*>` for values of `key=value` and for lists in their place.

    Nothing, yes and no stay: they are themselves the message.
    """
    text = _VALUE.sub(r"\1<*>", template)
    for _ in range(_DEPTH):
        shorter = _LIST.sub(r"\1<*>", text)
        if shorter == text:
            break
        text = shorter
    return _MASKS.sub("<*>", _OPEN_LIST.sub(r"\1<*>", text))


def by_statement(logs: LogSeries) -> LogSeries:
    """Counts by (service, statement); `template_id` is that of its commonest template, severity the worst."""
    if not len(logs.meta):
        return logs
    meta = logs.meta.reset_index(drop=True)
    told = {text: statement(str(text)) for text in meta["template"].unique()}
    meta = meta.assign(template=meta["template"].map(told), lines=np.nansum(logs.counts, axis=1))
    group = meta.groupby(["service", "template"], sort=True).ngroup().to_numpy()
    counts = np.zeros((int(group.max()) + 1, logs.counts.shape[1]), dtype=np.float64)
    np.add.at(counts, group, np.nan_to_num(logs.counts.astype(np.float64)))
    unknown = np.isnan(logs.counts).all(axis=0)
    counts[:, unknown] = np.nan
    worst = meta.assign(group=group).sort_values(["group", "severity_number"], kind="stable").groupby("group").last()
    common = meta.assign(group=group).sort_values(["group", "lines"], kind="stable").groupby("group").last()
    found = worst.assign(template_id=common["template_id"])[list(logs.meta.columns)].reset_index(drop=True)
    return LogSeries(pd.DataFrame(found), counts.astype(np.float32))
