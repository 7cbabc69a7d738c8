"""Service: what one service does, for whom, with whose help, and what went wrong."""

from __future__ import annotations

from typing import TYPE_CHECKING

from grafana_foundation_sdk.models import units

from . import links, looks
from .frame import Place, Row, Sheet, dashboard_of, services
from .panels import (
    About,
    Scale,
    heat,
    log_lines,
    search_results,
    series,
    stat,
    table,
)
from .promql import (
    CALLS,
    DURATION,
    SERVED,
    SERVICE,
    error_share,
    quantile,
    rate,
    share,
    worst,
)
from .sources import STACK_INTERVAL, JaegerSearch, buckets, log_counts, logs, now, prom, rows
from .traffic import QUIET, SEVERE, error_lines, request_numbers, who_calls_whom

if TYPE_CHECKING:
    from grafana_foundation_sdk.models.dashboard import Dashboard, Panel

#: A server span is called by method and route, in old and new semantic conventions alike; the HTTP
#: metrics of the two have different names.
BY_ROUTE = "span_name"
ROUTE = "{{span_name}}"
OPERATION = "${__field.labels.span_name}"


def build() -> Dashboard:
    """One service at a time."""
    return dashboard_of(
        Sheet(
            uid="pepperpy-service",
            description="One service: requests, errors and durations by route, latencies with "
            "traces behind them, what it calls and who calls it, its logs and its last errors.",
            variables=[services(one=True)],
            rows=[
                Row("Now", _numbers()),
                Row("By route", _by_route()),
                Row("Latency", [Place(_heat_map(), 12, 9), Place(_percentiles(), 12, 9)]),
                Row("Dependencies", [Place(who_calls_whom(), 10, 10), Place(_calls(), 14, 10)]),
                Row("Errors", [Place(_failed_traces(), 12, 9), Place(error_lines(), 12, 9)]),
                Row("Logs", [Place(_log_rate(), 24, 5), Place(_logs(), 24, 10)]),
            ],
        )
    )


def _numbers() -> list[Place]:
    to_health = links.to_dashboard("pepperpy-health", links.SELECTED)
    panels = [
        stat(
            About(
                "Health",
                "The worst state of its health checks, in any instance.",
                "It reports no health checks",
                links=[to_health],
            ),
            now(worst("health_check_status", SERVICE, "service_name")),
            states=True,
        ),
        stat(
            About(
                "Instances",
                "Processes that report. One that is gone is counted for five minutes more.",
                "No process reports its resources",
                links=[links.to_dashboard("pepperpy-runtime", links.SELECTED)],
            ),
            now(f"count(count by (service_instance_id) (process_memory_usage_bytes{{{SERVICE}}}))"),
        ),
        *request_numbers(links.to_traces(links.SELECTED, tags="error=true", title="Failed traces")),
        stat(
            About(
                "Error budget left",
                "The least that is left of any of its objectives.",
                "No requests to judge its objectives by",
                units.PercentUnit,
                [links.to_dashboard("pepperpy-slo", links.SELECTED)],
            ),
            now(f"min(slo:period_error_budget_remaining:ratio{{{SERVICE}}})"),
            scale=Scale(looks.BUDGET, decimals=1),
        ),
    ]
    return [Place(each, 4, 4) for each in panels]


def _by_route() -> list[Place]:
    onwards = (
        links.to_traces(links.SELECTED, operation=OPERATION, title="Traces of this route"),
        links.to_logs(links.SELECTED),
    )
    panels = [
        series(
            About(
                "Requests by route",
                "Requests answered a second, by method and route; from spans.",
                QUIET,
                units.RequestsPerSecond,
                onwards,
            ),
            prom(rate(CALLS, SERVED, BY_ROUTE), ROUTE, every=STACK_INTERVAL),
            stacked=True,
        ),
        series(
            About(
                "Failed by route",
                "Share of the requests that ended in an error.",
                QUIET,
                units.PercentUnit,
                (
                    links.to_traces(
                        links.SELECTED,
                        operation=OPERATION,
                        tags="error=true",
                        title="Failed traces of this route",
                    ),
                    links.to_logs(links.SELECTED, SEVERE, title="Error logs"),
                ),
            ),
            prom(error_share(BY_ROUTE), ROUTE, every=STACK_INTERVAL),
            scale=Scale(looks.ERRORS, min=0),
        ),
        series(
            About(
                "95 % within, by route",
                "Time in which 95 % are answered. Points are single requests: click one for its "
                "trace.",
                QUIET,
                units.Seconds,
                onwards,
            ),
            prom(
                quantile(0.95, DURATION, SERVED, BY_ROUTE),
                ROUTE,
                every=STACK_INTERVAL,
                exemplars=True,
            ),
        ),
    ]
    return [Place(each, 8, 9) for each in panels]


