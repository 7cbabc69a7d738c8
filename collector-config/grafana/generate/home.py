"""Home: how all services are, and where to go from there."""

from __future__ import annotations

from typing import TYPE_CHECKING

from grafana_foundation_sdk.models import units

from . import links, looks
from .frame import Place, Row, Sheet, dashboard_of, services
from .panels import About, Scale, series, stat, states, table
from .promql import (
    CALLS,
    DURATION,
    FIRING,
    SERVED,
    SERVICE,
    components,
    error_share,
    quantile,
    rate,
    worst,
)
from .sources import STACK_INTERVAL, log_counts, now, prom, rows
from .traffic import ERROR_LOGS, QUIET, SEVERE, error_lines, request_numbers, who_calls_whom

if TYPE_CHECKING:
    from grafana_foundation_sdk.models.dashboard import Dashboard, Panel

TO_TRACES_AND_LOGS = (
    links.to_dashboard("pepperpy-service"),
    links.to_traces(),
    links.to_logs(),
)


def build() -> Dashboard:
    """The dashboard that Grafana opens on."""
    return dashboard_of(
        Sheet(
            uid="pepperpy-home",
            description="All services at a glance: health, requests, errors, saturation. Click a "
            "service, a line or a log line to go on from it.",
            variables=[services()],
            rows=[
                Row("Now", _numbers()),
                Row("Services", [Place(_services(), 24, 8), Place(_alerts(), 24, 5)]),
                Row("Health", [Place(_health(), 12, 8), Place(who_calls_whom(), 12, 8)]),
                Row("Requests", _requests()),
                Row("Saturation", _saturation()),
                Row("Errors", [Place(_error_rate(), 8, 8), Place(error_lines(), 16, 8)]),
            ],
        )
    )


def _numbers() -> list[Place]:
    stats = [
        stat(
            About(
                "Services that report",
                "Services whose spans the Collector has seen in the last minutes.",
                "No service has sent a span",
                links=[links.to_dashboard("pepperpy-service", links.SELECTED)],
            ),
            now(f"count(count by (service_name) ({CALLS}{{{SERVICE}}}))"),
        ),
        stat(
            About(
                "Critical components down",
                "Critical health checks that are unhealthy in at least one instance.",
                "No health checks are reported",
                links=[links.to_dashboard("pepperpy-health", links.SELECTED)],
            ),
            now(
                components(
                    f'{SERVICE}, health_check_state="unhealthy", health_check_critical="true"'
                )
            ),
            scale=Scale(looks.NONE_WANTED),
        ),
        stat(
            About(
                "Components unknown",
                "Health checks of which nobody knows the state: not run, expired, or declared "
                "and missing.",
                "No health checks are reported",
                links=[links.to_dashboard("pepperpy-health", links.SELECTED)],
            ),
            now(components(f'{SERVICE}, health_check_state="unknown"')),
            scale=Scale(looks.steps((1, "purple"))),
        ),
        *request_numbers(links.to_logs(links.SELECTED, SEVERE, "Error logs")),
    ]
    return [Place(each, 4, 4) for each in stats]


def _services() -> Panel:
    by = "service_name"
    to_service = links.to_dashboard("pepperpy-service", "${__data.fields.Service}")
    to_health = links.to_dashboard("pepperpy-health", "${__data.fields.Service}")
    return table(
        About(
            "Services",
            "One row a service: the worst state of its health checks, its requests, and what is "
            "left of its error budget. Click a name for its dashboard.",
            "No service has sent anything yet: docs/stack.md says how to connect one",
        ),
        rows(worst("health_check_status", SERVICE, by)),
        rows(rate(CALLS, SERVED, by), every=STACK_INTERVAL),
        rows(error_share(by), every=STACK_INTERVAL),
        rows(quantile(0.95, DURATION, SERVED, by), every=STACK_INTERVAL),
        rows(f"min by ({by}) (slo:period_error_budget_remaining:ratio{{{SERVICE}}})"),
        rows(f"sum by ({by}) (process_cpu_utilization_ratio{{{SERVICE}}})"),
        rows(f"sum by ({by}) (process_memory_usage_bytes{{{SERVICE}}})"),
        columns={
            "service_name": "Service",
            "Value #A": "Health",
            "Value #B": "Requests",
            "Value #C": "Failed",
            "Value #D": "95 % within",
            "Value #E": "Budget left",
            "Value #F": "CPU",
            "Value #G": "Memory",
        },
        sort="Requests",
        overrides=[
            looks.by_name("Service", links=[to_service, to_health]),
            looks.by_name(
                "Health", mappings=looks.health_states(), custom__cellOptions=looks.COLORED
            ),
            looks.by_name("Requests", unit=units.RequestsPerSecond, decimals=1),
            looks.by_name(
                "Failed",
                unit=units.PercentUnit,
                decimals=2,
                thresholds=looks.ERRORS,
                custom__cellOptions=looks.COLORED_TEXT,
            ),
            looks.by_name("95 % within", unit=units.Seconds),
            looks.by_name(
                "Budget left",
                unit=units.PercentUnit,
                decimals=1,
                thresholds=looks.BUDGET,
                custom__cellOptions=looks.COLORED_TEXT,
            ),
            looks.by_name("CPU", unit=units.PercentUnit, decimals=1),
            looks.by_name("Memory", unit=units.BytesIEC),
        ],
    )


