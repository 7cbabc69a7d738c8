"""Panels on requests and errors that more than one dashboard shows."""

from __future__ import annotations

from typing import TYPE_CHECKING

from grafana_foundation_sdk.models import units

from . import looks
from .panels import About, Scale, graph_of_calls, log_lines, stat
from .promql import CALLS, DURATION, SERVED, calls_between, error_share, quantile, rate
from .sources import STACK_INTERVAL, logs, prom, rows

if TYPE_CHECKING:
    from grafana_foundation_sdk.models.dashboard import DashboardLink, Panel

QUIET = "No requests in this time"
#: LogQL after a selector: ERROR and above, by OpenTelemetry's numbers.
SEVERE = " | severity_number >= 17"
ERROR_LOGS = '{service_name=~"$service"}' + SEVERE


def request_numbers(failures: DashboardLink) -> list[Panel]:
    """Rate, errors and duration of what is selected, one large number each.

    Args:
        failures: Where the share of failures leads.
    """
    return [
        stat(
            About("Requests", "Requests answered a second.", QUIET, units.RequestsPerSecond),
            prom(rate(CALLS, SERVED), every=STACK_INTERVAL),
            trend=True,
        ),
        stat(
            About(
                "Failed",
                "Share of requests that ended in an error.",
                QUIET,
                units.PercentUnit,
                [failures],
            ),
            prom(error_share(), every=STACK_INTERVAL),
            scale=Scale(looks.ERRORS),
            trend=True,
        ),
        stat(
            About("95 % within", "Time in which 95 % are answered.", QUIET, units.Seconds),
            prom(quantile(0.95, DURATION, SERVED), every=STACK_INTERVAL),
            scale=Scale(looks.SECONDS),
            trend=True,
        ),
    ]


def who_calls_whom() -> Panel:
    """The graph of calls from and to what is selected."""
    return graph_of_calls(
        About(
            "Who calls whom",
            "Calls a second from and to what is selected, and the share of them that failed; from "
            "spans. Databases and brokers without spans of their own are drawn too.",
            "Nobody has called and nobody was called in this time",
            units.RequestsPerSecond,
        ),
        *(rows(expr, every=STACK_INTERVAL) for expr in calls_between()),
    )


def error_lines() -> Panel:
    """The last error logs of what is selected."""
    return log_lines(
        About(
            "Error logs",
            "Log records of severity ERROR and above. Open a line for its attributes, and its "
            "trace by trace_id.",
            "No errors were logged in this time",
        ),
        logs(ERROR_LOGS),
    )
