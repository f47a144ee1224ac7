"""`causeway demo`: the platform, the shop under load, a generated past, and on request a fault."""

from __future__ import annotations

import json
import math
import threading
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

from causeway.demo import cast
from causeway.demo.faults import Fault, Stage
from causeway.demo.history.draw import Pace
from causeway.demo.history.metrics import Usage
from causeway.demo.history.run import History, exports, slices
from causeway.demo.shop import plan
from causeway.demo.shop.settings import ShopSettings
from causeway.findings import Message
from causeway.otlp.send import Export, Sender, SendOptions, Tally
from causeway.supervisor import ChildFailed, Supervisor
from causeway.supervisor_commands import READY_WITHIN_S, platform, stop_signals
from causeway.terminal import Terminal
from causeway.up import PlatformOptions
from causeway.window import MINUTE_NS, SECOND_NS, Window, iso

# How long the running shop is watched to learn how fast this machine is, before its past is generated.
CALIBRATE_S = 8.0
_STEP_S = 0.25
_DIARY_EVERY_S = 10.0
# The 90th percentile of a normal distribution lies so many standard deviations above its middle.
_SIGMAS_AT_P90 = 1.2816


@dataclass(frozen=True, slots=True)
class DemoOptions:
    """What was asked for. prefill_ns: 0 for none. after_s counts from when all is ready."""

    platform: PlatformOptions
    fault: tuple[Fault, str] | None = None
    after_s: float = 60.0
    duration_s: float = 300.0
    prefill_ns: int = 60 * MINUTE_NS
    per_s: float = plan.REQUESTS_PER_S
    seed: int = 1


@dataclass(slots=True)
class Diary:
    """What the demo did, in DIR/run/demo.json: for the next start, and for who checks a diagnosis."""

    live_since_ns: int = 0
    live_until_ns: int = 0
    fault: str | None = None
    service: str | None = None
    accepted: tuple[str, ...] = ()
    began_ns: int | None = None
    ended_ns: int | None = None


def run(options: DemoOptions, terminal: Terminal) -> None:
    """Run until Ctrl-C. Raises CausewayError for ports in use or parts that do not start."""
    with stop_signals() as stopping, platform(options.platform, terminal, stopping) as supervisor:
        _Demo(options, terminal, supervisor, stopping).run()


