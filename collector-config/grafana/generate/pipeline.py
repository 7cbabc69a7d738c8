"""Telemetry pipeline: whether what is recorded arrives, from the application to the stores.

What has no metric is left out rather than guessed: the spool's size on disk (what went into it is
there, as the difference between what left a queue and what an exporter finished), and the share of
an application's processor time that telemetry takes. benchmarks/ measures that one.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from grafana_foundation_sdk.models import units

from . import links, looks
from .frame import Place, Row, Sheet, dashboard_of, services
from .panels import About, Scale, series, stat, states
from .pipeline_collector import collector, stores
from .promql import SERVICE, quantile, rate, worst
from .sources import now, prom

if TYPE_CHECKING:
    from grafana_foundation_sdk.models.dashboard import Dashboard, Panel

#: otel.sdk.* is off unless it is asked for.
OFF = "No service measures its own delivery: OTEL_PYTHON_SDK_INTERNAL_METRICS_ENABLED=true"
NO_DROPS = "Nothing was dropped, as far as services measure their delivery"
PIPELINE = f'{SERVICE}, health_check_name="telemetry.pipeline"'
ONWARDS = (links.to_dashboard("pepperpy-service"), links.to_logs())


def build() -> Dashboard:
    """From the application's queues to the stores."""
    return dashboard_of(
        Sheet(
            uid="pepperpy-pipeline",
            description="Whether telemetry arrives: queues, drops and exports of the applications, "
            "the Collector's queues and refusals, what the stores reject, and what it costs.",
            variables=[services()],
            rows=[
                Row("Now", _numbers()),
                Row("Applications", _queues()),
                Row("Exports of the applications", _exports()),
                Row("What it costs", _costs()),
                Row("Collector", collector()),
                Row("Stores", stores()),
            ],
        )
    )


def _numbers() -> list[Place]:
    panels = [
        stat(
            About(
                "Telemetry of the services",
                "The worst state of the built-in component telemetry.pipeline: degraded when "
                "deliveries fail, a queue fills up, or something is dropped.",
                "No health checks are reported",
                links=[links.to_dashboard("pepperpy-health", links.SELECTED)],
            ),
            now(worst("health_check_status", PIPELINE, "health_check_name")),
            states=True,
        ),
        stat(
            About("Fullest queue", "Of any selected service.", OFF, units.PercentUnit),
            prom(f"max(sdk:queue:ratio{{{SERVICE}}})"),
            scale=Scale(looks.FILLING, min=0, max=1),
            trend=True,
        ),
        stat(
            About(
                "Dropped in 5 minutes",
                "Spans, log records and data points that no one will see.",
                NO_DROPS,
            ),
            now(f"sum(sdk:dropped:increase5m{{{SERVICE}}})"),
            scale=Scale(looks.NONE_WANTED),
        ),
        stat(
            About(
                "Fullest queue of the Collector",
                "Of any exporter. A full one refuses, and the applications keep what they have.",
                "The Collector does not report",
                units.PercentUnit,
            ),
            prom("max(collector:queue:ratio)"),
            scale=Scale(looks.FILLING, min=0, max=1),
            trend=True,
        ),
        stat(
            About("Collectors", "Instances that report.", "No Collector reports"),
            now("sum(collector:instances:count)"),
            scale=Scale(looks.steps((1, "green"), base="red")),
        ),
        stat(
            About(
                "Lost by the Collector in 5 minutes",
                "What a store refused for good.",
                "Nothing was lost",
            ),
            now("sum(collector:lost:increase5m)"),
            scale=Scale(looks.NONE_WANTED),
        ),
    ]
    return [Place(each, 4, 4) for each in panels]


