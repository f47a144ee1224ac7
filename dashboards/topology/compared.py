"""The map against an earlier window: calls that came, went or changed, laid over the drawing."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd

from analytics.callgraph.diff import GraphDiff
from causeway.findings import Verdict
from dashboards.topology.drawing import Boxes, Drawing, joined_boxes


def compared(drawing: Drawing, diff: GraphDiff) -> Drawing:
    """The drawing with the change of every arrow; calls that are gone become arrows without traffic."""
    changes = diff.differs
    boxes = _with_gone(drawing, changes)
    place = pd.Index(boxes.name)
    status = changes.set_index(["caller", "callee", "kind"])["status"]
    status = status[~status.index.duplicated()]
    arrows = drawing.arrows
    ends = [boxes.name[arrows.caller], boxes.name[arrows.callee], arrows.kind]
    keys = pd.MultiIndex.from_arrays(ends, names=["caller", "callee", "kind"])
    marked = replace(arrows, change=status.reindex(keys).fillna("").to_numpy(dtype=object))
    gone = changes[changes["status"] == "removed"]
    gone = gone[~pd.MultiIndex.from_frame(gone[["caller", "callee", "kind"]]).isin(keys)]
    nothing = np.full(len(gone), np.nan)
    added = {
        "caller": place.get_indexer(gone["caller"].to_numpy(dtype=object)),
        "callee": place.get_indexer(gone["callee"].to_numpy(dtype=object)),
        "kind": gone["kind"].to_numpy(dtype=object),
        "protocol": np.full(len(gone), "", dtype=object),
        "calls_per_s": np.zeros(len(gone)),
        "error_ratio": nothing,
        "p50_ms": nothing,
        "p99_ms": nothing,
        "rank": np.zeros(len(gone), dtype=np.int8),
        "change": np.full(len(gone), "removed", dtype=object),
    }
    together = {name: np.concatenate([getattr(marked, name), values]) for name, values in added.items()}
    return Drawing(boxes, replace(marked, **together))


def _with_gone(drawing: Drawing, changes: pd.DataFrame) -> Boxes:
    """The boxes, and those of ends that only the earlier window knows."""
    ends = pd.unique(np.concatenate([changes[end].to_numpy(dtype=object) for end in ("caller", "callee")]))
    known = set(drawing.boxes.name.tolist())
    missing = np.array(sorted(name for name in ends if name not in known), dtype=object)
    return joined_boxes(drawing.boxes, missing, rank=Verdict.UNKNOWN.rank)
