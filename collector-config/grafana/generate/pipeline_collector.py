"""The second half of the telemetry pipeline: the Collector, and what the stores say."""

from __future__ import annotations

from typing import TYPE_CHECKING

from grafana_foundation_sdk.models import units

from . import links, looks
from .frame import Place
from .panels import About, Scale, series
from .sources import STACK_INTERVAL, prom

if TYPE_CHECKING:
    from grafana_foundation_sdk.models.dashboard import Panel

SILENT = "The Collector does not report"
SIGNALS = {"spans": "spans", "data points": "metric_points", "log records": "log_records"}
BY_EXPORTER = "exporter, data_type"
#: From the Collector's numbers to the services whose data it is about.
ONWARDS = (
    links.to_dashboard("pepperpy-home", links.SELECTED),
    links.to_logs(links.SELECTED, " | severity_number >= 13", "Warnings of the services"),
)


def _rate(metric: str, by: str = "") -> str:
    summed = f"sum by ({by}) " if by else "sum"
    return f"{summed}(rate({metric}[$__rate_interval]))"


def _flow(title: str, description: str, empty: str, stem: str, by: str) -> Panel:
    """Items a second of the three signals, by receiver or exporter."""
    return series(
        About(title, description, empty, units.OpsPerSecond, ONWARDS),
        *(
            prom(
                _rate(f"otelcol_{stem}_{word}_total", by),
                f"{{{{{by}}}}} {name}",
                every=STACK_INTERVAL,
            )
            for name, word in SIGNALS.items()
        ),
    )


def collector() -> list[Place]:
    """What goes in, waits, comes out, and is turned away."""
    panels = [
        _flow(
            "Accepted",
            "What applications sent, a second.",
            SILENT,
            "receiver_accepted",
            "receiver",
        ),
        _flow(
            "Sent",
            "What the stores took, a second.",
            SILENT,
            "exporter_sent",
            "exporter",
        ),
        series(
            About(
                "Queues of the Collector",
                "How full the queue to each store is. They lie on disk and outlive it.",
                SILENT,
                units.PercentUnit,
                ONWARDS,
            ),
            prom(
                f"max by ({BY_EXPORTER}) (collector:queue:ratio)",
                "{{exporter}} {{data_type}}",
                every=STACK_INTERVAL,
            ),
            scale=Scale(looks.FILLING, min=0, max=1),
            lines_at_thresholds=True,
        ),
        series(
            About(
                "Refused",
                "What the Collector turned away with a code that applications try again on: a "
                "queue is full, or memory is short.",
                "Nothing was refused",
                units.OpsPerSecond,
                ONWARDS,
            ),
            prom(
                "sum by (receiver, signal) (collector:refused:rate5m)",
                "{{receiver}} {{signal}}",
                every=STACK_INTERVAL,
            ),
            scale=Scale(looks.NONE_WANTED, min=0),
        ),
        series(
            About(
                "Lost",
                "In 5 minutes, for good: a store refused it and trying again would not help.",
                "Nothing was lost",
                links=ONWARDS,
            ),
            prom(
                "sum by (exporter, signal) (collector:lost:increase5m)",
                "{{exporter}} {{signal}}",
                every=STACK_INTERVAL,
            ),
            scale=Scale(looks.NONE_WANTED, min=0),
        ),
        series(
            About(
                "Memory and processor of the Collector",
                "Near its limit the memory limiter refuses, and applications try again.",
                SILENT,
                units.BytesIEC,
                ONWARDS,
            ),
            prom(
                "sum by (service_instance_id) (otelcol_process_memory_rss_bytes)",
                "memory",
                every=STACK_INTERVAL,
            ),
            prom(_rate("otelcol_process_cpu_seconds_total"), "processors", every=STACK_INTERVAL),
            overrides=[
                looks.by_name("processors", unit=units.Short, custom__axisPlacement="right")
            ],
        ),
    ]
    return [Place(each, 8, 8) for each in panels]


def stores() -> list[Place]:
    """What Prometheus and Loki, where they are scraped, say of what they were sent."""
    panels = [
        series(
            About(
                "Rejected by Prometheus",
                "Samples in 5 minutes that were too old or out of order. The rest of their "
                "request is lost with them.",
                "Prometheus does not report on itself: it is scraped in the compose stack only",
                links=ONWARDS,
            ),
            prom("sum by (reason) (prometheus:rejected_samples:increase5m)", "{{reason}}"),
            scale=Scale(looks.NONE_WANTED, min=0),
        ),
        series(
            About(
                "Rejected by Loki",
                "Log records in 5 minutes that were too old or too large.",
                "Nothing was rejected, as far as Loki is scraped",
                links=ONWARDS,
            ),
            prom("sum by (reason) (loki:rejected:increase5m)", "{{reason}}"),
            scale=Scale(looks.NONE_WANTED, min=0),
        ),
        series(
            About(
                "Series in Prometheus",
                "Series with a value in the last hours: what cardinality costs.",
                "Prometheus does not report on itself: it is scraped in the compose stack only",
                links=ONWARDS,
            ),
            prom("sum(prometheus_tsdb_head_series)", "series"),
        ),
    ]
    return [Place(each, 8, 7) for each in panels]