def _queues() -> list[Place]:
    panels = [
        states(
            About(
                "State of the pipeline",
                "The component telemetry.pipeline of each service, the worst instance's.",
                "No health checks are reported",
                links=[links.to_dashboard("pepperpy-health"), links.to_logs()],
            ),
            prom(worst("health_check_status", PIPELINE, "service_name"), "{{service_name}}"),
        ),
        series(
            About(
                "Queues",
                "How full the fullest queue of each signal is; at 100 % the oldest are dropped.",
                OFF,
                units.PercentUnit,
                ONWARDS,
            ),
            prom(
                f"max by (service_name, signal) (sdk:queue:ratio{{{SERVICE}}})",
                "{{service_name}} {{signal}}",
            ),
            scale=Scale(looks.FILLING, min=0, max=1),
            lines_at_thresholds=True,
        ),
        series(
            About(
                "Dropped",
                "In 5 minutes, by signal, where, and why: queue_full, rejected by the receiver, "
                "unencodable.",
                NO_DROPS,
                units.Short,
                ONWARDS,
            ),
            prom(
                "sum by (service_name, signal, stage, error_type) "
                f"(sdk:dropped:increase5m{{{SERVICE}}})",
                "{{service_name}} {{signal}} {{stage}} {{error_type}}",
            ),
            scale=Scale(looks.NONE_WANTED, min=0),
        ),
        series(
            About(
                "Spooled",
                "Spans and log records that left a queue in 10 minutes and that no exporter "
                "finished: they went to the spool, where there is one. Below 0 it is emptied.",
                OFF,
                units.Short,
                ONWARDS,
            ),
            prom(
                f"sum by (service_name, signal) (sdk:spooled:increase10m{{{SERVICE}}})",
                "{{service_name}} {{signal}}",
            ),
            scale=Scale(),
        ),
    ]
    return [Place(each, 12, 7) for each in panels]


def _exports() -> list[Place]:
    exported = [
        (signal, f"otel_sdk_exporter_{word}_exported_total")
        for signal, word in (
            ("spans", "span"),
            ("log records", "log"),
            ("data points", "metric_data_point"),
        )
    ]
    panels = [
        series(
            About(
                "Recorded",
                "Spans and log records a second, by the SDK's own count: what there is to deliver.",
                OFF,
                units.OpsPerSecond,
                ONWARDS,
            ),
            *(
                prom(rate(metric, SERVICE, "service_name"), f"{{{{service_name}}}} {name}")
                for name, metric in (
                    ("spans", "otel_sdk_span_started_total"),
                    ("log records", "otel_sdk_log_created_total"),
                )
            ),
        ),
        series(
            About(
                "Delivered",
                "Items a second that the receiver took, of all selected services.",
                OFF,
                units.OpsPerSecond,
                [links.to_logs(links.SELECTED)],
            ),
            *(prom(rate(metric, f'{SERVICE}, error_type=""'), name) for name, metric in exported),
            stacked=True,
        ),
        series(
            About(
                "Attempts that failed",
                "Share of the attempts to send; most are tried again.",
                "No attempt failed, as far as services measure their delivery",
                units.PercentUnit,
                ONWARDS,
            ),
            prom(
                "max by (service_name, otel_component_type) "
                f"(sdk:export_failures:ratio_rate5m{{{SERVICE}}})",
                "{{service_name}} {{otel_component_type}}",
            ),
            scale=Scale(looks.ERRORS, min=0, max=1),
        ),
        series(
            About(
                "Export: 95 % within",
                "Time that one attempt to send takes, in the background.",
                OFF,
                units.Seconds,
                ONWARDS,
            ),
            prom(
                quantile(
                    0.95,
                    "otel_sdk_exporter_operation_duration_seconds",
                    SERVICE,
                    "service_name, otel_component_type",
                ),
                "{{service_name}} {{otel_component_type}}",
            ),
        ),
    ]
    return [Place(each, 6, 8) for each in panels]


def _costs() -> list[Place]:
    seconds = "otel_sdk_exporter_operation_duration_seconds_sum"
    collecting = "otel_sdk_metric_reader_collection_duration_seconds_sum"
    panels = [
        series(
            About(
                "Time spent exporting",
                "Of the background thread, waiting for the network included: 100 % is a thread "
                "that does nothing else.",
                OFF,
                units.PercentUnit,
                ONWARDS,
            ),
            prom(rate(seconds, SERVICE, "service_name"), "{{service_name}}"),
            scale=Scale(looks.FILLING, min=0),
        ),
        series(
            About(
                "Time spent collecting metrics",
                "Share of the time in which metrics are read and added up.",
                OFF,
                units.PercentUnit,
                ONWARDS,
            ),
            prom(rate(collecting, SERVICE, "service_name"), "{{service_name}}"),
            scale=Scale(looks.steps((0.01, "yellow"), (0.05, "red")), min=0),
        ),
        _cpu(),
    ]
    return [Place(each, 8, 8) for each in panels]


def _cpu() -> Panel:
    return series(
        About(
            "CPU of the services",
            "All that the processes do, telemetry among it: no metric tells the two apart. What "
            "telemetry adds to a request is measured in benchmarks/.",
            "No process reports its resources: psutil is missing, or runtime metrics are off",
            units.PercentUnit,
            (links.to_dashboard("pepperpy-runtime"), links.to_logs()),
        ),
        prom(
            f"sum by (service_name) (process_cpu_utilization_ratio{{{SERVICE}}})",
            "{{service_name}}",
        ),
    )
