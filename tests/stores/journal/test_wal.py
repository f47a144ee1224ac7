"""The write-ahead log keeps what was synced, and nothing else."""

from __future__ import annotations

from pathlib import Path

import pytest

from causeway.errors import StoreError
from causeway.stores.journal import wal as wal_module
from causeway.stores.journal.wal import WriteAheadLog


def _request(number: int, size: int = 100) -> tuple[str, str, bytes]:
    return ("traces", "protobuf", bytes([number]) * size)


def _numbers(log: WriteAheadLog, start: int = 0) -> list[int]:
    return [frame.payload[0] for frame in log.frames(start)]


def test_frames_come_back_in_order_after_reopening(tmp_path: Path) -> None:
    """What was appended is read again, with its signal and encoding, by the next process."""
    log = WriteAheadLog(tmp_path)
    log.append([_request(1), _request(2)])
    log.append([("logs", "json", b"{}")])
    log.close()
    frames = list(WriteAheadLog(tmp_path).frames(0))
    assert [(frame.signal, frame.encoding) for frame in frames] == [("traces", "protobuf")] * 2 + [("logs", "json")]
    assert frames[-1].payload == b"{}"


def test_positions_skip_what_is_stored_already(tmp_path: Path) -> None:
    """Reading from a position gives the frames that end behind it."""
    log = WriteAheadLog(tmp_path)
    first = log.append([_request(1)])
    log.append([_request(2)])
    assert _numbers(log, first) == [2]


@pytest.mark.parametrize("cut", [1, 20, 99, 119])
def test_a_torn_tail_is_cut_off(tmp_path: Path, cut: int) -> None:
    """A frame that a crash left unfinished goes; those before it and after the restart stay."""
    log = WriteAheadLog(tmp_path)
    log.append([_request(1)])
    log.append([_request(2)])
    log.close()
    (segment,) = tmp_path.glob("*.wal")
    with segment.open("rb+") as file:
        file.truncate(segment.stat().st_size - cut)
    log = WriteAheadLog(tmp_path)
    assert _numbers(log) == [1]
    log.append([_request(3)])
    assert _numbers(log) == [1, 3]


def test_a_damaged_last_frame_is_cut_off(tmp_path: Path) -> None:
    """A frame whose bytes do not fit its checksum was never whole on disk."""
    log = WriteAheadLog(tmp_path)
    log.append([_request(1)])
    log.append([_request(2)])
    log.close()
    (segment,) = tmp_path.glob("*.wal")
    content = bytearray(segment.read_bytes())
    content[-1] ^= 255
    segment.write_bytes(content)
    assert _numbers(WriteAheadLog(tmp_path)) == [1]


def test_damage_before_the_last_segment_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Acknowledged records that cannot be read are never passed over in silence."""
    monkeypatch.setattr(wal_module, "SEGMENT_BYTES_MAX", 50)
    log = WriteAheadLog(tmp_path)
    for number in (1, 2, 3):
        log.append([_request(number)])
    first = min(tmp_path.glob("*.wal"))
    content = bytearray(first.read_bytes())
    content[-1] ^= 255
    first.write_bytes(content)
    with pytest.raises(StoreError, match="damaged frame"):
        _numbers(log)


def test_release_deletes_only_what_is_stored(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Segments that end at or before the position go; positions keep growing afterwards."""
    monkeypatch.setattr(wal_module, "SEGMENT_BYTES_MAX", 50)
    log = WriteAheadLog(tmp_path)
    ends = [log.append([_request(number)]) for number in (1, 2, 3)]
    log.release(ends[1])
    assert _numbers(log) == [3]
    log.release(ends[2])
    log.close()
    assert WriteAheadLog(tmp_path).end == ends[2]


def test_a_log_that_was_removed_begins_behind_the_tables(tmp_path: Path) -> None:
    """Positions never go back, or records would pass for stored that are not."""
    log = WriteAheadLog(tmp_path, start_at=1_000_000)
    assert log.append([_request(1)]) > 1_000_000
    assert _numbers(log, 1_000_000) == [1]
