"""What of the map is asked for: read from the address, which is all the state there is."""

from __future__ import annotations

import re
from dataclasses import dataclass

from causeway.findings import Verdict
from causeway.window import DAY_NS, Window
from dashboards.address import Address

HOPS_MAX = 3
TYPES = ("service", "database", "queue", "external")
KINDS = ("sync", "async", "link")
# Which boxes, by their verdict: those that are off, those that nothing is known of, those that are well.
VERDICTS = {
    "off": (Verdict.WARNING, Verdict.CRITICAL),
    "critical": (Verdict.CRITICAL,),
    "unknown": (Verdict.UNKNOWN,),
    "ok": (Verdict.OK,),
}
GROUPINGS = ("namespace", "tier", "none")
LEVELS = ("service", "operation", "instance", "version")
COMPARISONS = ("before", "yesterday")
WORD_MAX = 200
# Parameters of the map that a form must carry along.
PARAMETERS = (
    "focus", "hops", "level", "all", "group", "open", "find", "type", "verdict", "kind", "calls", "ns", "noise", "at",
    "compare",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Asked:
    """The map asked for. Empty strings and None ask for nothing special; what cannot be read is left out.

    focus, hops, level: one service's neighbourhood, and how finely the service itself is drawn. group: how boxes are
    put together when there are many ("" decides by itself); opened: groups drawn box by box. calls_min: calls a
    minute. quiet: whether noise is hidden. at_ns: a moment of the window. compare: with which earlier window.
    """

    focus: str = ""
    hops: int = 1
    level: str = "service"
    group: str = ""
    opened: tuple[str, ...] = ()
    find: str = ""
    type: str = ""
    verdict: str = ""
    kind: str = ""
    calls_min: float = 0.0
    namespace: str = ""
    quiet: bool = False
    at_ns: int | None = None
    compare: str = ""

    @property
    def filtered(self) -> bool:
        """Whether any filter is set."""
        return bool(self.type or self.verdict or self.kind or self.calls_min or self.namespace or self.quiet)

    def before(self, window: Window) -> Window | None:
        """The window to compare with: the one before, or the same hours yesterday."""
        if self.compare == "before":
            return window.before(window.duration_ns)
        return window.shifted(-DAY_NS) if self.compare == "yesterday" else None


def asked_of(address: Address) -> Asked:
    """The map that an address asks for."""
    hops = address.get("hops")
    focus = address.get("focus")[:WORD_MAX]
    group = "none" if address.get("all") == "1" else _known(address.get("group"), GROUPINGS)
    at = address.get("at")
    return Asked(
        focus=focus,
        hops=int(hops) if hops.isdecimal() and 1 <= int(hops) <= HOPS_MAX else 1,
        level=(_known(address.get("level"), LEVELS) or "service") if focus else "service",
        group=group,
        opened=tuple(sorted({name for name in address.get("open").split(",") if name})),
        find=address.get("find")[:WORD_MAX],
        type=_known(address.get("type"), TYPES),
        verdict=_known(address.get("verdict"), tuple(VERDICTS)),
        kind=_known(address.get("kind"), KINDS),
        calls_min=_number(address.get("calls")),
        namespace=address.get("ns")[:WORD_MAX],
        quiet=address.get("noise") == "hide",
        at_ns=int(at) if re.fullmatch(r"\d{15,19}", at) else None,
        compare=_known(address.get("compare"), COMPARISONS),
    )


def _known(value: str, values: tuple[str, ...]) -> str:
    return value if value in values else ""


def _number(text: str) -> float:
    return float(text) if re.fullmatch(r"\d{1,9}(\.\d{1,6})?", text) else 0.0
