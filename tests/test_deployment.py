"""Where an installation keeps things: options win over the environment, the environment over the file."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from causeway.deployment import Deployment, Options, deployment, deployment_of, without_password
from causeway.errors import ConfigError

FILE = {
    "data": "of-the-file",
    "store": {"url": "elasticsearch://file:9200", "replicas": 1},
    "samples": {"url": "http://file:8428"},
    "state": {"url": "postgresql://me@file/causeway"},
}
ENVIRONMENT = {
    "CAUSEWAY_STORE": "elasticsearch://environment:9200",
    "CAUSEWAY_SAMPLES": "http://environment:8428",
    "CAUSEWAY_STATE": "postgresql://me@environment/causeway",
}
OPTIONS = Options(
    Path("of-the-option"),
    None,
    "elasticsearch://option:9200",
    "http://option:8428",
    "postgresql://me@option/causeway",
)


def _places(found: Deployment) -> tuple[str, str, str]:
    assert found.store is not None and found.samples is not None
    return found.location, found.samples.location(), found.state


@pytest.mark.parametrize(
    ("options", "environment", "host"),
    [
        (Options(), {}, "file"),
        (Options(), ENVIRONMENT, "environment"),
        (Options(), dict.fromkeys(ENVIRONMENT, ""), "file"),
        (OPTIONS, ENVIRONMENT, "option"),
    ],
)
def test_who_wins(options: Options, environment: dict[str, str], host: str) -> None:
    """Options over environment over file; an empty variable says nothing; other settings of a table still hold."""
    found = deployment_of(options, FILE, environment)
    location, samples, state = _places(found)
    assert f"//{host}:9200" in location
    assert f"//{host}:8428" in samples
    assert state == f"postgresql://me@{host}/causeway"
    assert found.store is not None and found.store.replicas == 1
    assert found.data == Path("of-the-option" if host == "option" else "of-the-file")


def test_nothing_said_is_embedded() -> None:
    """Everything lies in ./causeway-data."""
    found = deployment_of(Options(), {}, {})
    assert found == Deployment(Path("causeway-data"))
    assert not found.distributed
    assert found.sinks() == {}


def test_the_word_embedded_undoes_the_file() -> None:
    """A store that the file names is left aside; its samples then have to be as well."""
    tables = {"store": FILE["store"]}
    assert deployment_of(Options(store="embedded"), tables, {}).store is None
    assert deployment_of(Options(), tables, {"CAUSEWAY_STORE": "embedded"}).store is None


@pytest.mark.parametrize(
    ("tables", "said"),
    [
        ({"samples": {"url": "http://a:1"}}, "goes with an Elasticsearch store"),
        ({"store": {"url": "/var/lib/causeway"}}, "expected elasticsearch://HOST:9200"),
        ({"store": {"url": "elasticsearch://a:1", "replicass": 1}}, "unknown key 'replicass'"),
        ({"store": "elasticsearch://a:1"}, "store: expected a table"),
        ({"state": {"url": "postgresql://h/d", "password_file": "x"}}, "needs a user"),
        ({"state": {"url": "postgresql://u@h/d", "password_file": "/nowhere"}}, "cannot read /nowhere"),
        ({"state": {"uri": "postgresql://u@h/d"}}, "unknown key 'uri'"),
        ({"data": 5}, "data: expected the name of a folder"),
    ],
)
def test_what_does_not_fit_is_refused(tables: dict[str, Any], said: str) -> None:
    """With the setting and what to do."""
    with pytest.raises(ConfigError, match=said):
        deployment_of(Options(), tables, {})


def test_a_password_comes_from_a_file(tmp_path: Path) -> None:
    """From the table's or the URL's password_file, quoted, and never shown."""
    secret = tmp_path / "secret"
    secret.write_text("p@ss/wörd\n", encoding="utf-8")
    table = {"state": {"url": "postgresql://me@host/causeway", "password_file": str(secret)}}
    url = f"postgresql://me@host/causeway?password_file={secret}&sslmode=require"
    assert deployment_of(Options(), table, {}).state == "postgresql://me:p%40ss%2Fw%C3%B6rd@host/causeway"
    found = deployment_of(Options(state=url), {}, {})
    assert found.state == "postgresql://me:p%40ss%2Fw%C3%B6rd@host/causeway?sslmode=require"
    assert found.state_location == "postgresql://me:***@host/causeway?sslmode=require"


def test_no_password_is_ever_shown() -> None:
    """Neither in the text of options and deployments, nor in locations, nor in errors."""
    options = Options(
        store="elasticsearch://u:hidden@host:9200",
        samples="http://u:hidden@host:8428",
        state="postgresql://u:hidden@h/d",
    )
    found = deployment_of(options, {}, {})
    shown = [repr(options), repr(found), found.location, found.state_location]
    for store in ("elasticsearch://u:hidden@host:9200/?nonsense=1", "elastic://u:hidden@host"):
        with pytest.raises(ConfigError) as error:
            deployment_of(Options(store=store), {}, {})
        shown.append(str(error.value))
    assert [text for text in shown if "hidden" in text] == []


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("postgresql://u:p@h/d", "postgresql://u:***@h/d"),
        ("postgresql://u:p:q@h/d?a=b@c", "postgresql://u:***@h/d?a=b@c"),
        ("postgresql://u@h/d", "postgresql://u@h/d"),
        ("/var/lib", "/var/lib"),
    ],
)
def test_urls_without_their_password(url: str, shown: str) -> None:
    """User, host and the rest stay."""
    assert without_password(url) == shown


def test_the_file_of_an_option(tmp_path: Path) -> None:
    """`--config` is read; a missing one is an error."""
    path = tmp_path / "causeway.toml"
    path.write_text('[store]\nurl = "elasticsearch://a:1"\nnamespace = "shop"\n', encoding="utf-8")
    found = deployment(Options(config=path), {})
    assert found.store is not None and found.store.namespace == "shop"
    with pytest.raises(ConfigError, match="no configuration file"):
        deployment(Options(config=tmp_path / "none"), {})


def test_sinks_need_no_server_and_count() -> None:
    """A collector starts while its servers are away; what the sinks count can be scraped."""
    found = deployment_of(Options(store="elasticsearch://127.0.0.1:9", samples="http://127.0.0.1:9"), {}, {}).sinks()
    try:
        assert list(found) == ["elasticsearch", "prometheus"]
        assert found["elasticsearch"].numbers()["dead_letters"] == 0
        assert found["prometheus"].numbers()["refused"] == 0
    finally:
        for plan in found.values():
            plan.sink.close()


def test_documents_of_others_are_never_written() -> None:
    """A collector refuses a store that is read in place."""
    with pytest.raises(ConfigError, match="read, never written"):
        deployment_of(Options(store="elasticsearch://a:1/?layout=jaeger"), {}, {}).sinks()