class _Demo:
    def __init__(
        self, options: DemoOptions, terminal: Terminal, supervisor: Supervisor, stopping: threading.Event
    ) -> None:
        self._options, self._terminal = options, terminal
        self._supervisor, self._stopping = supervisor, stopping
        self._folder = options.platform.data / "run"
        self._shop = cast.settings(otlp=options.platform.otlp_http, folder=self._folder / "shop", seed=options.seed)
        self._before = read_diary(self._folder)
        self._diary = Diary()
        self._written_s = 0.0

    def run(self) -> None:
        """Open the shop, make its past, then watch it and cause the fault in time."""
        if self._stopping.is_set() or not self._open():
            return
        if self._options.prefill_ns:
            self._prefill()
        if self._stopping.is_set():
            return
        self._say_ready()
        ready_s = time.monotonic()
        while not self._stopping.wait(_STEP_S):
            self._supervisor.step()
            self._act(time.monotonic() - ready_s)
            self._write()

    def _open(self) -> bool:
        children = cast.shop_children(self._shop)
        values = {"services": str(len(plan.SERVICES)), "processes": str(len(children))}
        self._terminal.say(Message("demo.shop_opening", values), tone="head")
        self._supervisor.add(children)
        names = [child.name for child in children]
        if not self._supervisor.wait_ready(within_s=READY_WITHIN_S, stopping=self._stopping, names=names):
            if self._stopping.is_set():
                return False
            missing = [name for name in names if not self._supervisor.all_ready((name,))]
            raise ChildFailed(f"not ready after {READY_WITHIN_S:g} s: {', '.join(missing)}; see {self._folder}")
        self._diary.live_since_ns = time.time_ns()
        self._supervisor.add([cast.load_child(self._shop, per_s=self._options.per_s)])
        self._terminal.say(Message("demo.shop_open", {"rate": self._options.per_s}), tone="good")
        return True

    # -- the past ----------------------------------------------------------------------------------------------

    def _prefill(self) -> None:
        window = past(self._options.prefill_ns, self._diary, self._before)
        if window is None:
            self._terminal.say(Message("demo.prefill_there"))
            return
        self._terminal.say(Message("demo.prefill_learning", {"watch": CALIBRATE_S}))
        usage = self._watch()
        history = History(window, self._shop.ports, self._options.per_s, self._options.seed, _pace(self._shop), usage)
        began_s = time.monotonic()
        values = {"from": iso(window.start_ns), "to": iso(window.end_ns)}
        with self._terminal.progress(Message("demo.prefill_sending", values), slices(window)) as advance:

            def sent(export: Export) -> None:
                self._supervisor.step()
                advance(1 if export.signal == "spans" else 0)

            with Sender(self._options.platform.otlp_http, SendOptions(in_flight=2)) as sender:
                sender.send_all(self._until_stopped(exports(history)), progress=sent)
        self._say_prefilled(sender.tallies, time.monotonic() - began_s)

    def _until_stopped(self, found: Iterator[Export]) -> Iterator[Export]:
        for export in found:
            if self._stopping.is_set():
                return
            yield export

    def _watch(self) -> dict[str, Usage]:
        """What every instance uses while the shop is well."""
        began_s = time.monotonic()
        first = _cpu_seconds(self._shop)
        while time.monotonic() - began_s < CALIBRATE_S and not self._stopping.wait(_STEP_S):
            self._supervisor.step()
        took_s = time.monotonic() - began_s
        usage = {}
        for name, (cpu_s, memory_bytes) in _cpu_seconds(self._shop).items():
            if name in first:
                usage[name] = Usage(max(0.001, (cpu_s - first[name][0]) / took_s), memory_bytes)
        return usage

    def _say_prefilled(self, tallies: dict[str, Tally], took_s: float) -> None:
        values: dict[str, str | float] = {signal: f"{tally.accepted:,}" for signal, tally in tallies.items()}
        rejected = sum(tally.rejected for tally in tallies.values())
        values |= {"took": took_s, "rejected": str(rejected)}
        self._terminal.say(Message("demo.prefill_done", values), tone="warn" if rejected else "good")

    # -- the fault ---------------------------------------------------------------------------------------------

    def _act(self, elapsed_s: float) -> None:
        if self._options.fault is None:
            return
        options, diary = self._options, self._diary
        if diary.began_ns is None and elapsed_s >= options.after_s:
            self._begin(*self._options.fault)
        elif diary.began_ns and diary.ended_ns is None and elapsed_s >= options.after_s + options.duration_s:
            self._end(*self._options.fault)

    def _begin(self, fault: Fault, service: str) -> None:
        began_ns = time.time_ns()
        fault.begin(self._stage(), service)
        diary = self._diary
        diary.fault, diary.service, diary.accepted = fault.name, service, fault.accepted(service)
        diary.began_ns = began_ns
        self._write(now=True)
        self._terminal.say(Message("demo.fault_began", {"time": iso(began_ns), "fault": fault.name}), tone="warn")
        self._terminal.say(Message(fault.story, {"service": service, "entity": fault.entity(service)}))
        expected = {
            "entity": fault.entity(service),
            "url": f"{self._options.platform.dashboards}/incidents",
            "data": str(self._options.platform.data),
        }
        self._terminal.say(Message("demo.fault_expect", expected))

    def _end(self, fault: Fault, service: str) -> None:
        fault.end(self._stage(), service)
        self._diary.ended_ns = time.time_ns()
        self._write(now=True)
        ended = {"time": iso(self._diary.ended_ns), "fault": fault.name}
        self._terminal.say(Message("demo.fault_ended", ended), tone="good")

    def _stage(self) -> Stage:
        return Stage(self._shop, self._supervisor, self._stopping)

    # -- words and diary ---------------------------------------------------------------------------------------

    def _say_ready(self) -> None:
        say, options = self._terminal.say, self._options
        if options.platform.serve:
            say(Message("demo.ready", {"url": options.platform.dashboards}), tone="head")
        if options.fault:
            fault, service = options.fault
            say(Message("demo.fault_plan", {"fault": fault.name, "service": service, "after": options.after_s}))
        else:
            say(Message("demo.fault_none"))
        say(Message("demo.up_stop_hint"))

    def _write(self, *, now: bool = False) -> None:
        if now or time.monotonic() - self._written_s > _DIARY_EVERY_S:
            self._written_s = time.monotonic()
            self._diary.live_until_ns = time.time_ns()
            path = self._folder / "demo.json"
            path.with_suffix(".new").write_text(json.dumps(asdict(self._diary)), encoding="utf-8")
            path.with_suffix(".new").replace(path)


def read_diary(folder: Path) -> Diary | None:
    """What the demo before this one wrote in DIR/run, if there was one."""
    path = folder / "demo.json"
    return Diary(**json.loads(path.read_text(encoding="utf-8"))) if path.exists() else None


def past(prefill_ns: int, diary: Diary, before: Diary | None) -> Window | None:
    """The time to generate: until the shop opened, but nothing that an earlier demo has seen. None if under 1 min."""
    start = diary.live_since_ns - prefill_ns
    if before:
        start = max(start, before.live_until_ns + SECOND_NS)
    return Window(start, diary.live_since_ns) if diary.live_since_ns - start > MINUTE_NS else None


def _cpu_seconds(shop: ShopSettings) -> dict[str, tuple[float, float]]:
    found = {}
    for ports in shop.ports.values():
        for port in ports:
            if (said := cast.statistics(port)) is not None:
                found[str(said["instance"])] = (float(said["cpu_s"] or 0), float(said["memory_bytes"] or 0))
    return found


def _pace(shop: ShopSettings) -> Pace:
    """The usual time that a call spends between its client and its server here."""
    said = cast.statistics(shop.ports["web"][0]) or {}
    middle, high = said.get("gap_ms_p50"), said.get("gap_ms_p90")
    if not middle or not high:
        return Pace()
    spread = math.log(float(high) / float(middle)) / _SIGMAS_AT_P90
    return Pace(plan.Duration(float(middle), min(max(spread, 0.2), 1.0)))
