"""A search for a substring narrowed down by the terms of a text field; the found bodies are compared afterwards."""

from __future__ import annotations

import re

from causeway.stores.elasticsearch.layouts.layout import Clause

# Lucene's standard analyzer never parts neighbouring ASCII letters and digits, nor joins two ideographs. It makes
# letters small, and cuts tokens after 255 characters: a body with such a token is looked at whatever else it holds.
_RUN = re.compile(r"[A-Za-z0-9]+")
_IDEOGRAPH = re.compile("[\u4e00-\u9fff]")
TOKEN_CHARS_MAX = 255
PIECES_MAX = 16


def substring_clauses(field: str, text: str) -> list[Clause]:
    """What every body with that substring fulfils; empty where the terms cannot help.

    field: text, in the standard analyzer's terms. Cost: one pass over the terms of the field for each run of letters.
    """
    runs = sorted({run.lower() for run in _RUN.findall(text)}, key=lambda run: (-len(run), run))
    long = f".{{{TOKEN_CHARS_MAX}}}"
    clauses: list[Clause] = [
        {"regexp": {field: {"value": f".*{run}.*|{long}", "flags": "NONE"}}}
        for run in runs[:PIECES_MAX]
        if len(run) <= TOKEN_CHARS_MAX // 2
    ]
    ideographs = dict.fromkeys(_IDEOGRAPH.findall(text))
    clauses += [{"prefix": {field: {"value": char}}} for char in list(ideographs)[:PIECES_MAX]]
    return clauses
