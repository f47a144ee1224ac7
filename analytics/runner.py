"""The loop of `causeway analyze`: runs each job when it wants to be run, and goes on whatever fails.

A store that does not answer is said once and tried again, each time later. A job that crashes is logged with its
trace and tried again, each time later, while the others go on. A wrong setting ends the process at once.

Of all analyzers that share a state one leads; what only the leader does the others leave until they lead.
"""

from __future__ import annotations

import sys
import threading
import time
import traceback
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from causeway import logs, registry
from causeway.deployment import Deployment
from causeway.errors import ConfigError, StoreError
from causeway.jobs import Job, JobContext, Place
from causeway.state import Leadership, State
from causeway.stores.contract import Reader
from causeway.window import SECOND_NS

log = logs.get("analyze")

# The innermost calls of a crash are enough to find it.
TRACE_MAX = -6
WAIT_MIN_S = 0.2
WAIT_MAX_S = 60.0
BACK_OFF_FIRST_S = 1.0
BACK_OFF_MAX_S = 30.0
CRASH_BACK_OFF_FIRST_S = 15.0
CRASH_BACK_OFF_MAX_S = 600.0
# How soon somebody takes over after the leader went.
ELECTION_S = 2.0


@dataclass(slots=True)
class _Slot:
    """One job and when it is due next."""

    name: str
    job: Job
    place: Place = Place.LEADER
    due_ns: int = 0
    crashes: int = 0
    memory: dict[str, Any] = field(default_factory=dict)


class Runner:
    """Runs jobs over one deployment. `step` is one round; nothing here sleeps except `run`.

    Made with a wrong setting it raises ConfigError: a job's module may have a function `check(config)` beside the job.
    """

    def __init__(
        self,
        deployment: Deployment,
        config: Mapping[str, Any],
        *,
        jobs: Mapping[str, Job] | None = None,
        places: Collection[Place] = tuple(Place),
        open_reader: Callable[[Deployment], Reader] = Deployment.open_reader,
        clock_ns: Callable[[], int] = time.time_ns,
    ) -> None:
        self._deployment = deployment
        self._config = config
        self._clock_ns = clock_ns
        self._open_reader = open_reader
        named: dict[str, Job | None] = dict(jobs) if jobs is not None else dict.fromkeys(registry.names("jobs"))
        slots = [_slot(name, job or registry.load("jobs", name)) for name, job in named.items()]
        self._slots = [slot for slot in slots if slot.place in places]
        for slot in self._slots:
            _check(slot.job, config)
        self._reader: Reader | None = None
        self._state: State | None = None
        self._leadership: Leadership | None = None
        self._led = False
        self._failures = 0
        self._retry_ns = 0

    def step(self) -> float:
        """Run every job that is due; the seconds until the next one is. Raises ConfigError for a wrong setting."""
        for slot in self._slots:
            now_ns = self._clock_ns()
            if now_ns < max(slot.due_ns, self._retry_ns):
                continue
            try:
                self._run(slot, now_ns)
            except StoreError as error:
                self._broken(error)
                break
        return self._wait_s()

    def run(self, stop: threading.Event) -> None:
        """Go on until `stop` is set."""
        log.info("analyze.started", store=self._deployment.location, jobs=[slot.name for slot in self._slots])
        while not stop.is_set():
            stop.wait(self.step())
        self.close()
        log.info("analyze.stopped")

    def close(self) -> None:
        """Give back the store and the state."""
        for part in (self._leadership, self._reader, self._state):
            if part is not None:
                part.close()
        self._reader = self._state = self._leadership = None
        self._led = False

    def _run(self, slot: _Slot, now_ns: int) -> None:
        context = self._context(slot, now_ns)
        if slot.place is Place.LEADER and not context.leads():
            slot.due_ns = self._clock_ns() + int(ELECTION_S * SECOND_NS)
            return
        try:
            wanted_s = slot.job(context)
            slot.crashes = 0
        except (ConfigError, StoreError):
            raise
        except Exception as error:  # noqa: BLE001 - one broken job must not stop the others
            slot.crashes += 1
            wanted_s = min(CRASH_BACK_OFF_FIRST_S * 2 ** (slot.crashes - 1), CRASH_BACK_OFF_MAX_S)
            trace = "".join(traceback.format_exception(error, limit=TRACE_MAX))
            log.error("job.crashed", job=slot.name, error=repr(error), retry_s=wanted_s, trace=trace)
        if self._failures:
            log.info("store.recovered", store=self._deployment.location, failures=self._failures)
            self._failures = 0
        slot.due_ns = self._clock_ns() + int(wanted_s * SECOND_NS)

    def _context(self, slot: _Slot, now_ns: int) -> JobContext:
        if self._state is None:
            self._state = self._deployment.open_state()
        if self._reader is None:
            self._reader = self._open_reader(self._deployment)
        if self._leadership is None:
            self._leadership = self._state.leadership()
        return JobContext(
            reader=self._reader,
            state=self._state,
            config=self._config,
            now_ns=now_ns,
            deployment=self._deployment,
            log=log.bind(job=slot.name),
            memory=slot.memory,
            leads=self._leads,
        )

    def _leads(self) -> bool:
        leads = self._leadership is not None and self._leadership.leads()
        if leads != self._led:
            log.info("leader.elected" if leads else "leader.lost", state=self._deployment.state_location)
            self._led = leads
        return leads

    def _broken(self, error: StoreError) -> None:
        wait_s = min(BACK_OFF_FIRST_S * 2**self._failures, BACK_OFF_MAX_S)
        if not self._failures:
            log.warning("store.unavailable", store=self._deployment.location, error=str(error), retry_s=wait_s)
        self._failures += 1
        self._retry_ns = self._clock_ns() + int(wait_s * SECOND_NS)
        self.close()

    def _wait_s(self) -> float:
        due_ns = min((slot.due_ns for slot in self._slots), default=0)
        wait_s = (max(due_ns, self._retry_ns) - self._clock_ns()) / SECOND_NS
        return min(max(wait_s, WAIT_MIN_S), WAIT_MAX_S)


def run_together(runners: Sequence[Runner], stop: threading.Event) -> None:
    """Run each in a thread of its own until `stop` is set or one of them fails; then raise its error."""
    failed: list[BaseException] = []

    def run(runner: Runner) -> None:
        try:
            runner.run(stop)
        except BaseException as error:  # noqa: BLE001 - raised again below
            failed.append(error)
            stop.set()

    threads = [threading.Thread(target=run, args=(runner,), name=f"jobs-{n}") for n, runner in enumerate(runners)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if failed:
        raise failed[0]


def _slot(name: str, job: Job) -> _Slot:
    module = sys.modules.get(getattr(job, "__module__", ""))
    return _Slot(name, job, getattr(module, "PLACE", Place.LEADER))


def _check(job: Job, config: Mapping[str, Any]) -> None:
    """Let the job's module look at the settings before anything runs. Raises ConfigError."""
    check = getattr(sys.modules.get(getattr(job, "__module__", "")), "check", None)
    if check is not None:
        check(config)
