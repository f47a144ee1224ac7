"""A miner's knowledge in one Arrow file, so that template ids survive restarts.

The file holds one row: `format`, `rules` (the version of the lexical rules), `templates` (id, columns, order,
version), `aliases` (id, now) and `shapes` (hash, id). Any Arrow reader opens it.
"""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pyarrow as pa

from causeway.errors import StoreError
from causeway.logtemplates.miner import TemplateMiner
from causeway.logtemplates.mining import Template

FILE_NAME = "templates.arrow"
FORMAT = 1
RULES = 1  # raise it when a shape or its words change: shapes are then learned again, templates stay

_TEMPLATE = pa.struct(
    [("id", pa.int64()), ("columns", pa.list_(pa.string())), ("order", pa.int64()), ("version", pa.int32())]
)
_ALIAS = pa.struct([("id", pa.int64()), ("now", pa.int64())])
_SHAPE = pa.struct([("hash", pa.int64()), ("id", pa.int64())])
_SCHEMA = pa.schema(
    [
        ("format", pa.int32()),
        ("rules", pa.int32()),
        ("templates", pa.list_(_TEMPLATE)),
        ("aliases", pa.list_(_ALIAS)),
        ("shapes", pa.list_(_SHAPE)),
    ]
)


def save(miner: TemplateMiner, path: Path) -> None:
    """Replace the file by what the miner knows, or leave it as it was. Raises StoreError."""
    beside = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        with pa.OSFile(str(beside), "wb") as sink, pa.ipc.new_file(sink, _SCHEMA) as writer:
            writer.write_table(_table(miner))
        with beside.open("rb") as written:
            os.fsync(written.fileno())
        beside.replace(path)
    except OSError as error:
        beside.unlink(missing_ok=True)
        raise StoreError(
            f"cannot write log templates to {path}: {error}; check the disk and its permissions"
        ) from error


def load(path: Path, miner: TemplateMiner | None = None) -> TemplateMiner:
    """A miner that knows what the file holds; one that knows nothing if there is no file.

    Raises StoreError for a file that is damaged or newer than this program.
    """
    miner = miner or TemplateMiner()
    if not path.exists():
        return miner
    try:
        with pa.memory_map(str(path)) as source:
            table = pa.ipc.open_file(source).read_all()
        if not table.schema.equals(_SCHEMA) or table.num_rows != 1 or table["format"][0].as_py() != FORMAT:
            raise StoreError(f"{path} has log templates of another program version; update, or move the file away")
        found = {name: table[name].combine_chunks().flatten() for name in ("templates", "aliases", "shapes")}
    except (pa.ArrowException, OSError) as error:
        raise StoreError(f"cannot read log templates from {path}: {error}; move the file away to start anew") from error
    aliases = {row["id"]: row["now"] for row in found["aliases"].to_pylist()}
    templates = (
        Template(row["id"], tuple(row["columns"]), row["order"], row["version"])
        for row in found["templates"].to_pylist()
    )
    miner.mine.restore(templates, aliases)
    if table["rules"][0].as_py() == RULES:
        hashes, ids = (found["shapes"].field(name).to_numpy(zero_copy_only=False) for name in ("hash", "id"))
        miner.restore_shapes(hashes.astype(np.int64), ids.astype(np.int64))
    return miner


def _table(miner: TemplateMiner) -> pa.Table:
    hashes, ids = miner.known_shapes()
    templates = [
        {"id": found.id, "columns": list(found.columns), "order": found.order, "version": found.version}
        for found in miner.mine.templates()
    ]
    aliases = [{"id": old, "now": miner.mine.resolve(old)} for old in miner.mine.aliases]
    shapes = pa.StructArray.from_arrays([pa.array(hashes), pa.array(ids)], fields=list(_SHAPE))
    return pa.table(
        [
            pa.array([FORMAT], pa.int32()),
            pa.array([RULES], pa.int32()),
            pa.array([templates], pa.list_(_TEMPLATE)),
            pa.array([aliases], pa.list_(_ALIAS)),
            pa.ListArray.from_arrays(pa.array([0, len(hashes)], pa.int32()), shapes),
        ],
        schema=_SCHEMA,
    )
