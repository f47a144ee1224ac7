"""How well log templates match published ground truth, and how fast they are found.

    python -m benchmarks.logtemplates --data DIR --json [--peers]
    python -m benchmarks.logtemplates --stream FILE --json [--peers]

DIR holds NAME/NAME_2k.log and NAME/NAME_2k.log_structured_corrected.csv (Loghub, Zhu et al., ISSRE 2023; columns
Content, EventTemplate). Every system is mined alone, by a miner that knows nothing, in the order of its lines and with
the one configuration there is. GA: share of lines whose whole group is right; FGA: F1 over groups; PA: share of lines
whose template has the right text, character by character; FTA: F1 over groups that are right in both (Jiang et al.,
ISSTA 2024). Scored on Content; `raw` has GA and FGA of the whole lines, headers and all, with no rule about headers.

--stream reads FILE as a whole, stack traces joined; `lines_per_s_from_arrow` mines an Arrow column of its first lines.
Rates are lines a second of CPU time on one core. --peers runs drain3 in its default configuration beside it.
"""

from __future__ import annotations

import argparse
import csv
import os
import time
from collections import defaultdict
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from analytics.logtemplates.joining import records
from benchmarks import machine
from causeway.logtemplates.miner import TemplateMiner

ARROW_LINES = 2_000_000
PEER_LINES = 100_000  # of a stream
_CSV = "_structured_corrected.csv"

Parsed = tuple[Sequence[object], Sequence[str]]  # the group and the template text of each line


def scores(groups: Sequence[object], texts: Sequence[str], truth: Sequence[str]) -> dict[str, float]:
    """GA, FGA, PA and FTA of n lines, and the number of groups."""
    ours, theirs = _members(groups), _members(truth)
    right = set(ours.values()) & set(theirs.values())
    told = [members for members in right if texts[members[0]] == truth[members[0]]]
    return {
        "ga": sum(map(len, right)) / len(truth),
        "fga": _f1(len(right), len(ours), len(theirs)),
        "pa": sum(a == b for a, b in zip(texts, truth, strict=True)) / len(truth),
        "fta": _f1(len(told), len(ours), len(theirs)),
        "templates": len(ours),
        "templates_true": len(theirs),
    }


def mined(lines: Sequence[str]) -> Parsed:
    """Our groups and texts."""
    miner = TemplateMiner()
    ids = miner.template_column(pa.array(lines, pa.string())).to_pylist()
    texts = {template.id: template.text for template in miner.mine.templates()}
    return ids, [texts.get(one, "") for one in ids]


def drain3(lines: Sequence[str]) -> Parsed:
    """What drain3 gives as it comes; its masks read `<*>` in its own templates."""
    from drain3 import TemplateMiner as Drain  # pyright: ignore[reportMissingImports]  # a development dependency

    drain = Drain()
    ids = [drain.add_log_message(line)["cluster_id"] for line in lines]
    texts = {cluster.cluster_id: cluster.get_template() for cluster in drain.drain.clusters}
    return ids, [texts[one] for one in ids]


def accuracy(folder: Path, parse: Callable[[Sequence[str]], Parsed], *, raw: bool) -> dict[str, Any]:
    """Scores by system, and their mean; `raw` adds those of the unparsed lines."""
    systems: dict[str, Any] = {}
    for file in sorted(folder.glob(f"*/*_2k.log{_CSV}")):
        name = file.parent.name
        contents, truth = _read(file)
        systems[name] = scores(*parse(contents), truth)
        if raw:
            lines = (file.parent / f"{name}_2k.log").read_text(encoding="utf-8", errors="replace").splitlines()
            if len(lines) == len(truth):
                whole = scores(*parse(lines), truth)
                systems[name]["raw"] = {key: whole[key] for key in ("ga", "fga", "templates")}
    keys = ("ga", "fga", "pa", "fta")
    mean = {key: float(np.mean([one[key] for one in systems.values()])) for key in keys} if systems else {}
    if raw and systems:
        found = [one["raw"] for one in systems.values() if "raw" in one]
        mean |= {f"raw_{key}": float(np.mean([one[key] for one in found])) for key in ("ga", "fga") if found}
    return {"systems": systems, "mean": mean}


