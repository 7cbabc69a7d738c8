"""Runtime: the processes of a service, their interpreter, and when they stood still."""

from __future__ import annotations

from typing import TYPE_CHECKING

from grafana_foundation_sdk.models import units

from . import links, looks
from .frame import Place, Row, Sheet, choice, dashboard_of, services
from .panels import About, Scale, series, stat
from .promql import SERVICE, quantile, rate
from .sources import now, prom

if TYPE_CHECKING:
    from grafana_foundation_sdk.models.dashboard import Dashboard, Panel

NO_PROCESS = "No process reports this: psutil is missing, or runtime metrics are off"
NO_STALL = "Nothing stood still in this time"
THESE = f'{SERVICE}, service_instance_id=~"$instance"'
BY = "service_name, service_instance_id"
#: Instances have random ids: the service is read, the id only tells them apart.
INSTANCE = "{{service_name}} {{service_instance_id}}"
ONWARDS = (
    links.to_dashboard("pepperpy-service"),
    links.to_logs(),
    links.to_traces(),
)


def build() -> Dashboard:
    """The processes of the selected services."""
    return dashboard_of(
        Sheet(
            uid="pepperpy-runtime",
            description="Processes: processor, memory, descriptors, threads, garbage collection, "
            "and the times in which a process or its event loop stood still.",
            variables=[
                services(of="process_memory_usage_bytes"),
                choice(
                    "instance",
                    "Instance",
                    "service_instance_id",
                    f"process_memory_usage_bytes{{{SERVICE}}}",
                ),
            ],
            rows=[
                Row("Now", _numbers()),
                Row("Processor", _processor()),
                Row("Memory and handles", _memory()),
                Row("Stalls", _stalls()),
                Row("Garbage collection", _collections()),
                Row("Input and output", _io()),
            ],
        )
    )


def _numbers() -> list[Place]:
    panels = [
        stat(
            About("Processes", "Processes that report.", NO_PROCESS),
            now(f"count(process_memory_usage_bytes{{{THESE}}})"),
        ),
        stat(
            About("Youngest", "Age of the youngest process: low after a restart.", NO_PROCESS, "s"),
            now(f"min(process_uptime_seconds{{{THESE}}})"),
            scale=Scale(looks.steps((60, "blue"), base="yellow")),
        ),
        stat(
            About(
                "CPU",
                "Share of the processors that the processes may use.",
                NO_PROCESS,
                units.PercentUnit,
            ),
            prom(f"sum(process_cpu_utilization_ratio{{{THESE}}})"),
            scale=Scale(looks.steps((0.7, "yellow"), (0.9, "red"))),
            trend=True,
        ),
        stat(
            About("Memory", "Physical memory of all of them.", NO_PROCESS, units.BytesIEC),
            prom(f"sum(process_memory_usage_bytes{{{THESE}}})"),
            trend=True,
        ),
        stat(
            About("Threads", "Threads of all of them.", NO_PROCESS),
            prom(f"sum(process_thread_count{{{THESE}}})"),
            trend=True,
        ),
        stat(
            About("Open files", "File descriptors of all of them.", NO_PROCESS),
            prom(f"sum(process_unix_file_descriptor_count{{{THESE}}})"),
            trend=True,
        ),
    ]
    return [Place(each, 4, 4) for each in panels]


def _each(
    title: str, description: str, metric: str, unit: str = units.Short, *, counter: bool = False
) -> Panel:
    """A line for each instance, of a gauge or of a counter's rate."""
    expr = rate(metric, THESE, BY) if counter else f"sum by ({BY}) ({metric}{{{THESE}}})"
    return series(About(title, description, NO_PROCESS, unit, ONWARDS), prom(expr, INSTANCE))


def _by_label(title: str, description: str, metric: str, label: str, unit: str) -> Panel:
    """A counter's rate by one label, over all instances."""
    about = About(title, description, NO_PROCESS, unit, ONWARDS)
    by = f"service_name, {label}"
    return series(about, prom(rate(metric, THESE, by), f"{{{{service_name}}}} {{{{{label}}}}}"))