def _heat_map() -> Panel:
    return heat(
        About(
            "Latency",
            "How many requests took how long. The points are exemplars: click one for its trace.",
            QUIET,
            units.Seconds,
        ),
        buckets(rate(f"{DURATION}_bucket", SERVED, "le"), every=STACK_INTERVAL),
    )


def _percentiles() -> Panel:
    return series(
        About(
            "Percentiles",
            "Time in which 50, 95 and 99 % of the requests are answered. Points are single "
            "requests: click one for its trace.",
            QUIET,
            units.Seconds,
            (links.to_traces(links.SELECTED), links.to_logs(links.SELECTED)),
        ),
        *(
            prom(
                quantile(q, DURATION, SERVED),
                f"{q:.0%}",
                every=STACK_INTERVAL,
                exemplars=q == 0.99,
            )
            for q in (0.5, 0.95, 0.99)
        ),
    )


def _calls() -> Panel:
    by = "span_name, span_kind"
    out = f'{SERVICE}, span_kind!="SPAN_KIND_SERVER"'
    failed = f'{out}, status_code="STATUS_CODE_ERROR"'
    operation = "${__data.fields.Operation}"
    return table(
        About(
            "What it does",
            "Its other spans: calls to others, database statements, its own steps. Click one for "
            "its traces.",
            "It has no spans besides those of requests",
            links=(),
        ),
        rows(rate(CALLS, out, by), every=STACK_INTERVAL),
        rows(share(rate(CALLS, failed, by), rate(CALLS, out, by)), every=STACK_INTERVAL),
        rows(quantile(0.95, DURATION, out, by), every=STACK_INTERVAL),
        columns={
            "span_name": "Operation",
            "span_kind": "Kind",
            "Value #A": "Calls",
            "Value #B": "Failed",
            "Value #C": "95 % within",
        },
        sort="Calls",
        overrides=[
            looks.by_name(
                "Operation",
                links=[
                    links.to_traces(
                        links.SELECTED, operation=operation, title="Traces of this operation"
                    )
                ],
            ),
            looks.by_name("Kind", mappings=looks.span_kinds()),
            looks.by_name("Calls", unit=units.OpsPerSecond, decimals=2),
            looks.by_name(
                "Failed",
                unit=units.PercentUnit,
                decimals=2,
                thresholds=looks.ERRORS,
                custom__cellOptions=looks.COLORED_TEXT,
            ),
            looks.by_name("95 % within", unit=units.Seconds),
        ],
    )


def _failed_traces() -> Panel:
    return search_results(
        About(
            "Failed traces",
            "Traces with an error in this service, as Jaeger has them. Click a trace id.",
            "No trace with an error in this time",
        ),
        JaegerSearch(service="$service", tags="error=true"),
    )


def _log_rate() -> Panel:
    return series(
        About(
            "Log records by severity",
            "How much it logs.",
            "It has logged nothing in this time",
            links=[links.to_logs(links.SELECTED)],
        ),
        log_counts(
            'sum by (severity_text) (count_over_time({service_name=~"$service"} [$__auto]))',
            "{{severity_text}}",
        ),
        stacked=True,
    )


def _logs() -> Panel:
    return log_lines(
        About(
            "Logs",
            "Everything that it logged. Open a line for its attributes and its trace.",
            "It has logged nothing in this time",
        ),
        logs('{service_name=~"$service"}', lines=200),
    )