def stream(file: Path) -> dict[str, Any]:
    """Speed and memory over a whole file."""
    with file.open("rb", buffering=0) as source:  # compiles what is not in numba's cache
        first = next(records(source, piece_bytes=1 << 12))
        TemplateMiner().lines(first.starts, first.first_ends, first.text)
    miner, lines = TemplateMiner(), 0
    started, cpu = time.perf_counter(), time.process_time()
    counts: dict[int, int] = defaultdict(int)
    with file.open("rb", buffering=0) as source:
        for piece in records(source):
            ids, times = np.unique(miner.lines(piece.starts, piece.first_ends, piece.text), return_counts=True)
            for one, number in zip(ids.tolist(), times.tolist(), strict=True):
                counts[one] += number
            lines += len(piece.starts)
    cpu, wall = time.process_time() - cpu, time.perf_counter() - started
    rss = machine.peak_rss_mb(os.getpid())
    column = _column(file)
    learned = TemplateMiner()
    again = time.process_time()
    learned.template_column(column)
    arrow = time.process_time() - again
    return {
        "lines": lines,
        "lines_per_s": round(lines / cpu),
        "lines_per_s_wall": round(lines / wall),
        "lines_per_s_from_arrow": round(len(column) / arrow),
        "bytes_per_line": round(file.stat().st_size / max(lines, 1), 1),
        "templates": len({miner.mine.resolve(one) for one in counts}),
        "shapes": miner.learned,
        "peak_rss_mb": rss,
    }


def peer_stream(file: Path) -> dict[str, Any]:
    """drain3 over the first lines of the file."""
    lines = _column(file, lines_max=PEER_LINES).to_pylist()
    cpu = time.process_time()
    ids, _ = drain3(lines)
    return {
        "lines": len(lines),
        "lines_per_s": round(len(lines) / (time.process_time() - cpu)),
        "templates": len(set(ids)),
    }


def _column(file: Path, *, lines_max: int = ARROW_LINES) -> pa.ChunkedArray:
    chunks: list[pa.Array] = []
    left = lines_max
    with file.open("rb", buffering=0) as source:
        for piece in records(source):
            wanted = slice(0, left)
            text = piece.text.tobytes()
            chunks.append(
                pa.array(
                    [
                        text[start:end].decode("utf-8", errors="replace")
                        for start, end in zip(
                            piece.starts[wanted].tolist(), piece.first_ends[wanted].tolist(), strict=True
                        )
                    ],
                    pa.string(),
                )
            )
            left -= len(chunks[-1])
            if left <= 0:
                break
    return pa.chunked_array(chunks, pa.string())


def _read(file: Path) -> tuple[list[str], list[str]]:
    with file.open(newline="", encoding="utf-8") as source:
        rows = list(csv.DictReader(source))
    return [row["Content"] for row in rows], [row["EventTemplate"] for row in rows]


def _members(groups: Sequence[object]) -> dict[object, tuple[int, ...]]:
    found: dict[object, list[int]] = defaultdict(list)
    for line, group in enumerate(groups):
        found[group].append(line)
    return {group: tuple(members) for group, members in found.items()}


def _f1(right: int, ours: int, theirs: int) -> float:
    return 2 * right / (ours + theirs) if ours + theirs else 0.0


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--data", type=Path, help="folder of systems with ground truth")
    parser.add_argument("--stream", type=Path, help="a large raw log file")
    parser.add_argument("--peers", action="store_true", help="run drain3 too")
    parser.add_argument("--json", action="store_true", help="the answer is JSON in any case")
    asked = parser.parse_args()
    if not asked.data and not asked.stream:
        parser.error("give --data DIR or --stream FILE")
    answer: dict[str, Any] = {}
    if asked.data:
        answer |= accuracy(asked.data, mined, raw=True)
    if asked.stream:
        answer |= stream(asked.stream)
    if asked.peers:
        answer["peers"] = {"drain3": {}}
        if asked.data:
            answer["peers"]["drain3"] |= accuracy(asked.data, drain3, raw=False)
        if asked.stream:
            answer["peers"]["drain3"] |= peer_stream(asked.stream)
    machine.report(answer)


if __name__ == "__main__":
    main()
