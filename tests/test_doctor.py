"""`causeway doctor` says what works, what is missing and what waits, in both languages, and never a password."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from causeway.cli import build
from causeway.doctor.checks import Health, Line, worst
from causeway.messages import LANGUAGES, catalogue
from causeway.state import open_state
from causeway.stores.elasticsearch.capabilities import MEANINGS
from causeway.stores.embedded.store import EmbeddedStore
from causeway.stores.journal.journal import own
from causeway.stores.journal.wal import WriteAheadLog
from tests.contracts.store_contract import SHOP
from tests.small_store import shop_batch

# Nobody listens there: the port of the discard service.
NOWHERE = "127.0.0.1:9"


def _doctor(*options: str | Path) -> tuple[int, dict[str, Any]]:
    result = CliRunner().invoke(build(), ["doctor", "--format", "json", *map(str, options)])
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    return result.exit_code, json.loads(result.stdout)


def _texts(answer: dict[str, Any], part: str) -> list[tuple[str, str]]:
    return [(line["health"], line["text"]) for line in answer["lines"] if line["part"] == part]


@pytest.fixture(autouse=True)
def no_places(monkeypatch: pytest.MonkeyPatch) -> None:
    """What the environment of a developer names is none of these tests' business."""
    for name in ("CAUSEWAY_STORE", "CAUSEWAY_SAMPLES", "CAUSEWAY_STATE"):
        monkeypatch.delenv(name, raising=False)


def test_nothing_yet_is_no_fault(tmp_path: Path) -> None:
    """A folder that is not there is a note: the collector will make it."""
    status, answer = _doctor("--data", tmp_path / "none")
    assert status == 0
    assert answer["health"] == "note"


def test_an_embedded_store(tmp_path: Path) -> None:
    """Its size and its newest record; that nobody leads is a warning."""
    store = EmbeddedStore(tmp_path)
    store.add(shop_batch(SHOP))
    store.flush()
    store.close()
    open_state(tmp_path).close()
    status, answer = _doctor("--data", tmp_path)
    assert status == 1
    ((health, text),) = _texts(answer, "store")
    assert health == "ok"
    assert "newest record" in text
    assert [health for health, _ in _texts(answer, "state")] == ["ok", "warning"]
    assert _texts(answer, "spool") == [("ok", "tables: 0 B acknowledged and on their way")]


def test_what_waits_with_nobody_to_deliver_it(tmp_path: Path) -> None:
    """Acknowledged records in the log of a collector that does not run are a warning, of one that runs none."""
    log = WriteAheadLog(tmp_path / "wal")
    log.append([("traces", "protobuf", b"x" * 4076)])
    log.close()
    (tmp_path / "wal" / "cursor.elasticsearch").write_text("0")
    store = f"elasticsearch://{NOWHERE}/?retries=0"
    ((health, text),) = _texts(_doctor("--data", tmp_path, "--store", store)[1], "spool")
    assert health == "warning"
    assert text.startswith("elasticsearch: 4 KiB acknowledged and not delivered")
    handle = own(tmp_path)
    ((health, _),) = _texts(_doctor("--data", tmp_path, "--store", store)[1], "spool")
    assert health == "ok"
    os.close(handle)


def test_servers_that_do_not_answer(tmp_path: Path) -> None:
    """Each is said with its address and the reason, without any password, and the exit status is 2."""
    places = {
        "--store": f"elasticsearch://me:hidden@{NOWHERE}/?retries=0",
        "--samples": f"http://me:hidden@{NOWHERE}",
        "--state": f"postgresql://me:hidden@{NOWHERE}/causeway",
    }
    status, answer = _doctor("--data", tmp_path, *(word for place in places.items() for word in place))
    assert status == 2
    for part in ("store", "samples", "state"):
        ((health, text),) = _texts(answer, part)
        assert health == "broken"
        assert NOWHERE in text
    assert "hidden" not in json.dumps(answer)


def test_metrics_without_a_place(tmp_path: Path) -> None:
    """Elasticsearch alone is a warning that names the setting."""
    _, answer = _doctor("--data", tmp_path, "--store", f"elasticsearch://{NOWHERE}/?retries=0")
    ((health, text),) = _texts(answer, "samples")
    assert health == "warning"
    assert "CAUSEWAY_SAMPLES" in text


def test_for_people(tmp_path: Path) -> None:
    """A line per fact, in Chinese too."""
    result = CliRunner().invoke(build(), ["doctor", "--data", str(tmp_path), "--lang", "zh-CN"])
    assert result.exit_code == 0
    assert "数据目录" in result.stdout
    assert all(line.split()[1] in set(Health) for line in result.stdout.splitlines())


@pytest.mark.parametrize("language", LANGUAGES)
def test_everything_a_server_may_lack_has_a_sentence(language: str) -> None:
    """What it means is said in both languages."""
    assert {f"doctor.off_{name}" for name in MEANINGS} <= set(catalogue(language))
    assert {f"doctor.cluster_{status}" for status in ("green", "yellow", "red", "unknown")} <= set(catalogue(language))


def test_the_worst_decides() -> None:
    """From ok over note and warning to broken."""
    found = [Line("x", health, "y") for health in (Health.NOTE, Health.WARNING, Health.OK)]  # type: ignore[arg-type]
    assert worst(found) is Health.WARNING
    assert worst([]) is Health.OK
