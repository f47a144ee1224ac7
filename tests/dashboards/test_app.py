"""Rules of the application as a server."""

from __future__ import annotations

import re

import pytest
from starlette.testclient import TestClient

from causeway.errors import ConfigError
from dashboards.app import create_app
from dashboards.config import ServeConfig
from dashboards.page import all_pages
from tests.dashboards.fakes import BrokenServices, ShopServices


def test_the_first_page_is_served(client: TestClient) -> None:
    """GET / answers with the page; a test of names alone once passed while this was a 500."""
    answer = client.get("/")
    assert answer.status_code == 200
    assert '<html lang="en">' in answer.text
    assert "_dash-renderer" in answer.text


@pytest.mark.parametrize(
    ("path", "status"), [("/map", 200), ("/service/a%2Fb", 200), ("/trace/00", 200), ("/nowhere", 404)]
)
def test_pages_can_be_opened_directly(client: TestClient, path: str, status: int) -> None:
    """A link from a colleague opens; an unknown address says 404 and still shows our frame."""
    answer = client.get(path)
    assert answer.status_code == status
    assert "_dash-renderer" in answer.text


def test_nothing_comes_from_other_hosts(client: TestClient) -> None:
    """The page names no other host, and its policy allows none."""
    answer = client.get("/")
    assert re.findall(r"(?:src|href)=[\"']?(?:https?:)?//", answer.text) == []
    policy = answer.headers["content-security-policy"]
    assert "default-src 'self'" in policy
    assert "http" not in policy
    assert "unsafe-eval" not in policy
    assert "script-src 'self' 'sha256-" in policy
    assert "unsafe-inline" not in policy.partition("script-src")[2].partition(";")[0]


def test_every_asset_of_the_page_is_there(client: TestClient) -> None:
    """Scripts and styles named in the page can be fetched."""
    found = re.findall(r"(?:src|href)=\"(/[^\"]+)\"", client.get("/").text)
    for name in ("causeway.js", "dash_ag_grid", "dash_cytoscape", "dash_mantine_components"):
        assert any(name in path for path in found)
    assert all(client.get(path).status_code == 200 for path in found)


def test_a_visit_may_begin_on_any_page(shop: ShopServices) -> None:
    """The very first request to a fresh server may be a deep link: it names all scripts."""
    fresh = TestClient(create_app(shop), base_url="http://localhost")
    assert "causeway.js" in fresh.get("/incident/2").text


def test_large_answers_are_compressed(client: TestClient) -> None:
    """A megabyte of scripts travels as a fraction of it."""
    answer = client.get("/assets/causeway.css", headers={"Accept-Encoding": "gzip"})
    assert answer.headers["content-encoding"] == "gzip"


@pytest.mark.parametrize("host", ["evil.example", "evil.example:8050", "127.0.0.1.evil.example"])
def test_foreign_host_names_are_refused(client: TestClient, host: str) -> None:
    """A page elsewhere that points its own name at this machine learns nothing (DNS rebinding)."""
    assert client.get("/", headers={"Host": host}).status_code == 421


@pytest.mark.parametrize("host", ["localhost:8050", "127.0.0.1", "[::1]:8050"])
def test_this_machine_may_be_called_by_its_names(client: TestClient, host: str) -> None:
    """Loopback names are known."""
    assert client.get("/healthz", headers={"Host": host}).status_code == 200


def test_listening_to_others_needs_a_token(shop: ShopServices) -> None:
    """Without authentication only loopback is served, and the error says what to do."""
    with pytest.raises(ConfigError, match="token"):
        create_app(shop, ServeConfig(host="0.0.0.0"))
    create_app(shop, ServeConfig(host="0.0.0.0", token="s3cret"))


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 401),
        ({"Authorization": "Bearer wrong"}, 401),
        ({"Authorization": "Basic !!!"}, 401),
        ({"Authorization": "Bearer s3cret"}, 200),
        ({"Authorization": "Basic YW55Ym9keTpzM2NyZXQ="}, 200),
    ],
)
def test_the_token_is_asked_for(shop: ShopServices, headers: dict[str, str], status: int) -> None:
    """With a token set, pages and API need it, as a password or a bearer; probes do not."""
    client = TestClient(create_app(shop, ServeConfig(token="s3cret")), base_url="http://localhost")
    assert client.get("/", headers=headers).status_code == status
    assert client.get("/api/v1/services", headers=headers).status_code == status
    assert client.get("/healthz").status_code == 200


def test_ready_says_how_fresh_the_data_is(client: TestClient) -> None:
    """A ready server knows the age of its newest record."""
    answer = client.get("/readyz").json()
    assert answer["ready"] is True
    assert 0 <= answer["newest_record_age_s"] < 60


def test_not_ready_while_the_store_is_unreadable(broken: BrokenServices) -> None:
    """A broken store is 503 with the reason; it mends by itself."""
    client = TestClient(create_app(broken), base_url="http://localhost")
    answer = client.get("/readyz")
    assert answer.status_code == 503
    assert "no data folder" in answer.json()["reason"]
    assert client.get("/healthz").status_code == 200
    broken.mended = True
    assert client.get("/readyz").status_code == 200


def test_metrics_count_requests_by_kind(client: TestClient) -> None:
    """Paths are grouped, so that no label grows with what people type."""
    client.get("/service/whatever")
    text = client.get("/metrics").text
    assert 'causeway_serve_requests_total{kind="page",status="200"}' in text
    assert "causeway_store_readable 1.0" in text
    assert "whatever" not in text


def test_metrics_survive_a_broken_store(broken: BrokenServices) -> None:
    """An unreadable store is a number, not an error."""
    client = TestClient(create_app(broken), base_url="http://localhost")
    assert "causeway_store_readable 0.0" in client.get("/metrics").text


def test_reports_are_served_without_scripts(client: TestClient) -> None:
    """A report is shown sandboxed: it may neither run scripts nor load anything."""
    answer = client.get("/reports/patrol-2.html")
    assert answer.status_code == 200
    assert answer.headers["content-security-policy"].startswith("sandbox; default-src 'none'")


@pytest.mark.parametrize(
    "path",
    [
        "/reports/../state.sqlite",
        "/reports/%2e%2e/secret.html",
        "/reports/missing.html",
        "/reports/patrol-2.sh",
        "/reports/",
    ],
)
def test_only_reports_are_served(client: TestClient, path: str) -> None:
    """No path leads out of the reports folder or to another kind of file."""
    answer = client.get(path)
    assert "secret" not in answer.text
    assert answer.status_code == 404


def test_every_page_has_a_place_in_the_navigation() -> None:
    """A page is in the navigation or lights the entry of one that is; search is reached from the header."""
    entries = {page.name for page in all_pages() if page.nav}
    assert all(page.nav or page.parent in entries or page.name == "search" for page in all_pages())
