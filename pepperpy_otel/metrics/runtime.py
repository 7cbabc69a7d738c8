"""Metrics of this process and of CPython's garbage collector, by semantic convention.

``process.*`` and ``cpython.gc.*``, read when somebody collects. What the system does not have, or
does not let us see, is left out. All of them are while opentelemetry-instrumentation-system-metrics
is at work: it gives many of the same names in a scope of its own, and sums over both would double.
"""

from __future__ import annotations

import gc
import os
import sys
import time
import weakref
from typing import TYPE_CHECKING, Any, NamedTuple

from opentelemetry.metrics import Observation

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from opentelemetry.metrics import CallbackOptions, Meter, MeterProvider

SCOPE = "pepperpy_otel.metrics.runtime"

CPU_MODE = "cpu.mode"
CONTEXT_SWITCH_TYPE = "process.context_switch.type"
DISK_IO_DIRECTION = "disk.io.direction"
PAGING_FAULT_TYPE = "system.paging.fault.type"
GC_GENERATION = "cpython.gc.generation"


class _Instrument(NamedTuple):
    """One metric: what the convention says, and who reads it."""

    name: str
    kind: str
    unit: str
    description: str
    read: Callable[[_Process], Iterable[Observation]]


class _Process:
    """The current process as psutil sees it; looked up anew in a forked child."""

    def __init__(self) -> None:
        self._pid = 0
        self._handle: Any = None
        self._cpu_times = os.times()
        self._cpu_at = time.monotonic()

    @property
    def handle(self) -> Any:
        import psutil

        if self._pid != os.getpid():
            self._handle = psutil.Process()
            self._pid = os.getpid()
        return self._handle

    def cpu_share(self) -> tuple[float, float] | None:
        """Shares of all CPUs, for user and for system, since the last call."""
        before, at = self._cpu_times, self._cpu_at
        now, times = time.monotonic(), os.times()
        available = (now - at) * _cpu_count()
        if available <= 0:
            return None
        self._cpu_times, self._cpu_at = times, now
        # A forked child begins at zero, below what the parent had; and the system counts in ticks
        # of 10 ms, which between two collections in a row are more than the time that passed.
        user, system = (
            min(1.0, max(0.0, later - earlier) / available)
            for earlier, later in ((before.user, times.user), (before.system, times.system))
        )
        return user, system


def _cpu_count() -> int:
    try:
        return len(os.sched_getaffinity(0))
    except AttributeError:
        return os.cpu_count() or 1


def _cpu_time(process: _Process) -> Iterable[Observation]:
    times = process.handle.cpu_times()
    yield Observation(times.user, {CPU_MODE: "user"})
    yield Observation(times.system, {CPU_MODE: "system"})


def _cpu_utilization(process: _Process) -> Iterable[Observation]:
    share = process.cpu_share()
    if share is not None:
        yield Observation(share[0], {CPU_MODE: "user"})
        yield Observation(share[1], {CPU_MODE: "system"})


def _memory_usage(process: _Process) -> Iterable[Observation]:
    yield Observation(process.handle.memory_info().rss)


def _memory_virtual(process: _Process) -> Iterable[Observation]:
    yield Observation(process.handle.memory_info().vms)


def _threads(process: _Process) -> Iterable[Observation]:
    yield Observation(process.handle.num_threads())


def _file_descriptors(process: _Process) -> Iterable[Observation]:
    yield Observation(process.handle.num_fds())


def _context_switches(process: _Process) -> Iterable[Observation]:
    switches = process.handle.num_ctx_switches()
    yield Observation(switches.voluntary, {CONTEXT_SWITCH_TYPE: "voluntary"})
    yield Observation(switches.involuntary, {CONTEXT_SWITCH_TYPE: "involuntary"})


def _paging_faults(process: _Process) -> Iterable[Observation]:
    import resource

    usage = resource.getrusage(resource.RUSAGE_SELF)
    yield Observation(usage.ru_majflt, {PAGING_FAULT_TYPE: "major"})
    yield Observation(usage.ru_minflt, {PAGING_FAULT_TYPE: "minor"})


def _uptime(process: _Process) -> Iterable[Observation]:
    yield Observation(max(0.0, time.time() - process.handle.create_time()))


def _disk_io(process: _Process) -> Iterable[Observation]:
    counters = process.handle.io_counters()
    yield Observation(counters.read_bytes, {DISK_IO_DIRECTION: "read"})
    yield Observation(counters.write_bytes, {DISK_IO_DIRECTION: "write"})


