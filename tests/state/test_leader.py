"""Of all who work on one state one leads; when it goes, however it goes, another does within seconds."""

from __future__ import annotations

import signal
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import psycopg

from causeway.state import open_state
from tests.servers.postgresql import postgresql
from tests.servers.process import wait_for

CANDIDATE = """
import sys, time
from causeway.state import open_state
part = open_state(sys.argv[1]).leadership()
while True:
    print(int(part.leads()), flush=True)
    time.sleep(0.05)
"""


def candidate(place):
    return subprocess.Popen(
        [sys.executable, "-c", CANDIDATE, place], stdout=subprocess.PIPE, text=True, start_new_session=True
    )


def says(process, wanted):
    return process.stdout is not None and process.stdout.readline().strip() == wanted


def test_one_of_many_leads(place):
    """However many ask at once."""
    states = [open_state(place) for _ in range(5)]
    parts = [state.leadership() for state in states]
    with ThreadPoolExecutor(5) as pool:
        for _ in range(3):
            assert sorted(pool.map(lambda part: part.leads(), parts)) == [False] * 4 + [True]
    first = next(part for part in parts if part.leads())
    first.close()
    others = [part for part in parts if part is not first]
    assert [part.leads() for part in others].count(True) == 1 and not first.leads()
    for part in parts:
        part.close()
    for state in states:
        state.close()


def test_a_killed_leader_is_followed(place):
    """The lock goes with the process that held it."""
    open_state(place).close()
    first = candidate(place)
    try:
        wait_for(lambda: says(first, "1"), what="the first to lead")
        state = open_state(place)
        part = state.leadership()
        assert not part.leads()
        first.send_signal(signal.SIGKILL)
        first.wait(10)
        wait_for(part.leads, what="the second to lead", timeout_s=10)
        part.close()
        state.close()
    finally:
        first.kill()
        first.wait(10)
        first.stdout.close()


def test_who_lost_its_session_leads_no_more(server):
    """The answer comes from the lock's keeper: a leader whose session was cut knows at its next question."""
    place = server.database()
    state, other = open_state(place), open_state(place)
    part, waiting = state.leadership(), other.leadership()
    assert part.leads() and not waiting.leads()
    with psycopg.connect(place, autocommit=True) as connection:
        held = "locktype = 'advisory' AND granted AND datname = current_database()"
        found = f"SELECT pid FROM pg_locks JOIN pg_database AS db ON db.oid = pg_locks.database WHERE {held}"
        connection.execute(f"SELECT pg_terminate_backend(pid) FROM ({found}) AS sessions")
    wait_for(waiting.leads, what="the other to lead", timeout_s=10)
    assert not part.leads()
    for one in (part, waiting, state, other):
        one.close()


def test_nobody_leads_while_the_database_is_away():
    """Without anybody to ask there is no leader; when the database is back there is one again."""
    with postgresql() as server:
        place = server.database()
        state, other = open_state(place), open_state(place)
        parts = [state.leadership(), other.leadership()]
        assert [part.leads() for part in parts] == [True, False]
        server.stop()
        assert [part.leads() for part in parts] == [False, False]
        server.start()
        assert [part.leads() for part in parts].count(True) == 1
        for one in (*parts, state, other):
            one.close()
