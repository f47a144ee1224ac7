"""Where attached spans go."""

from __future__ import annotations

import threading
import time
from pathlib import Path

import pytest

from causeway.errors import StoreError
from collectors.attach.pages import COLUMNS, tables_of
from collectors.attach.targets import EmbeddedTarget
from tests.collectors.attach.sources import spans_in
from tests.stores.elasticsearch.foreign.segments import ENTRY, document, span


def _page(mode: str) -> dict:
    from causeway.stores.elasticsearch.foreign.skywalking import SkywalkingDecoder

    segment = document("s1", "orders", [span(0, -1, "old", ENTRY, 1_600_000_000_000)])
    return tables_of(SkywalkingDecoder().decode([segment], COLUMNS[mode]))


@pytest.mark.parametrize("mode", COLUMNS)
def test_old_spans_are_kept(tmp_path: Path, mode: str) -> None:
    """Retention does not touch what attaching brings, however old: otherwise it would be counted twice."""
    target = EmbeddedTarget(tmp_path, threading.Event())
    try:
        target.add(_page(mode))
        target.reader()
        target._store.journal.maintenance.expire(time.time_ns())
    finally:
        target.close()
    assert spans_in(tmp_path) == 1


def test_a_folder_in_use_is_refused(tmp_path: Path) -> None:
    """The error names who writes it."""
    target = EmbeddedTarget(tmp_path, threading.Event())
    try:
        with pytest.raises(StoreError, match="is writing the store"):
            EmbeddedTarget(tmp_path, threading.Event())
    finally:
        target.close()
