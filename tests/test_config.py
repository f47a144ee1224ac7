from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from causeway.config import load_toml, parse
from causeway.errors import ConfigError


@dataclass(frozen=True, slots=True)
class Queue:
    """A nested part of the configuration below."""

    items_max: int = 10


@dataclass(frozen=True, slots=True)
class Options:
    """Every kind of value that a configuration may hold."""

    name: str
    ratio: float = 0.5
    enabled: bool = True
    folder: Path = Path("/srv")
    hosts: tuple[str, ...] = ()
    labels: dict[str, str] = field(default_factory=dict)
    limit: int | None = None
    queue: Queue = field(default_factory=Queue)

    def __post_init__(self) -> None:
        if not 0 <= self.ratio <= 1:
            raise ValueError(f"ratio: {self.ratio} is not in [0, 1]")


def test_a_table_becomes_a_dataclass() -> None:
    """Each value has the type that the dataclass says; what is left out has its default."""
    table = {
        "name": "a",
        "ratio": 1,
        "folder": "/tmp/x",
        "hosts": ["h1", "h2"],
        "limit": 3,
        "queue": {"items_max": 7},
    }
    assert parse(Options, table, where="part") == Options(
        name="a", ratio=1.0, folder=Path("/tmp/x"), hosts=("h1", "h2"), limit=3, queue=Queue(items_max=7)
    )


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"naem": "a"}, r"part: unknown key 'naem'; known: .*name"),
        ({"queue": {"item_max": 1}}, r"part\.queue: unknown key 'item_max'"),
        ({"name": 5}, r"part\.name: expected str, got 5"),
        ({"ratio": "0.5"}, r"part\.ratio: expected float"),
        ({"enabled": 1}, r"part\.enabled: expected bool"),
        ({"limit": True}, r"part\.limit: expected int, got True"),
        ({"limit": "many"}, r"part\.limit: expected int"),
        ({"hosts": "h1"}, r"part\.hosts: expected a list"),
        ({"hosts": ["h1", 2]}, r"part\.hosts\[1\]: expected str, got 2"),
        ({"folder": 3}, r"part\.folder: expected a path"),
        ({"labels": ["a"]}, r"part\.labels: expected a table"),
        ({"queue": 3}, r"part\.queue: expected a table"),
        ({"ratio": 2.0}, r"part: ratio: 2\.0 is not in \[0, 1\]"),
    ],
)
def test_a_mistake_is_named_with_its_place(change: dict[str, Any], message: str) -> None:
    """An unknown key, a wrong type or a value out of range is an error that says where."""
    with pytest.raises(ConfigError, match=message):
        parse(Options, {"name": "a", **change}, where="part")


def test_a_missing_key_is_an_error() -> None:
    """What has no default must be given."""
    with pytest.raises(ConfigError, match="part: missing key 'name'"):
        parse(Options, {}, where="part")


def test_files_that_cannot_be_read_are_named(tmp_path: Path) -> None:
    """A missing file, and one that is not TOML, are errors with the path and, for the latter, the line."""
    with pytest.raises(ConfigError, match=r"no configuration file at .*missing\.toml"):
        load_toml(tmp_path / "missing.toml")
    broken = tmp_path / "broken.toml"
    broken.write_text("a = 1\nb = = 2\n", encoding="utf-8")
    with pytest.raises(ConfigError, match=r"broken\.toml.*line 2"):
        load_toml(broken)
    broken.write_bytes(b"a = '\xff'\n")
    with pytest.raises(ConfigError, match=r"broken\.toml"):
        load_toml(broken)
    broken.write_text("[queue]\nitems_max = 3\n", encoding="utf-8")
    assert load_toml(broken) == {"queue": {"items_max": 3}}