def _gc(field: str) -> Callable[[_Process], Iterable[Observation]]:
    def read(process: _Process) -> Iterable[Observation]:
        for generation, stats in enumerate(gc.get_stats()):
            yield Observation(stats[field], {GC_GENERATION: generation})

    return read


INSTRUMENTS = (
    _Instrument(
        "process.cpu.time",
        "counter",
        "s",
        "Total CPU seconds broken down by different CPU modes.",
        _cpu_time,
    ),
    _Instrument(
        "process.cpu.utilization",
        "gauge",
        "1",
        "Difference in process.cpu.time since the last measurement, divided by the elapsed time "
        "and number of CPUs available to the process.",
        _cpu_utilization,
    ),
    _Instrument(
        "process.memory.usage",
        "up_down_counter",
        "By",
        "The amount of physical memory in use.",
        _memory_usage,
    ),
    _Instrument(
        "process.memory.virtual",
        "up_down_counter",
        "By",
        "The amount of committed virtual memory.",
        _memory_virtual,
    ),
    _Instrument(
        "process.thread.count", "up_down_counter", "{thread}", "Process threads count.", _threads
    ),
    _Instrument(
        "process.unix.file_descriptor.count",
        "up_down_counter",
        "{file_descriptor}",
        "Number of UNIX file descriptors in use by the process.",
        _file_descriptors,
    ),
    _Instrument(
        "process.context_switches",
        "counter",
        "{context_switch}",
        "Number of times the process has been context switched.",
        _context_switches,
    ),
    _Instrument(
        "process.paging.faults",
        "counter",
        "{fault}",
        "Number of page faults the process has made.",
        _paging_faults,
    ),
    _Instrument("process.uptime", "gauge", "s", "The time the process has been running.", _uptime),
    _Instrument("process.disk.io", "counter", "By", "Disk bytes transferred.", _disk_io),
    _Instrument(
        "cpython.gc.collections",
        "counter",
        "{collection}",
        "The number of times a generation was collected since interpreter start.",
        _gc("collections"),
    ),
    _Instrument(
        "cpython.gc.collected_objects",
        "counter",
        "{object}",
        "The total number of objects collected inside a generation since interpreter start.",
        _gc("collected"),
    ),
    _Instrument(
        "cpython.gc.uncollectable_objects",
        "counter",
        "{object}",
        "The total number of objects which were found to be uncollectable inside a generation "
        "since interpreter start.",
        _gc("uncollectable"),
    ),
)


class _Switch:
    """Whether the metrics of one provider are wanted; its instruments cannot be taken back."""

    def __init__(self) -> None:
        self.on = True


_switches: weakref.WeakKeyDictionary[MeterProvider, _Switch] = weakref.WeakKeyDictionary()


def register(meter_provider: MeterProvider) -> Callable[[], None]:
    """Have a provider observe this process; registering again with the same one is harmless.

    Args:
        meter_provider: Ours, or anybody's.

    Returns:
        What makes the metrics absent again.
    """
    switch = _switches.get(meter_provider)
    if switch is None:
        switch = _switches[meter_provider] = _Switch()
        meter = meter_provider.get_meter(SCOPE)
        process = _Process()
        for instrument in INSTRUMENTS:
            _create(meter, instrument, _callback(instrument, process, switch))
    switch.on = True

    def unregister() -> None:
        switch.on = False

    return unregister


def _create(
    meter: Meter,
    instrument: _Instrument,
    callback: Callable[[CallbackOptions], Iterable[Observation]],
) -> None:
    make = getattr(meter, f"create_observable_{instrument.kind}")
    make(
        instrument.name,
        callbacks=[callback],
        unit=instrument.unit,
        description=instrument.description,
    )


def _callback(
    instrument: _Instrument, process: _Process, switch: _Switch
) -> Callable[[CallbackOptions], Iterable[Observation]]:
    def observe(options: CallbackOptions) -> Iterable[Observation]:
        if not switch.on or _contrib_observes():
            return ()
        try:
            return list(instrument.read(process))
        except Exception:  # not on this system, or not permitted
            return ()

    return observe


def _contrib_observes() -> bool:
    """Whether the contrib instrumentation is active; looks without loading or making anything."""
    module = sys.modules.get("opentelemetry.instrumentation.system_metrics")
    kind: Any = getattr(module, "SystemMetricsInstrumentor", None)
    # A singleton: __new__ gives the one that there is, while a call would reset its settings.
    return kind is not None and bool(kind.__new__(kind).is_instrumented_by_opentelemetry)
