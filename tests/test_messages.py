import ast
import string
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from causeway.errors import ConfigError
from causeway.findings import Message
from causeway.messages import LANGUAGES, MISSING, catalogue, quantity, text

HOME = Path(__file__).resolve().parent.parent
PACKAGES = ("causeway", "collectors", "analytics", "forwarders", "dashboards")
UNITS = {"", "%", "ratio", "ms", "s", "ns", "us", "B", "By", "bytes", "/s", "/min", "at"}


@dataclass(frozen=True, slots=True)
class Use:
    """One `Message("id", {...})` in the code. `values` is None where they are not all written out."""

    place: str
    id: str
    values: frozenset[str] | None


def _placeholders(sentence: str) -> set[tuple[str, str]]:
    return {(name, unit or "") for _, name, unit, _ in string.Formatter().parse(sentence) if name is not None}


def _uses() -> Iterator[Use]:
    for package in PACKAGES:
        for file in sorted((HOME / package).rglob("*.py")):
            tree = ast.parse(file.read_text(encoding="utf-8"))
            for node in ast.walk(tree):
                if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "Message":
                    yield from _use(node, place=f"{file.relative_to(HOME)}:{node.lineno}")


def _use(call: ast.Call, *, place: str) -> Iterator[Use]:
    arguments = {keyword.arg: keyword.value for keyword in call.keywords}
    arguments |= dict(zip(("id", "values"), call.args, strict=False))
    name, values = arguments.get("id"), arguments.get("values", ast.Dict(keys=[], values=[]))
    if isinstance(name, ast.Constant) and isinstance(name.value, str):
        yield Use(place, name.value, _keys(values))


def _keys(values: ast.expr) -> frozenset[str] | None:
    if not isinstance(values, ast.Dict):
        return None
    keys = [key.value for key in values.keys if isinstance(key, ast.Constant) and isinstance(key.value, str)]
    return frozenset(keys) if len(keys) == len(values.keys) else None


def test_both_languages_have_the_same_files() -> None:
    """A domain exists in every language or in none."""
    files = {
        language: {file.name for file in (HOME / "causeway" / "locales" / language).glob("*.toml")}
        for language in LANGUAGES
    }
    assert files["en"] == files["zh-CN"]


def test_both_languages_have_the_same_sentences() -> None:
    """Nothing is left untranslated, and no translation is left over."""
    english, chinese = catalogue("en"), catalogue("zh-CN")
    assert sorted(set(english) ^ set(chinese)) == []


def test_both_languages_have_the_same_placeholders() -> None:
    """A number that one language shows, with its unit, the other shows too."""
    english, chinese = catalogue("en"), catalogue("zh-CN")
    differing = [
        name for name in english.keys() & chinese.keys() if _placeholders(english[name]) != _placeholders(chinese[name])
    ]
    assert sorted(differing) == []


@pytest.mark.parametrize("language", LANGUAGES)
def test_sentences_use_known_units(language: str) -> None:
    """A placeholder is a plain name with one of the units that `quantity` knows."""
    odd = [
        f"{name}: {placeholder}:{unit}"
        for name, sentence in catalogue(language).items()
        for placeholder, unit in sorted(_placeholders(sentence))
        if unit not in UNITS or not placeholder.isidentifier()
    ]
    assert odd == []


def test_every_sentence_that_the_code_says_exists() -> None:
    """A `Message` with an id that no catalogue has would crash where somebody reads it."""
    known = catalogue("en")
    assert [f"{use.place}: {use.id}" for use in _uses() if use.id not in known] == []


def test_every_sentence_gets_the_values_it_shows() -> None:
    """A `Message` whose values are written out holds one for each placeholder of its sentence."""
    known = catalogue("en")
    lacking = [
        f"{use.place}: {use.id} lacks {sorted(needed - use.values)}"
        for use in _uses()
        if use.values is not None and use.id in known
        if (needed := {name for name, _ in _placeholders(known[use.id])}) - use.values
    ]
    assert lacking == []


def test_no_sentence_is_empty() -> None:
    """A sentence says something in every language."""
    empty = [name for language in LANGUAGES for name, sentence in catalogue(language).items() if not sentence.strip()]
    assert empty == []


@pytest.mark.parametrize(
    ("value", "unit", "shown"),
    [
        (0, "", "0"),
        (0.0, "ms", "0 ms"),
        (1234, "", "1.23 k"),
        (999, "", "999"),
        (1_000_000, "", "1 M"),
        (12.345, "", "12.3"),
        (0.001234, "", "0.00123"),
        (-5.5, "", "−5.5"),
        (0.5, "%", "50 %"),
        (0.01234, "ratio", "1.23 %"),
        (1500, "ms", "1.5 s"),
        (999, "ms", "999 ms"),
        (0.25, "ms", "250 µs"),
        (90, "s", "90 s"),
        (150, "s", "2.5 min"),
        (7200, "s", "2 h"),
        (172_800, "s", "2 d"),
        (2_500_000, "ns", "2.5 ms"),
        (1024, "B", "1 KiB"),
        (2048, "By/s", "2 KiB/s"),
        (1536 * 1024, "By", "1.5 MiB"),
        (12, "B", "12 B"),
        (12.5, "/s", "12.5 /s"),
        (12_500, "/s", "12.5 k/s"),
        (3, "/min", "3 /min"),
        (None, "ms", MISSING),
        (float("nan"), "", MISSING),
        (float("inf"), "s", "∞"),
        (float("-inf"), "s", "−∞"),
    ],
)
def test_numbers_read_well(value: float | None, unit: str, shown: str) -> None:
    """Three digits, a scale that fits, the unit after a space, a real minus, – for what is missing."""
    assert quantity(value, unit) == shown


@pytest.mark.parametrize(
    ("value", "unit", "shown"),
    [
        (999.9, "", "1 k"),
        (999.6, "ms", "1 s"),
        (1023.9, "B", "1 KiB"),
        (0.9999, "ms", "1 ms"),
        (9.999, "", "10"),
    ],
)
def test_rounding_up_does_not_leave_a_fourth_digit(value: float, unit: str, shown: str) -> None:
    """A number that rounds to the next scale is written in it: never 1000 ms."""
    assert quantity(value, unit) == shown


def test_a_language_that_we_do_not_have_is_refused() -> None:
    """An unknown language is an error naming those there are, not a fall back to English."""
    with pytest.raises(ConfigError, match="'de'; there are en, zh-CN"):
        catalogue("de")


def test_an_unknown_sentence_is_a_bug() -> None:
    """There is no silent placeholder for a sentence that does not exist."""
    with pytest.raises(KeyError):
        text(Message("nobody.said_that"))
