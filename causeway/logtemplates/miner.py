"""Template ids for log lines: a compiled look-up for shapes seen before, the mine for new ones."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from causeway.logtemplates.mining import Mine, Template
from causeway.logtemplates.shaping import NO_SHAPE, insert_all, look_up, shapes
from causeway.logtemplates.wording import words

NO_BODY = 0  # the id of a record without a body
SHAPES_MAX = 1 << 20  # shapes remembered; with more, all are forgotten and learned again: 16 MB

_SLOTS_MIN = 1 << 12
_NEW_ROWS_MAX = 1 << 14  # rows whose shapes are written out at a time: 16 MB


@dataclass(slots=True)
class TemplateMiner:
    """Gives each line the id of its template and learns on the way. One thread at a time.

    Ids are those of the moment; `resolve` gives what an older id means today.
    """

    mine: Mine = field(default_factory=Mine)
    shapes_max: int = SHAPES_MAX
    learned: int = 0  # shapes that took the slow path
    _keys: np.ndarray = field(default_factory=lambda: np.zeros(_SLOTS_MIN, np.int64))
    _values: np.ndarray = field(default_factory=lambda: np.zeros(_SLOTS_MIN, np.int64))
    _used: int = 0

    def template_column(self, bodies: pa.Array | pa.ChunkedArray) -> pa.Array:
        """(n,) int64 template ids of (n,) texts, NO_BODY where the text is null.

        Any Arrow text type, also dictionary encoded. Lines of one call agree with each other: an id that is
        widened away within the call does not appear.
        """
        chunks = bodies.chunks if isinstance(bodies, pa.ChunkedArray) else [bodies]
        before = len(self.mine.aliases)
        found = [self._ids(chunk) for chunk in chunks]
        ids = np.concatenate(found) if found else np.zeros(0, np.int64)
        return pa.array(self.resolve(ids) if len(self.mine.aliases) > before else ids)

    def lines(self, starts: np.ndarray, stops: np.ndarray, text: np.ndarray) -> np.ndarray:
        """(n,) int64 ids of the lines text[starts[i]:stops[i]]; starts and stops int64, text uint8.

        Lines far apart may have ids of before and after a widening; `resolve` makes them one.
        """
        starts, stops, text = (_read_only(one) for one in (starts, stops, text))
        ids = np.empty(len(starts), np.int64)
        missing = np.empty(len(ids), np.int64)
        missed = look_up(starts, stops, text, self._keys, self._values, ids, missing)
        for start in range(0, missed, _NEW_ROWS_MAX):
            rows = missing[start : min(start + _NEW_ROWS_MAX, missed)]
            hashes, found, lengths, places = shapes(starts, stops, text, rows)
            ids[rows] = self._learn(hashes, found, lengths)[places]
        return ids

    def resolve(self, ids: np.ndarray) -> np.ndarray:
        """(n,) ids as they are called today."""
        aliases = self.mine.aliases
        if not aliases or not len(ids):
            return ids
        old = np.array(sorted(aliases), np.int64)
        new = np.array([self.mine.resolve(one) for one in old.tolist()], np.int64)
        place = np.minimum(np.searchsorted(old, ids), len(old) - 1)
        return np.where(old[place] == ids, new[place], ids)

    def template(self, line: str) -> Template | None:
        """The template that a line has, without learning it; None if it has none yet."""
        return self.mine.match(words(shape_text(line)))

    def known_shapes(self) -> tuple[np.ndarray, np.ndarray]:
        """(k,) hashes of the shapes seen and (k,) ids of their templates, both int64."""
        used = self._keys != NO_SHAPE
        return self._keys[used], self.resolve(self._values[used])

    def restore_shapes(self, hashes: np.ndarray, ids: np.ndarray) -> None:
        """Take over what `known_shapes` of another gave."""
        self._grow(len(hashes))
        insert_all(self._keys, self._values, hashes, ids)
        self._used += len(hashes)

    def _ids(self, bodies: pa.Array) -> np.ndarray:
        if pa.types.is_dictionary(bodies.type):
            ids = np.append(self._ids(bodies.dictionary), NO_BODY)
            return ids[pc.fill_null(bodies.indices, len(bodies.dictionary)).to_numpy(zero_copy_only=False)]
        offsets, text = text_buffers(bodies)
        ids = self.lines(offsets[:-1], offsets[1:], text)
        if bodies.null_count:
            ids[pc.is_null(bodies).to_numpy(zero_copy_only=False)] = NO_BODY
        return ids

    def _learn(self, hashes: np.ndarray, found: np.ndarray, lengths: np.ndarray) -> np.ndarray:
        """(k,) ids of the templates of (k,) new shapes, which are remembered."""
        if self._used + len(hashes) > self.shapes_max:
            self._keys[:], self._used = NO_SHAPE, 0
        self._grow(len(hashes))
        before = len(self.mine.aliases)
        ids = np.array(
            [
                self.mine.learn(words(_decoded(shape[:length])))
                for shape, length in zip(found, lengths.tolist(), strict=True)
            ],
            np.int64,
        )
        insert_all(self._keys, self._values, hashes, ids)
        if len(self.mine.aliases) > before:
            self._values = self.resolve(self._values)
        self._used += len(hashes)
        self.learned += len(hashes)
        return ids

    def _grow(self, more: int) -> None:
        """Room for so many more, the table at most half full."""
        size = len(self._keys)
        while size < 2 * (self._used + more):
            size *= 2
        if size > len(self._keys):
            used = self._keys != NO_SHAPE
            keys, values = np.zeros(size, np.int64), np.zeros(size, np.int64)
            insert_all(keys, values, self._keys[used], self._values[used])
            self._keys, self._values = keys, values


def shape_text(line: str) -> str:
    """The shape of one line, with the mask character for what varies."""
    text = np.frombuffer(line.encode("utf-8", "replace"), np.uint8)
    first = np.zeros(1, np.int64)
    _, found, lengths, _ = shapes(_read_only(first), _read_only(first + len(text)), text, first)
    return _decoded(found[0, : lengths[0]])


def text_buffers(bodies: pa.Array) -> tuple[np.ndarray, np.ndarray]:
    """(n + 1,) int64 offsets into the (bytes,) uint8 text of an array of any text or binary type."""
    is_bytes = str(bodies.type).endswith(("binary", "binary_view"))
    wide = bodies.cast(pa.large_binary() if is_bytes else pa.large_string())
    _, offsets, text = wide.buffers()
    if not len(wide) or text is None:
        return np.zeros(len(wide) + 1, np.int64), np.zeros(0, np.uint8)
    return np.frombuffer(offsets, np.int64)[wide.offset : wide.offset + len(wide) + 1], np.frombuffer(text, np.uint8)


def _read_only(array: np.ndarray) -> np.ndarray:
    """A view that cannot be written: to numba it is another type, and each type costs seconds to compile."""
    view = array.view()
    view.flags.writeable = False
    return view


def _decoded(shape: np.ndarray) -> str:
    return shape.tobytes().decode("utf-8", errors="replace")
