from importlib.metadata import EntryPoint

import pytest

from causeway import registry
from causeway.errors import ConfigError


def _register(monkeypatch: pytest.MonkeyPatch, *points: EntryPoint) -> None:
    monkeypatch.setattr(registry, "entry_points", lambda *, group: [p for p in points if p.group == group])


def _point(name: str, value: str) -> EntryPoint:
    return EntryPoint(name=name, value=value, group="causeway.things")


def test_what_is_registered_is_listed_and_loaded(monkeypatch: pytest.MonkeyPatch) -> None:
    """Names come sorted; loading gives the object that the entry point names."""
    _register(monkeypatch, _point("b", "json:dumps"), _point("a", "json:loads"))
    assert registry.names("things") == ("a", "b")
    assert registry.load("things", "a") is __import__("json").loads


def test_an_unknown_name_is_answered_with_the_known_ones(monkeypatch: pytest.MonkeyPatch) -> None:
    """A misspelt name is an error that lists what there is."""
    _register(monkeypatch, _point("b", "json:dumps"), _point("a", "json:loads"))
    with pytest.raises(ConfigError, match="no things called 'c'; known: a, b"):
        registry.load("things", "c")
    _register(monkeypatch)
    with pytest.raises(ConfigError, match="known: none"):
        registry.load("things", "c")


def test_two_packages_may_not_share_a_name(monkeypatch: pytest.MonkeyPatch) -> None:
    """A duplicate name is an error naming both; the same registration seen twice is not."""
    _register(monkeypatch, _point("a", "json:loads"), _point("a", "json:dumps"))
    with pytest.raises(ConfigError, match="two things are called 'a': json:loads and json:dumps"):
        registry.names("things")
    _register(monkeypatch, _point("a", "json:loads"), _point("a", "json:loads"))
    assert registry.names("things") == ("a",)


def test_what_cannot_be_imported_says_what_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    """A plug-in whose module is not there is an error with the module's name."""
    _register(monkeypatch, _point("a", "no_such_module_at_all:x"))
    with pytest.raises(ConfigError, match="no_such_module_at_all"):
        registry.load("things", "a")