def _processor() -> list[Place]:
    panels = [
        _each(
            "CPU by instance",
            "Share of the processors that the process may use, since the last collection.",
            "process_cpu_utilization_ratio",
            units.PercentUnit,
        ),
        _by_label(
            "CPU seconds by mode",
            "Seconds of processor time a second: 1 is one whole processor.",
            "process_cpu_time_seconds_total",
            "cpu_mode",
            units.Short,
        ),
        _by_label(
            "Context switches",
            "Involuntary ones say that others want the processor too.",
            "process_context_switches_total",
            "process_context_switch_type",
            units.OpsPerSecond,
        ),
    ]
    return [Place(each, 8, 8) for each in panels]


def _memory() -> list[Place]:
    panels = [
        _each(
            "Physical memory",
            "A line that only climbs is a leak.",
            "process_memory_usage_bytes",
            units.BytesIEC,
        ),
        _each(
            "Virtual memory",
            "What was asked for, used or not.",
            "process_memory_virtual_bytes",
            units.BytesIEC,
        ),
        _each("Threads by instance", "Threads of each process.", "process_thread_count"),
        _each(
            "Open files by instance",
            "Files, sockets and pipes: a line that only climbs is a leak.",
            "process_unix_file_descriptor_count",
        ),
    ]
    return [Place(each, 6, 8) for each in panels]


def _stalls() -> list[Place]:
    stall, by = "health_process_stall_seconds", "service_name, health_stall_kind"
    legend = "{{service_name}} {{health_stall_kind}}"
    onwards = (links.to_dashboard("pepperpy-health"), links.to_traces(), links.to_logs())
    panels = [
        series(
            About(
                "Share of time stood still",
                "By kind: the whole process (a C call that holds the GIL, a frozen container) or "
                "its event loop (blocking code in a coroutine).",
                NO_STALL,
                units.PercentUnit,
                onwards,
            ),
            prom(rate(f"{stall}_sum", THESE, by), legend),
            scale=Scale(looks.ERRORS, min=0),
        ),
        series(
            About("Stalls", "How many a minute.", NO_STALL, units.Short, onwards),
            prom(f"60 * {rate(f'{stall}_count', THESE, by)}", legend),
        ),
        series(
            About("Longest stalls", "95 % were shorter.", NO_STALL, units.Seconds, onwards),
            prom(quantile(0.95, stall, THESE, by), legend),
            scale=Scale(looks.SECONDS, min=0),
        ),
    ]
    return [Place(each, 8, 8) for each in panels]


def _collections() -> list[Place]:
    generation = "cpython_gc_generation"
    panels = [
        _by_label(
            "Collections by generation",
            "Runs of CPython's garbage collector; the oldest generation is the dear one.",
            "cpython_gc_collections_total",
            generation,
            units.OpsPerSecond,
        ),
        _by_label(
            "Objects collected",
            "Objects in cycles that were freed, by generation.",
            "cpython_gc_collected_objects_total",
            generation,
            units.OpsPerSecond,
        ),
        _by_label(
            "Objects that cannot be freed",
            "Anything above 0 is a leak in an extension.",
            "cpython_gc_uncollectable_objects_total",
            generation,
            units.OpsPerSecond,
        ),
    ]
    return [Place(each, 8, 8) for each in panels]


def _io() -> list[Place]:
    panels = [
        _by_label(
            "Disk",
            "Bytes that went to or came from a disk, without what the cache answered.",
            "process_disk_io_bytes_total",
            "disk_io_direction",
            units.BytesPerSecondIEC,
        ),
        _by_label(
            "Page faults",
            "Major ones had to wait for a disk: memory is short.",
            "process_paging_faults_total",
            "system_paging_fault_type",
            units.OpsPerSecond,
        ),
    ]
    return [Place(each, 12, 8) for each in panels]
