"""The impact scores that pages show: the same on every page for the same window."""

from __future__ import annotations

from collections.abc import Sequence

from analytics.impact.scores import ServiceImpact
from dashboards.services import Services
from dashboards.view import View


def shown_impact(view: View, services: Services) -> Sequence[ServiceImpact]:
    """Measured in sampled traces where that is done, else estimated from call ratios.

    A page that follows the clock does not wait for the measuring: it is drawn again soon. Any other waits a little.
    """
    measured = services.measured_impact(view.steady_window, patient=not view.live)
    return measured or services.impact(view.window)
