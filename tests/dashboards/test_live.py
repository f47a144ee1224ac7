"""Rules of the service layer over a real data folder."""

from __future__ import annotations

import threading
import time
from pathlib import Path

import pytest

from causeway.deployment import Deployment
from causeway.errors import ConfigError, StoreError
from causeway.stores.embedded.store import EmbeddedStore
from causeway.window import MINUTE_NS, Window
from dashboards import live
from dashboards.kept import Kept
from dashboards.live import LiveServices, report_inside, table_page
from dashboards.server import read_config
from tests.table_store import TableStore

NOW = 1_790_000_000_000_000_000
WINDOW = Window(NOW - 15 * MINUTE_NS, NOW)


def test_a_missing_folder_is_named(tmp_path: Path) -> None:
    """The error says which folder and what to do."""
    services = LiveServices(Deployment(tmp_path / "nowhere"), now_ns=lambda: NOW)
    with pytest.raises(StoreError, match=r"nowhere.*causeway up"):
        services.status()
    assert services.incidents() == []


def test_a_store_that_appears_later_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Serving may begin before collecting."""
    monkeypatch.setattr(live, "RETRY_S", 0.0)
    services = LiveServices(Deployment(tmp_path / "data"), now_ns=lambda: NOW)
    with pytest.raises(StoreError):
        services.status()
    EmbeddedStore(tmp_path / "data").close()
    assert services.status().tables
    assert services.world(WINDOW).services.calls.size == 0
    assert services.world(WINDOW) is services.world(WINDOW)
    services.close()


def test_the_store_is_not_tried_at_every_request(tmp_path: Path) -> None:
    """While it is broken the same answer is given for a while, whoever asks."""
    services = LiveServices(Deployment(tmp_path / "nowhere"), now_ns=lambda: NOW)
    errors = []
    for _ in range(2):
        with pytest.raises(StoreError) as caught:
            services.status()
        errors.append(caught.value)
    assert errors[0] is errors[1]


def test_an_unknown_table_is_an_error() -> None:
    """The error names the tables there are."""
    with pytest.raises(ConfigError, match="instances"):
        table_page(TableStore(), "users", WINDOW, service=None, limit=1)


def test_reports_stay_in_their_folder(tmp_path: Path) -> None:
    """Neither dots nor links lead out."""
    reports = tmp_path / "reports"
    reports.mkdir()
    (tmp_path / "state.sqlite").write_text("secret")
    (reports / "link.html").symlink_to(tmp_path / "state.sqlite")
    (reports / "a.html").write_text("a")
    assert report_inside(reports, "a.html") == (reports / "a.html").resolve()
    assert report_inside(reports, "../state.sqlite") is None
    assert report_inside(reports, "link.html") is None
    assert report_inside(reports, str(tmp_path / "state.sqlite")) is None


def test_answers_are_computed_once_for_all_who_wait() -> None:
    """Ten viewers of one window cost one look."""
    kept: Kept[int] = Kept(entries_max=2)
    calls = []
    started = threading.Barrier(10)

    def compute() -> int:
        calls.append(1)
        time.sleep(0.05)
        return 7

    def ask() -> None:
        started.wait()
        assert kept.get("key", compute) == 7

    threads = [threading.Thread(target=ask) for _ in range(10)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(calls) == 1


def test_failures_are_not_kept_and_old_answers_go() -> None:
    """An error is tried again; beyond the limit the oldest answer is forgotten."""
    kept: Kept[int] = Kept(entries_max=2)
    with pytest.raises(ZeroDivisionError):
        kept.get(0, lambda: 1 // 0)
    assert kept.get(0, lambda: 5) == 5
    kept.get(1, lambda: 6)
    kept.get(2, lambda: 7)
    assert kept.get(0, lambda: 8) == 8


def test_the_command_line_overrides_the_file(tmp_path: Path) -> None:
    """Host and port of the command line win; an unknown key is an error that names it."""
    file = tmp_path / "causeway.toml"
    file.write_text('[serve]\nport = 9000\ntoken = "t"\n')
    assert read_config(file, port=9100).port == 9100
    assert read_config(file).token == "t"
    file.write_text("[serve]\nprot = 1\n")
    with pytest.raises(ConfigError, match="prot"):
        read_config(file)
