"""The columns that rollups are made from, read file by file in the order of time, one read ahead of who uses them."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from causeway import records
from causeway.stores.embedded.delta import DataFile
from causeway.stores.embedded.parquet import LAYOUTS
from causeway.stores.linking.minutes import LINKED_COLUMNS
from causeway.window import Window

LOG_COLUMNS = ("time_ns", "service", "severity", "template_id")
COLUMNS = {"spans": LINKED_COLUMNS, "logs": LOG_COLUMNS}
# Small files are put together up to so many rows; a table costs about a millisecond beside what its rows cost.
ROWS_AT_ONCE = 131_072
_AHEAD = 2

Read = tuple[pa.Table, int]


def scan(name: str, files: Sequence[DataFile], window: Window) -> Iterator[Read]:
    """Tables with COLUMNS[name] of the rows in the window, repeated text dictionary-encoded, and the rows looked at.

    A column that a file does not have is null. The next tables are read meanwhile by another thread, so that about
    three of them are in memory. Raises OSError or pa.ArrowException for a file that cannot be read.
    """
    groups = _grouped(sorted(files, key=lambda file: (file.first_ns, file.path)))
    yield from _ahead(partial(_read, name, group, window) for group in groups)


def _ahead(reads: Iterable[Callable[[], Read]]) -> Iterator[Read]:
    """What the reads return, in their order, each made by another thread while earlier ones are used."""
    waiting: deque[Future[Read]] = deque()
    with ThreadPoolExecutor(1, thread_name_prefix="ahead") as pool:
        for read in reads:
            waiting.append(pool.submit(read))
            if len(waiting) > _AHEAD:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()


def _grouped(files: list[DataFile]) -> Iterator[list[DataFile]]:
    group: list[DataFile] = []
    for file in files:
        if group and sum(one.rows for one in group) + file.rows > ROWS_AT_ONCE:
            yield group
            group = []
        group.append(file)
    if group:
        yield group


def _read(name: str, files: list[DataFile], window: Window) -> Read:
    tables = [_read_file(name, file, window) for file in files]
    return pa.concat_tables(tables, promote_options="permissive"), sum(file.rows for file in files)


def _read_file(name: str, file: DataFile, window: Window) -> pa.Table:
    schema, time_column = records.TABLES[name]
    texts = [column for column in COLUMNS[name] if column in LAYOUTS[name].dictionary and _is_text(schema, column)]
    metadata = pq.read_metadata(file.path)
    known = set(metadata.schema.to_arrow_schema().names)
    opened = pq.ParquetFile(file.path, metadata=metadata, read_dictionary=[text for text in texts if text in known])
    table = opened.read([column for column in COLUMNS[name] if column in known])
    for column in COLUMNS[name]:
        if column not in known:
            table = table.append_column(column, pa.nulls(table.num_rows, schema.field(column).type))
    if file.first_ns < window.start_ns or file.last_ns >= window.end_ns:
        time = table[time_column]
        table = table.filter(pc.and_(pc.greater_equal(time, window.start_ns), pc.less(time, window.end_ns)))
    return table


def _is_text(schema: pa.Schema, column: str) -> bool:
    return bool(pa.types.is_string(schema.field(column).type))
