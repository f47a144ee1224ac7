"""The impact scores that pages show: the same on every page for the same window."""

from __future__ import annotations

from collections.abc import Sequence

import structlog

from analytics.impact.scores import ServiceImpact
from causeway.errors import CausewayError
from dashboards.services import Services
from dashboards.view import View

log = structlog.get_logger("dashboards")


def shown_impact(view: View, services: Services) -> Sequence[ServiceImpact]:
    """Measured in sampled traces where that is done, else estimated from call ratios: also where no trace can be read.

    A page that follows the clock does not wait for the measuring: it is drawn again soon. Any other waits a little.
    """
    try:
        measured = services.measured_impact(view.steady_window, patient=not view.live)
    except CausewayError as error:
        log.warning("impact.unmeasured", reason=str(error))
        measured = None
    return measured or services.impact(view.window)
