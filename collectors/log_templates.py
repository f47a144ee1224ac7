"""Every log line gets the id of its template where it comes in, and what is learned of templates is told to the store.

The miner is one for all threads of a collector: requests are decoded by the intake, and again by a drain that reads the
write-ahead log after a crash or because it fell behind. What it knows is kept in `templates.arrow` beside the log, so
that ids stay after a restart; without the file they are learned again, and are the same but for the order of lines.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import xxhash
from prometheus_client import CollectorRegistry, Counter, Gauge

from causeway import logs, records
from causeway.errors import StoreError
from causeway.logtemplates.miner import TemplateMiner
from causeway.logtemplates.mining import OTHER
from causeway.logtemplates.state import FILE_NAME, load, save

log = logs.get("templates")

SAVE_EVERY_S = 60.0
_Entry = tuple[int, int, str]  # now_id, version, template


class LogTemplates:
    """Gives ids to the lines of decoded requests. Safe from many threads, which take turns.

    What is new about templates goes into the same request's table `log_templates`, so that it is as durable as the
    lines that need it. At most `TEMPLATES_MAX` templates are known; lines beyond that get OTHER and are counted.
    """

    def __init__(self, folder: Path, *, registry: CollectorRegistry | None = None) -> None:
        """folder: where the miner's file is kept. A file that cannot be read is told and put aside, not fatal."""
        self._path = folder / FILE_NAME
        self._lock = threading.Lock()
        self._miner = _loaded(self._path)
        self._told: dict[int, _Entry] = {}
        self._changed = -1  # so that a start tells what is known once: the store may be a new one
        self._saved_at, self._saved = time.monotonic(), self._miner.learned
        registry = registry or CollectorRegistry()
        known = Gauge("causeway_log_templates", "Log templates known", registry=registry)
        known.set_function(lambda: len(self._miner.mine))
        self._lines = Counter("causeway_log_template_lines", "Log lines given a template", registry=registry)
        self._beyond = Counter(
            "causeway_log_template_overflow_lines", "Log lines whose template is beyond the cap", registry=registry
        )

    def fill(self, tables: Mapping[str, pa.Table], *, again: bool = False) -> dict[str, pa.Table]:
        """The tables with `template_id` in their logs, and with `log_templates` where there is something to tell.

        again: the requests come from the write-ahead log, and what was told with them may not have reached the store:
        all is told, and known there by its entry_id. Cost then: a row per template and alias, some 50 ms of the most.
        """
        found = dict(tables)
        lines = found.get("logs")
        if lines is None or not lines.num_rows:
            return found
        with self._lock:
            ids = self._miner.template_column(lines["body"])
            told = self._news(int(pc.min(lines["time_ns"]).as_py()), again=again)
            if told is not None:
                found["log_templates"] = told
            self._save_now_and_then()
        place = lines.schema.get_field_index("template_id")
        found["logs"] = lines.set_column(place, records.LOGS.field("template_id"), ids)
        self._lines.inc(lines.num_rows)
        beyond = int(np.count_nonzero(ids.to_numpy() == OTHER))
        if beyond:
            self._beyond.inc(beyond)
        return found

    def warm_up(self) -> None:
        """Compile, or load what was compiled: seconds on the first start of an installation."""
        TemplateMiner().template_column(pa.array(["one line"]))

    def close(self) -> None:
        """Write what was learned."""
        with self._lock:
            self._save()

    def _news(self, first_ns: int, *, again: bool) -> pa.Table | None:
        """What changed about templates since it was told last; all of it after a start, and again."""
        mine = self._miner.mine
        if mine.changed == self._changed and not again:
            return None
        self._changed = mine.changed
        now = {template.id: (template.id, template.version, template.text) for template in mine.templates()}
        for old in mine.aliases:
            now[old] = now[mine.resolve(old)]
        fresh = now if again else {key: entry for key, entry in now.items() if self._told.get(key) != entry}
        self._told.update(fresh)
        rows = [
            {
                "entry_id": _entry_id(key, entry),
                "template_id": key,
                "now_id": entry[0],
                "version": entry[1],
                "template": entry[2],
                "first_ns": first_ns,
            }
            for key, entry in fresh.items()
        ]
        return pa.Table.from_pylist(rows, schema=records.LOG_TEMPLATES) if rows else None

    def _save_now_and_then(self) -> None:
        if time.monotonic() - self._saved_at >= SAVE_EVERY_S:
            self._save()

    def _save(self) -> None:
        self._saved_at = time.monotonic()
        if self._miner.learned == self._saved:
            return
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            save(self._miner, self._path)
        except StoreError as error:
            log.warning("templates.not_saved", error=str(error))
        else:
            self._saved = self._miner.learned


def _loaded(path: Path) -> TemplateMiner:
    try:
        return load(path)
    except StoreError as error:
        aside = path.with_suffix(".damaged")
        log.warning("templates.unreadable", error=str(error), kept_as=str(aside))
        path.replace(aside)
        return TemplateMiner()


def _entry_id(template_id: int, entry: _Entry) -> int:
    """A hash of what the row says but its time: told twice, it is one row. Never 0."""
    said = "\x00".join(map(str, (template_id, *entry))).encode("utf-8", "replace")
    return xxhash.xxh3_64_intdigest(said) - 2**63 or 1