def _alerts() -> Panel:
    return table(
        About(
            "Alerts that fire",
            "Of the selected services and of the stack. docs/runbooks.md says what to do for each.",
            "No alert fires",
        ),
        rows(FIRING),
        columns={"alertname": "Alert", "severity": "Severity", "service_name": "Service"},
        merge=False,
    )


def _health() -> Panel:
    return states(
        About(
            "Health by service",
            "The worst state of each service's health checks.",
            "No health checks are reported",
            links=[links.to_dashboard("pepperpy-health"), links.to_logs()],
        ),
        prom(worst("health_check_status", SERVICE, "service_name"), "{{service_name}}"),
    )


def _requests() -> list[Place]:
    by = "service_name"
    panels = [
        series(
            About(
                "Requests by service",
                "Requests answered a second.",
                QUIET,
                units.RequestsPerSecond,
                TO_TRACES_AND_LOGS,
            ),
            prom(rate(CALLS, SERVED, by), "{{service_name}}", every=STACK_INTERVAL),
        ),
        series(
            About(
                "Failed by service",
                "Share of the requests that ended in an error.",
                QUIET,
                units.PercentUnit,
                (
                    links.to_dashboard("pepperpy-service"),
                    links.to_traces(tags="error=true", title="Failed traces of this"),
                    links.to_logs(filters=SEVERE, title="Error logs of this"),
                ),
            ),
            prom(error_share(by), "{{service_name}}", every=STACK_INTERVAL),
            scale=Scale(looks.ERRORS, min=0),
        ),
        series(
            About(
                "95 % within, by service",
                "Time in which 95 % of the requests are answered. Points are single requests: "
                "click one for its trace.",
                QUIET,
                units.Seconds,
                TO_TRACES_AND_LOGS,
            ),
            prom(
                quantile(0.95, DURATION, SERVED, by),
                "{{service_name}}",
                every=STACK_INTERVAL,
                exemplars=True,
            ),
        ),
    ]
    return [Place(each, 8, 8) for each in panels]


def _saturation() -> list[Place]:
    empty = "No process reports its resources: psutil is missing, or runtime metrics are off"
    to_runtime = (links.to_dashboard("pepperpy-runtime"), links.to_logs())
    panels = [
        series(
            About(
                "CPU by service",
                "Share of the processors that its processes may use, all instances together.",
                empty,
                units.PercentUnit,
                to_runtime,
            ),
            prom(
                f"sum by (service_name) (process_cpu_utilization_ratio{{{SERVICE}}})",
                "{{service_name}}",
            ),
        ),
        series(
            About(
                "Memory by service",
                "Physical memory of all its processes.",
                empty,
                units.BytesIEC,
                to_runtime,
            ),
            prom(
                f"sum by (service_name) (process_memory_usage_bytes{{{SERVICE}}})",
                "{{service_name}}",
            ),
        ),
        series(
            About(
                "Telemetry queues by service",
                "How full the fullest queue of undelivered spans or log records is; at 100 % the "
                "oldest are dropped.",
                "No service measures its own delivery: OTEL_PYTHON_SDK_INTERNAL_METRICS_ENABLED",
                units.PercentUnit,
                (links.to_dashboard("pepperpy-pipeline"), links.to_logs()),
            ),
            prom(
                "max by (service_name) ("
                f"otel_sdk_processor_span_queue_size{{{SERVICE}}}"
                f" / otel_sdk_processor_span_queue_capacity{{{SERVICE}}} or "
                f"otel_sdk_processor_log_queue_size{{{SERVICE}}}"
                f" / otel_sdk_processor_log_queue_capacity{{{SERVICE}}})",
                "{{service_name}}",
            ),
            scale=Scale(looks.FILLING, min=0, max=1),
        ),
    ]
    return [Place(each, 8, 7) for each in panels]


def _error_rate() -> Panel:
    return series(
        About(
            "Error logs by service",
            "Log records of severity ERROR and above.",
            "No errors were logged in this time",
            links=(
                links.to_logs(filters=SEVERE, title="Error logs of this"),
                links.to_dashboard("pepperpy-service"),
            ),
        ),
        log_counts(
            f"sum by (service_name) (count_over_time({ERROR_LOGS} [$__auto]))", "{{service_name}}"
        ),
    )
