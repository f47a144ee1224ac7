"""Several `causeway analyze` on one state: one leads, and when it is killed another does within seconds."""

from __future__ import annotations

import contextlib
import os
import signal
import sys

import pytest

from causeway.state import open_state
from tests.servers.postgresql import postgresql
from tests.servers.process import running, wait_for

ELECTED = "leader.elected"


@pytest.mark.parametrize("database", ["sqlite", "postgresql"])
def test_another_leads_when_the_leader_is_killed(database: str, shop_folder, tmp_path) -> None:
    """Two analyzers; never do two lead at once, and never does a third party while one does."""
    with contextlib.ExitStack() as stack:
        place = str(tmp_path / "state.sqlite")
        if database == "postgresql":
            place = stack.enter_context(postgresql()).database()
        options = ["--data", str(shop_folder), "--state", place if "://" in place else f"sqlite:///{place}"]
        environment = {**os.environ, "CAUSEWAY_LOG_LEVEL": "INFO"}
        arguments = [sys.executable, "-m", "causeway", "analyze", *options]
        children = [
            stack.enter_context(running(arguments, folder=tmp_path / name, name=name, environment=environment))
            for name in ("one", "two")
        ]
        leader = wait_for(
            lambda: next((child for child in children if ELECTED in child.output()), None),
            what="somebody to lead",
            timeout_s=90,
        )
        other = next(child for child in children if child is not leader)
        other.wait_for(lambda: "analyze.started" in other.output(), what="the other to run", timeout_s=90)
        state = stack.enter_context(contextlib.closing(open_state(place)))
        witness = stack.enter_context(contextlib.closing(state.leadership()))
        assert not witness.leads() and ELECTED not in other.output()
        leader.stop(by=signal.SIGKILL)
        other.wait_for(lambda: ELECTED in other.output(), what="the other to lead", timeout_s=30)
        assert not witness.leads()
