from __future__ import annotations

import gc
import os
import sys
import time
from types import ModuleType
from typing import TYPE_CHECKING, Any

import psutil
import pytest
from opentelemetry.instrumentation.instrumentor import BaseInstrumentor
from opentelemetry.sdk.metrics import MeterProvider as SdkMeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from opentelemetry.semconv._incubating.attributes import (
    cpu_attributes,
    cpython_attributes,
    disk_attributes,
    process_attributes,
    system_attributes,
)
from opentelemetry.semconv._incubating.metrics import cpython_metrics, process_metrics

from pepperpy_otel.metrics import runtime
from tests.metrics.conftest import RESOURCE, Armed

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Callable

#: What the convention's own functions call each kind of instrument.
KINDS = {
    "_Counter": "counter",
    "_UpDownCounter": "up_down_counter",
    "_ObservableGauge": "gauge",
}
LINUX = psutil.LINUX


def _values(armed: Armed, name: str, key: str | None = None) -> dict[Any, float]:
    return {
        None if key is None else point.attributes[key]: point.value for point in armed.points(name)
    }


@pytest.mark.parametrize("instrument", runtime.INSTRUMENTS, ids=lambda i: str(i.name))
def test_names_kinds_and_units_are_the_conventions(instrument: Any) -> None:
    """Compared with what the convention's package creates itself."""
    function = f"create_{instrument.name.replace('.', '_')}"
    package = cpython_metrics if instrument.name.startswith("cpython") else process_metrics
    create = getattr(package, function)
    meter = SdkMeterProvider(resource=RESOURCE, shutdown_on_exit=False).get_meter("m")
    theirs = create(meter, []) if "callbacks" in create.__annotations__ else create(meter)
    assert (instrument.name, instrument.unit, instrument.description) == (
        theirs.name,
        theirs.unit,
        theirs.description,
    )
    assert instrument.kind == KINDS[type(theirs).__name__]


def test_attributes_are_the_conventions() -> None:
    """Compared with the convention's package."""
    assert runtime.CPU_MODE == cpu_attributes.CPU_MODE
    assert runtime.CONTEXT_SWITCH_TYPE == process_attributes.PROCESS_CONTEXT_SWITCH_TYPE
    assert runtime.DISK_IO_DIRECTION == disk_attributes.DISK_IO_DIRECTION
    assert runtime.PAGING_FAULT_TYPE == system_attributes.SYSTEM_PAGING_FAULT_TYPE
    assert runtime.GC_GENERATION == cpython_attributes.CPYTHON_GC_GENERATION


def test_the_values_are_this_processs(armed: Armed) -> None:
    """Each one near to what the system says at the same moment."""
    runtime.register(armed.provider)
    me = psutil.Process()
    modes = _values(armed, "process.cpu.time", "cpu.mode")
    assert modes["user"] == pytest.approx(me.cpu_times().user, abs=2)
    assert modes["system"] == pytest.approx(me.cpu_times().system, abs=2)
    (usage,) = _values(armed, "process.memory.usage").values()
    assert usage == pytest.approx(me.memory_info().rss, rel=0.2)
    (virtual,) = _values(armed, "process.memory.virtual").values()
    assert virtual == pytest.approx(me.memory_info().vms, rel=0.2)
    (threads,) = _values(armed, "process.thread.count").values()
    assert threads >= 1
    (uptime,) = _values(armed, "process.uptime").values()
    assert uptime == pytest.approx(time.time() - me.create_time(), abs=5)
    collections = _values(armed, "cpython.gc.collections", "cpython.gc.generation")
    assert set(collections) == {0, 1, 2}
    gc.collect()
    assert _values(armed, "cpython.gc.collections", "cpython.gc.generation")[2] > collections[2]


@pytest.mark.skipif(not LINUX, reason="not every system has these")
@pytest.mark.parametrize(
    ("name", "key", "values"),
    [
        ("process.context_switches", "process.context_switch.type", {"voluntary", "involuntary"}),
        ("process.paging.faults", "system.paging.fault.type", {"major", "minor"}),
        ("process.disk.io", "disk.io.direction", {"read", "write"}),
        ("process.unix.file_descriptor.count", None, {None}),
    ],
)
def test_what_only_some_systems_have(
    armed: Armed, name: str, key: str | None, values: set[str | None]
) -> None:
    """On Linux all of them are there."""
    runtime.register(armed.provider)
    assert set(_values(armed, name, key)) == values


