"""Rules of the impact scores that pages show."""

from __future__ import annotations

from dataclasses import replace

from analytics.impact.scores import ServiceImpact
from causeway.errors import StoreError
from causeway.window import Window
from dashboards.address import Address
from dashboards.components.service_table import service_rows
from dashboards.scored import shown_impact
from dashboards.view import View, view_of
from tests.dashboards.fakes import ShopServices

MEASURED = 42.0


class Measuring(ShopServices):
    """Every measured score is MEASURED, and who waited for it is remembered."""

    waited: bool | None = None

    def measured_impact(self, window: Window, *, patient: bool = True) -> tuple[ServiceImpact, ...] | None:
        self.waited = patient
        return tuple(replace(one, impact=MEASURED) for one in self.impact(window))


class Unreadable(ShopServices):
    """Its traces cannot be read."""

    def measured_impact(
        self,
        window: Window,  # noqa: ARG002
        *,
        patient: bool = True,  # noqa: ARG002
    ) -> tuple[ServiceImpact, ...] | None:
        raise StoreError("traces are gone")


def view(services: ShopServices, search: str = "?range=15m") -> View:
    return view_of(Address.of("/", search), now_ns=services.now_ns())


def test_tables_of_services_show_the_measured_score() -> None:
    """Overview, services, map and impact page agree: none goes on showing the estimate."""
    services = Measuring(rate=1.0)
    rows = service_rows(view(services), services, view(services).window)
    assert {row["impact_text"] for row in rows} == {"42"}


def test_only_a_page_that_stands_still_waits_for_the_measuring() -> None:
    """A page that follows the clock is drawn again anyway."""
    services = Measuring(rate=1.0)
    shown_impact(view(services), services)
    assert services.waited is False
    end_ns = services.now_ns()
    shown_impact(replace(view(services, f"?from={end_ns - 900 * 10**9}&to={end_ns}")), services)
    assert services.waited is True


def test_scores_are_estimated_where_traces_cannot_be_read() -> None:
    """The overview does not fail with the trace store."""
    services = Unreadable(rate=1.0)
    assert shown_impact(view(services), services) == services.impact(view(services).window)
