"""The records of a case as an embedded store, replayed through the decoders of the intake, kept between runs."""

from __future__ import annotations

import hashlib
import os
import shutil
from pathlib import Path

from benchmarks.rootcause.cases import Case
from causeway.stores.contract import Batch
from causeway.stores.embedded.reader import EmbeddedReader
from causeway.stores.embedded.store import EmbeddedStore
from collectors.log_templates import LogTemplates
from collectors.otlp.decode import decode

# Stores made by other code than this are made again.
_LAYOUT = 4
_SIGNALS = {"spans": "traces", "logs": "logs", "samples": "metrics"}
_DONE = "replayed"


def open_store(case: Case, cache: Path) -> EmbeddedReader:
    """The store of a case, replayed now unless the cache has it."""
    folder = cache / hashlib.sha256(f"{_LAYOUT}|{case.key}".encode()).hexdigest()[:24]
    if not (folder / _DONE).exists():
        _replay(case, folder)
    return EmbeddedReader(folder / "store")


def _replay(case: Case, folder: Path) -> None:
    shutil.rmtree(folder, ignore_errors=True)
    making = folder.with_name(f"{folder.name}.{os.getpid()}")
    shutil.rmtree(making, ignore_errors=True)
    store = EmbeddedStore(making / "store")
    templates = LogTemplates(making)
    for due in case.exports():
        decoded = decode(_SIGNALS[due.export.signal], [(due.export.body, "protobuf")])
        store.add(Batch(templates.fill(decoded.tables)))
    store.flush()
    store.close()
    (making / _DONE).write_text(case.name, encoding="utf-8")
    making.rename(folder)
