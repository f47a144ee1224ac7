"""What our data streams and indices are called."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime

from causeway.window import DAY_NS


@dataclass(frozen=True, slots=True)
class Names:
    """The names of one namespace."""

    namespace: str

    @property
    def spans(self) -> str:
        """Data stream of spans."""
        return f"traces-causeway.otel-{self.namespace}"

    @property
    def logs(self) -> str:
        """Data stream of log lines."""
        return f"logs-causeway.otel-{self.namespace}"

    @property
    def events(self) -> str:
        """Data stream of events."""
        return f"logs-causeway.event.otel-{self.namespace}"

    @property
    def points(self) -> str:
        """Data stream of histogram points and exemplars."""
        return f"metrics-causeway.otel-{self.namespace}"

    @property
    def dead_letters(self) -> str:
        """Data stream of documents that the server refused."""
        return f"logs-causeway.dead_letter-{self.namespace}"

    @property
    def resources(self) -> str:
        """Index of resources by resource_id."""
        return f"causeway-resources-{self.namespace}"

    @property
    def series(self) -> str:
        """Index of series by series_id."""
        return f"causeway-series-{self.namespace}"

    @property
    def log_templates(self) -> str:
        """Index of what is known of log templates, by entry_id."""
        return f"causeway-log_templates-{self.namespace}"

    @property
    def rollups(self) -> str:
        """Pattern of all indices of rollups."""
        return f"causeway-rollups-{self.namespace}-*"

    def rollups_of(self, time_ns: int) -> str:
        """Index of rollups of the UTC day that holds the time."""
        day = datetime.fromtimestamp(time_ns // DAY_NS * DAY_NS // 1_000_000_000, UTC)
        return f"causeway-rollups-{self.namespace}-{day:%Y.%m.%d}"

    @property
    def streams(self) -> dict[str, str]:
        """Every data stream by the record table (`dead_letters` too) that goes there."""
        return {
            "spans": self.spans,
            "logs": self.logs,
            "events": self.events,
            "histograms": self.points,
            "exemplars": self.points,
            "dead_letters": self.dead_letters,
        }
