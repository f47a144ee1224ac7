"""The write-ahead log: requests as they came, appended, checked and synced before they are acknowledged.

A log is a folder of segments named by the position of their first byte. A frame is a header (magic, length, signal,
encoding, checksum) and the payload. Positions count bytes over all segments and only ever grow. A torn frame at the
end of the last segment is what a crash leaves: it was never acknowledged and is cut off when the log is opened.
"""

from __future__ import annotations

import itertools
import os
import struct
import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import xxhash

from causeway.errors import StoreError

_HEADER = struct.Struct("<4sIBBxxQ")  # magic, payload bytes, signal, encoding, checksum
_MAGIC = b"CWL1"
SEGMENT_BYTES_MAX = 64 << 20
SIGNALS = ("traces", "metrics", "logs", "records")
ENCODINGS = ("protobuf", "json", "arrow")


@dataclass(frozen=True, slots=True)
class Frame:
    """One request of the log. `end` is the position behind it."""

    signal: str
    encoding: str
    payload: bytes
    end: int


class WriteAheadLog:
    """An open log. One process writes it. Appending is for one thread; reading and releasing may go on beside it."""

    def __init__(self, folder: Path, *, start_at: int = 0) -> None:
        """Open or create; `start_at` is the least position a new log may begin at.

        Raises StoreError when a segment other than the last is damaged.
        """
        folder.mkdir(parents=True, exist_ok=True)
        self._folder = folder
        self._releasing = threading.Lock()
        segments = self._segments()
        if segments:
            self.end = _cut_torn_tail(segments[-1][1], segments[-1][0])
        else:
            self.end = 0
        if self.end < start_at:
            # The tables are ahead of the log (its folder was removed): begin behind what they hold.
            self.end = start_at
        self._open_segment()

    def append(self, requests: Sequence[tuple[str, str, bytes]]) -> int:
        """Write (signal, encoding, payload) frames and sync them to disk; returns the position behind the last.

        Raises StoreError when the disk refuses; nothing of the group counts as written then.
        """
        start = self.end
        parts: list[bytes] = []
        for signal, encoding, payload in requests:
            digest = xxhash.xxh3_64_intdigest(payload)
            parts.append(_HEADER.pack(_MAGIC, len(payload), SIGNALS.index(signal), ENCODINGS.index(encoding), digest))
            parts.append(payload)
        try:
            self._write_all(parts)
            os.fdatasync(self._file)
        except OSError as error:
            self._forget_from(start)
            raise StoreError(f"the write-ahead log in {self._folder} cannot be written: {error}") from error
        if self.end - self._segment_start >= SEGMENT_BYTES_MAX:
            self._roll()
        return self.end

    def frames(self, start: int, stop: int | None = None) -> Iterator[Frame]:
        """The frames from `start` (a position that `append` gave, or 0) up to `stop`, by default all, in order.

        While another thread appends, `stop` must be a position that it has reached. Raises StoreError where the log
        is damaged.
        """
        stop = self.end if stop is None else stop
        segments = self._segments()
        followers = [first for first, _ in segments[1:]]
        for (first, path), following in zip(segments, [*followers, stop], strict=True):
            if following > start and first < stop:
                yield from _read_segment(path, first, start, stop)

    def release(self, position: int) -> None:
        """Delete the segments that end at or before the position: nobody needs their records any more."""
        with self._releasing:
            segments = self._segments()
            for (_, path), (following, _) in itertools.pairwise(segments):
                if following <= position:
                    path.unlink()

    @property
    def start(self) -> int:
        """The position that the oldest segment begins at."""
        return self._segments()[0][0]

    def bytes_kept(self) -> int:
        """Bytes of all segments on disk."""
        with self._releasing:
            return sum(path.stat().st_size for _, path in self._segments())

    def close(self) -> None:
        os.close(self._file)

    def _write_all(self, parts: list[bytes]) -> None:
        # IOV_MAX is 1024; a short write is finished by hand.
        for first in range(0, len(parts), 512):
            group = parts[first : first + 512]
            size = sum(map(len, group))
            written = os.writev(self._file, group)
            if written < size:
                rest = memoryview(b"".join(group))[written:]
                while rest:
                    rest = rest[os.write(self._file, rest) :]
            self.end += size

    def _forget_from(self, position: int) -> None:
        """After a failed write nothing of the group may be replayed."""
        try:
            os.ftruncate(self._file, position - self._segment_start)
            os.lseek(self._file, 0, os.SEEK_END)
        except OSError as error:
            raise StoreError(f"the write-ahead log in {self._folder} cannot be cut back: {error}") from error
        finally:
            self.end = position

    def _segments(self) -> list[tuple[int, Path]]:
        return sorted((int(path.stem), path) for path in self._folder.glob("*.wal"))

    def _open_segment(self) -> None:
        segments = self._segments()
        last = segments[-1] if segments else None
        if last is None or last[0] + last[1].stat().st_size != self.end:
            last = (self.end, self._folder / f"{self.end:020d}.wal")
        self._segment_start = last[0]
        self._file = os.open(last[1], os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o640)
        _sync_folder(self._folder)

    def _roll(self) -> None:
        os.close(self._file)
        self._segment_start = self.end
        self._file = os.open(self._folder / f"{self.end:020d}.wal", os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o640)
        _sync_folder(self._folder)


def _sync_folder(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _read_segment(path: Path, first: int, start: int, stop: int) -> Iterator[Frame]:
    size = min(path.stat().st_size, stop - first)
    place = max(0, start - first)
    with path.open("rb") as file:
        file.seek(place)
        while place < size:
            header = file.read(_HEADER.size)
            frame_end = _frame_end(header, place, size)
            if frame_end is None:
                raise StoreError(f"{path}: no frame at byte {place}; move the file aside to go on without it")
            _, length, signal, encoding, digest = _HEADER.unpack(header)
            payload = file.read(length)
            if xxhash.xxh3_64_intdigest(payload) != digest:
                raise StoreError(f"{path}: damaged frame at byte {place}; move the file aside to go on without it")
            yield Frame(SIGNALS[signal], ENCODINGS[encoding], payload, first + frame_end)
            place = frame_end


def _frame_end(header: bytes, place: int, size: int) -> int | None:
    if len(header) < _HEADER.size or header[:4] != _MAGIC:
        return None
    end = place + _HEADER.size + _HEADER.unpack(header)[1]
    return end if end <= size else None


def _cut_torn_tail(path: Path, first: int) -> int:
    """Truncate the segment behind its last whole, undamaged frame; returns the position there."""
    size, place = path.stat().st_size, 0
    with path.open("rb+") as file:
        while place < size:
            header = file.read(_HEADER.size)
            end = _frame_end(header, place, size)
            if end is None:
                break
            _, length, _, _, digest = _HEADER.unpack(header)
            if xxhash.xxh3_64_intdigest(file.read(length)) != digest:
                break
            place = end
        if place < size:
            file.truncate(place)
            os.fsync(file.fileno())
    return first + place
