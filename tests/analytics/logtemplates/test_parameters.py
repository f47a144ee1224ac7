"""The values of a line at the masks of its template."""

from __future__ import annotations

import pytest

from analytics.logtemplates.parameters import Parameter, kind, parameters


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("true", "boolean"),
        ("null", "null"),
        ("-17", "integer"),
        ("1,234,567", "integer"),
        ("0.25", "decimal"),
        ("99.5%", "percentage"),
        ("12ms", "duration"),
        ("4KB", "size"),
        ("2023-01-29T08:42:22.383Z", "time"),
        ("08:42:22", "time"),
        ("10.0.0.17", "ip"),
        ("10.0.0.17:5432", "address"),
        ("https://a.example/b", "url"),
        ("/var/log/x", "path"),
        ("0xff", "hex"),
        ("0b23bd3e-876a-4af3-b920-c50a90c90b04", "uuid"),
        ("a, b", "list"),
        ("bob", "word"),
        ("", "word"),
    ],
)
def test_kinds(value: str, expected: str) -> None:
    """Each value has the first kind that fits all of it."""
    assert kind(value) == expected


def test_reads_values_left_to_right() -> None:
    """One value per mask; blanks of the line do not matter, nor does what wraps the message."""
    expected = (Parameter("address", "10.0.0.17:5432"), Parameter("duration", "12ms"))
    assert parameters("connected to <*> in <*>", "connected  to 10.0.0.17:5432 in 12ms") == expected
    assert parameters("connected to <*> in <*>", '{"log":"connected to 10.0.0.17:5432 in 12ms\\n"}') == expected


@pytest.mark.parametrize("line", ["disconnected from 5", "connected to 5", "connected to 5 in 6 tries"])
def test_refuses_a_line_of_another_template(line: str) -> None:
    """A line that does not follow the template has no values, not wrong ones."""
    assert parameters("connected to <*> in <*> ms", line) is None


def test_a_template_without_masks_has_no_values() -> None:
    """No masks, no values; and only the very line follows it."""
    assert parameters("plain words", "plain words") == ()
    assert parameters("plain words", "plain words and more") is None
