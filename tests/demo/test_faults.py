"""The table of faults: each is told, has a truth, and can be chosen or refused."""

from __future__ import annotations

import pytest
import typer
from typer.testing import CliRunner

from causeway.demo import faults
from causeway.demo.commands import register
from causeway.demo.run import Diary, past
from causeway.demo.shop import plan
from causeway.errors import ConfigError
from causeway.findings import Message
from causeway.messages import LANGUAGES, text
from causeway.window import HOUR_NS, MINUTE_NS, SECOND_NS, Window

NAMES = ("latency", "errors", "cpu", "leak", "crash", "release", "slow-db")


def test_there_are_seven() -> None:
    """The faults that the documentation promises, by name."""
    assert tuple(faults.FAULTS) == NAMES


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("name", NAMES)
def test_each_is_told_in_every_language(name: str, language: str) -> None:
    """The story names the culprit."""
    fault = faults.FAULTS[name]
    values = {"service": fault.service, "entity": fault.entity(fault.service)}
    assert fault.service in text(Message(fault.story, values), language)


@pytest.mark.parametrize("name", NAMES)
def test_the_truth_is_in_the_shop(name: str) -> None:
    """The culprit is a service of the plan, or for the slow database the database of one."""
    fault = faults.FAULTS[name]
    service = plan.service(fault.service)
    assert fault.entity(fault.service) == (service.database if name == "slow-db" else service.name)
    assert fault.entity(fault.service) in fault.accepted(fault.service)


@pytest.mark.parametrize(
    ("name", "service", "culprit"),
    [("latency", None, "shipping"), ("latency", "cart", "cart"), ("slow-db", "catalog", "catalog-db")],
)
def test_the_service_can_be_chosen(name: str, service: str | None, culprit: str) -> None:
    """The usual service unless another is asked for."""
    fault, chosen = faults.choose(name, service)
    assert fault.entity(chosen) == culprit


@pytest.mark.parametrize(
    ("name", "service", "said"),
    [("fire", None, "slow-db"), ("latency", "warehouse", "shipping"), ("slow-db", "cart", "catalog, orders")],
)
def test_what_is_not_there_is_refused(name: str, service: str | None, said: str) -> None:
    """The error lists what could be chosen."""
    with pytest.raises(ConfigError, match=said):
        faults.choose(name, service)


def test_next_version() -> None:
    """A release raises the minor version."""
    assert faults.next_version("2.3.1") == "2.4.0"


def test_the_command_lists_them() -> None:
    """`--list-faults` answers on standard output, one line a fault with its expected cause."""
    app = typer.Typer()
    register(app)
    result = CliRunner().invoke(app, ["demo", "--list-faults"])
    lines = result.stdout.splitlines()
    assert [line.split(":")[0] for line in lines] == list(NAMES)
    assert "Expected cause: orders-db" in lines[-1]


@pytest.mark.parametrize(
    ("before_ns", "expected"),
    [
        (None, Window(9 * HOUR_NS, 10 * HOUR_NS)),
        (2 * HOUR_NS, Window(9 * HOUR_NS, 10 * HOUR_NS)),
        (10 * HOUR_NS - 30 * MINUTE_NS, Window(10 * HOUR_NS - 30 * MINUTE_NS + SECOND_NS, 10 * HOUR_NS)),
        (10 * HOUR_NS - 30 * SECOND_NS, None),
    ],
)
def test_only_unseen_time_is_generated(before_ns: int | None, expected: Window | None) -> None:
    """The past ends where the shop opened and begins after what an earlier demo has seen, if that is recent."""
    before = None if before_ns is None else Diary(live_until_ns=before_ns)
    assert past(HOUR_NS, Diary(live_since_ns=10 * HOUR_NS), before) == expected
