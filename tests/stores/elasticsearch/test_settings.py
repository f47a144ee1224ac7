"""Locations and settings: what is understood, what is refused, what is never shown."""

from __future__ import annotations

from pathlib import Path

import pytest

from causeway.config import parse
from causeway.errors import ConfigError
from causeway.stores.elasticsearch.client import connect
from causeway.stores.elasticsearch.settings import ElasticsearchSettings, Retention, parse_location


@pytest.mark.parametrize(
    ("location", "expected"),
    [
        ("elasticsearch://es:9200", {"hosts": ("http://es:9200",)}),
        ("elasticsearch://es", {"hosts": ("http://es:9200",)}),
        ("elasticsearch://a:1,b,[::1]:3/?tls=1", {"hosts": ("https://a:1", "https://b:9200", "https://[::1]:3")}),
        ("elasticsearch://u%40x:p%3Aw@es/", {"username": "u@x", "password": "p:w", "hosts": ("http://es:9200",)}),
        ("elasticsearch://es/?layout=jaeger&namespace=prod.cn", {"layout": "jaeger", "namespace": "prod.cn"}),
        ("elasticsearch://es/?verify=false&timeout_s=2.5", {"verify": False, "timeout_s": 2.5}),
        ("elasticsearch://es/?shards=3&retention.spans=0", {"shards": 3, "retention": Retention(spans=0)}),
    ],
)  # fmt: skip
def test_a_location_says_where_and_how(location: str, expected: dict[str, object]) -> None:
    """Hosts without a port get 9200; every other setting may be a key of the query."""
    found = parse_location(location)
    assert {name: getattr(found, name) for name in expected} == expected


def test_a_location_goes_over_the_settings_of_the_file() -> None:
    """What it does not say stays as configured."""
    base = ElasticsearchSettings(username="u", password="p", shards=2, retention=Retention(logs=1))
    found = parse_location("elasticsearch://es/?retention.spans=3", base)
    assert (found.username, found.password, found.shards) == ("u", "p", 2)
    assert found.retention == Retention(logs=1, spans=3)


@pytest.mark.parametrize(
    ("location", "reason"),
    [
        ("http://es:9200", "expected elasticsearch://"),
        ("elasticsearch://", "expected elasticsearch://"),
        ("elasticsearch://a,,b", "a host is missing"),
        ("elasticsearch://u:hush@es/?shard=1", "unknown key 'shard'"),
        ("elasticsearch://u:hush@es/?shards=many", "shards: expected a number"),
        ("elasticsearch://u:hush@es/?tls=perhaps", "tls: expected true or false"),
        ("elasticsearch://u:hush@es/?namespace=a-b", "namespace"),
        ("elasticsearch://u:hush@es/?shards=0", "shards: must be at least 1"),
        ("elasticsearch://u:hush@es/?retention.spans=-1", "spans: must be 0 or more"),
        ("elasticsearch://u:hush@es/?password=x", "unknown key 'password'"),
        ("elasticsearch://u@es", "username and password"),
        ("elasticsearch://u:hush@es/?api_key_file=/k", "not both"),
    ],
)
def test_a_location_that_is_wrong_is_refused_without_its_password(location: str, reason: str) -> None:
    """The error names the place and the reason."""
    with pytest.raises(ConfigError) as caught:
        parse_location(location)
    assert reason in str(caught.value)
    assert "hush" not in str(caught.value)


def test_secrets_come_from_files_and_are_never_shown(tmp_path: Path) -> None:
    """Neither the settings nor the client nor the location show a password."""
    (tmp_path / "password").write_text("hush\n")
    found = parse(
        ElasticsearchSettings,
        {"hosts": ["https://es:9200"], "username": "u", "password_file": str(tmp_path / "password")},
        where="elasticsearch",
    )
    assert found.basic_auth() == ("u", "hush")
    assert "hush" not in repr(found) + found.location() + repr(connect(found))
    direct = parse_location("elasticsearch://u:hush@es")
    assert "hush" not in repr(direct) + direct.location() + repr(connect(direct))


def test_a_secret_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    """A missing or an empty file is an error of the configuration."""
    (tmp_path / "empty").write_text("\n")
    with pytest.raises(ConfigError, match="api_key_file: cannot read"):
        connect(ElasticsearchSettings(api_key_file=str(tmp_path / "none")))
    with pytest.raises(ConfigError, match=r"api_key_file: .* is empty"):
        connect(ElasticsearchSettings(api_key_file=str(tmp_path / "empty")))
    with pytest.raises(ConfigError, match="ca_certs: cannot use"):
        connect(ElasticsearchSettings(hosts=("https://es:9200",), ca_certs=str(tmp_path / "none")))
