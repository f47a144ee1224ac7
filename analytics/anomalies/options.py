"""The table `[anomalies]`."""

from __future__ import annotations

from dataclasses import dataclass

from analytics.anomalies.detector import DetectorSettings

DAY_S = 86_400.0


@dataclass(frozen=True, slots=True)
class AnomalyOptions:
    """alarms_per_week: of each series; noisier ones have their bar raised. history_days: read where nothing is
    learned yet. series_max: so many series are judged, about 12 kB each. keep_days: of events."""

    enabled: bool = True
    alarms_per_week: float = 0.5
    history_days: float = 7.0
    series_max: int = 20_000
    keep_days: float = 35.0

    def __post_init__(self) -> None:
        if min(self.alarms_per_week, self.history_days, self.keep_days) <= 0:
            raise ValueError("alarms_per_week, history_days and keep_days must be more than 0")
        if self.series_max < 1:
            raise ValueError("series_max must be 1 or more")

    @property
    def detector(self) -> DetectorSettings:
        """The same settings for every series."""
        return DetectorSettings(alarms_per_week=self.alarms_per_week)
