"""What everybody tries first, under the detector's own protocol: scores from the past alone."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd

WINDOW_POINTS = 1440
_FIRST = 60  # points before anything is said


def n_sigma(values: np.ndarray) -> np.ndarray:
    """Distance from the mean of the last 1440 points, in their standard deviations."""
    past = pd.Series(values).shift(1).rolling(WINDOW_POINTS, min_periods=_FIRST)
    return _apart(values, past.mean().to_numpy(), past.std().to_numpy())


def robust_z(values: np.ndarray) -> np.ndarray:
    """Distance from the median of the last 1440 points, in their interquartile ranges as sigmas."""
    past = pd.Series(values).shift(1).rolling(WINDOW_POINTS, min_periods=_FIRST)
    spread = (past.quantile(0.75) - past.quantile(0.25)) / 1.349
    return _apart(values, past.median().to_numpy(), spread.to_numpy())


def ewma(values: np.ndarray) -> np.ndarray:
    """Error of an exponentially weighted mean (0.1), in its own exponentially weighted (0.01) deviation."""
    series = pd.Series(values)
    forecast = series.ewm(alpha=0.1).mean().shift(1)
    deviation = np.sqrt(((series - forecast) ** 2).ewm(alpha=0.01, min_periods=_FIRST).mean().shift(1))
    return _apart(values, forecast.to_numpy(), deviation.to_numpy())


def _apart(values: np.ndarray, middle: np.ndarray, spread: np.ndarray) -> np.ndarray:
    far = np.abs(values - middle) / (spread + 1e-9 * np.nanmax(np.abs(values)) + 1e-12)
    return np.where(np.isfinite(far), far, 0.0)


BASELINES: dict[str, Callable[[np.ndarray], np.ndarray]] = {"n_sigma": n_sigma, "robust_z": robust_z, "ewma": ewma}