def test_utilization_is_the_share_of_all_cpus(armed: Armed, monkeypatch: Any) -> None:
    """CPU time since the last collection, by the time that the CPUs had."""
    clock, used = [100.0], [10.0, 1.0]
    monkeypatch.setattr(time, "monotonic", lambda: clock[0])
    monkeypatch.setattr(os, "times", lambda: os.times_result((*used, 0.0, 0.0, 0.0)))
    monkeypatch.setattr(runtime, "_cpu_count", lambda: 4)
    process = runtime._Process()
    clock[0], used[:] = 110.0, [14.0, 3.0]
    assert process.cpu_share() == (0.1, 0.05)
    clock[0], used[:] = 110.001, [14.01, 3.0]  # one tick of the system's, more than has passed
    assert process.cpu_share() == (1.0, 0.0)
    clock[0], used[:] = 120.0, [0.0, 0.0]  # a forked child begins at zero
    assert process.cpu_share() == (0.0, 0.0)
    assert process.cpu_share() is None
    assert list(runtime._cpu_utilization(process)) == []
    monkeypatch.undo()
    runtime.register(armed.provider)
    shares = _values(armed, "process.cpu.utilization", "cpu.mode")
    assert set(shares) == {"user", "system"}
    assert all(0 <= share <= 1 for share in shares.values())


def test_cpus_are_those_that_the_process_may_use(monkeypatch: pytest.MonkeyPatch) -> None:
    """Or, where the system does not say, all of them."""
    monkeypatch.setattr(os, "sched_getaffinity", lambda pid: {0, 3}, raising=False)
    assert runtime._cpu_count() == 2
    monkeypatch.delattr(os, "sched_getaffinity")
    monkeypatch.setattr(os, "cpu_count", lambda: None)
    assert runtime._cpu_count() == 1


def test_what_is_not_permitted_is_absent(
    armed: Armed, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The other metrics are there, and nothing is said."""

    def refuse(self: psutil.Process) -> None:
        raise psutil.AccessDenied(self.pid)

    monkeypatch.setattr(psutil.Process, "num_fds", refuse, raising=False)
    monkeypatch.setattr(psutil.Process, "io_counters", refuse, raising=False)
    runtime.register(armed.provider)
    assert armed.points("process.unix.file_descriptor.count") == []
    assert armed.points("process.disk.io") == []
    assert len(armed.points("process.memory.usage")) == 1
    assert capsys.readouterr().err == ""


def test_registering_again_is_harmless(armed: Armed) -> None:
    """Every value is there once."""
    runtime.register(armed.provider)
    runtime.register(armed.provider)
    assert len(armed.points("process.memory.usage")) == 1


def test_the_metrics_can_be_taken_back(armed: Armed) -> None:
    """And come again."""
    unregister = runtime.register(armed.provider)
    assert armed.points("process.uptime")
    unregister()
    assert armed.points("process.uptime") == []
    runtime.register(armed.provider)
    assert armed.points("process.uptime")


def test_contribs_instrumentation_is_not_doubled(
    armed: Armed, monkeypatch: pytest.MonkeyPatch
) -> None:
    """While it is at work its values are the only ones; nothing of it is made to find out."""
    made: list[object] = []

    class SystemMetricsInstrumentor(BaseInstrumentor):
        def __init__(self) -> None:
            made.append(self)

        def instrumentation_dependencies(self) -> list[str]:
            return []

        def _instrument(self, **kwargs: Any) -> None: ...

        def _uninstrument(self, **kwargs: Any) -> None: ...

    module = ModuleType("opentelemetry.instrumentation.system_metrics")
    module.SystemMetricsInstrumentor = SystemMetricsInstrumentor  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, module.__name__, module)
    runtime.register(armed.provider)
    assert len(armed.points("process.memory.usage")) == 1
    assert made == []
    contrib = SystemMetricsInstrumentor()
    contrib.instrument()
    assert armed.points("process.memory.usage") == []
    contrib.uninstrument()
    assert len(armed.points("process.memory.usage")) == 1


def test_any_provider_can_observe_the_process() -> None:
    """A provider of the SDK's own too."""
    reader = InMemoryMetricReader()
    provider = SdkMeterProvider([reader], resource=RESOURCE, shutdown_on_exit=False)
    runtime.register(provider)
    data = reader.get_metrics_data()
    assert data is not None
    (scope,) = data.resource_metrics[0].scope_metrics
    assert scope.scope.name == runtime.SCOPE
    names = {metric.name for metric in scope.metrics}
    assert names >= {"process.cpu.time", "process.memory.usage", "cpython.gc.collections"}


def test_a_forked_child_observes_itself(
    run_python: Callable[..., subprocess.CompletedProcess[str]],
) -> None:
    """Contrib's instrumentation goes on giving the parent's values."""
    done = run_python("""
        import os
        import psutil
        from pepperpy_otel.metrics import runtime

        process = runtime._Process()
        assert process.handle.pid == os.getpid()
        pid = os.fork()
        if pid == 0:
            os._exit(0 if process.handle.pid == os.getpid() else 1)
        print(os.waitpid(pid, 0)[1])
    """)
    assert done.stdout == "0\n", done.stderr
