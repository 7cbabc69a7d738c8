"""The handle's own decisions: how long the end may take, and what a forked child is."""

from __future__ import annotations

import os
import threading
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest
from opentelemetry.sdk.resources import Resource

from pepperpy_otel import _current, deadlines
from pepperpy_otel import telemetry as module
from pepperpy_otel.delivery.counts import FlushResult, PipelineStats, SignalCounts
from pepperpy_otel.telemetry import Telemetry

if TYPE_CHECKING:
    from collections.abc import Callable

    from pepperpy_otel.demo.receiver import Receiver


class _Pipeline:
    """Answers flushes from a list and moves the clock by what each may take."""

    def __init__(self, clock: _Clock, answers: list[FlushResult]) -> None:
        self.limits: list[float] = []
        self._clock = clock
        self._answers = answers

    def flush(self, timeout: float) -> FlushResult:
        self.limits.append(timeout)
        self._clock.now += timeout
        return self._answers.pop(0)

    def shutdown(self, timeout: float) -> FlushResult:
        self.limits.append(timeout)
        return self._answers.pop(0)

    def stats(self) -> PipelineStats:
        return PipelineStats()


class _Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def monotonic(self) -> float:
        return self.now


def _handle(pipeline: Any, shutdown_timeout_millis: int | None = None, **more: Any) -> Telemetry:
    settings = SimpleNamespace(
        shutdown_timeout_millis=shutdown_timeout_millis, resource_attributes={}
    )
    return Telemetry(
        settings=settings,  # type: ignore[arg-type]
        resource=Resource({"service.name": "x", "service.instance.id": "parent"}),
        tracer_provider=None,  # type: ignore[arg-type]
        meter_provider=None,  # type: ignore[arg-type]
        logger_provider=None,  # type: ignore[arg-type]
        health=None,  # type: ignore[arg-type]
        pipeline=pipeline,
        **more,
    )


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> _Clock:
    manual = _Clock()
    monkeypatch.setattr(module, "time", manual)
    monkeypatch.setattr(deadlines, "time", manual)
    return manual


PENDING = SignalCounts(traces=1)


def test_a_dead_destination_gets_two_seconds(clock: _Clock) -> None:
    """Where nothing is accepted there is no longer wait."""
    nothing = FlushResult(pending=PENDING)
    pipeline = _Pipeline(clock, [nothing, nothing])
    result = _handle(pipeline).shutdown()
    assert not result
    assert result.pending == PENDING
    assert sum(pipeline.limits) == pytest.approx(2.0)


def test_a_slow_destination_that_accepts_gets_five(clock: _Clock) -> None:
    """For as long as something is delivered the end waits, five seconds at most."""
    slow = FlushResult(delivered=SignalCounts(traces=2), pending=PENDING)
    pipeline = _Pipeline(clock, [slow] * 8)
    result = _handle(pipeline).shutdown()
    assert result.delivered.traces == 2 * len(pipeline.limits)
    assert sum(pipeline.limits) == pytest.approx(5.0)


def test_a_slow_destination_that_stops_accepting_is_left(clock: _Clock) -> None:
    """The longer limit ends with the first second in which nothing went through."""
    slow = FlushResult(delivered=SignalCounts(traces=2), pending=PENDING)
    stuck = FlushResult(pending=PENDING)
    pipeline = _Pipeline(clock, [slow, slow, stuck, stuck])
    _handle(pipeline).shutdown()
    assert sum(pipeline.limits) == pytest.approx(4.0)


LIMITS = [
    (None, 5.0), ("soon", 5.0), ("250", 0.25), (-1, 0.0), (float("nan"), 0.0),
    (float("inf"), 86_400.0), pytest.param(10**400, 86_400.0, id="huge"),
]  # fmt: skip


@pytest.mark.parametrize(("given", "seconds"), LIMITS)
def test_a_limit_that_is_none_raises_nothing(clock: _Clock, given: Any, seconds: float) -> None:
    """Nothing that the app calls does; what is no number of milliseconds is the default."""
    pipeline = _Pipeline(clock, [FlushResult()] * 3)
    waited: list[float] = []
    _handle(pipeline, flushers=[waited.append]).force_flush(given)
    assert pipeline.limits == waited == pytest.approx([seconds])
    _handle(pipeline, 5000).shutdown(given)
    assert pipeline.limits[1] == pytest.approx(seconds)


def test_a_shutdown_in_the_middle_of_one_does_not_call_it_delivered(clock: _Clock) -> None:
    """A signal handler of the app's may cut in: it learns what is still open."""
    pipeline = _Pipeline(clock, [FlushResult()] * 2)
    pipeline.stats = lambda: PipelineStats(pending=PENDING)  # type: ignore[method-assign]
    inner: list[SignalCounts] = []
    handle = _handle(pipeline, stop_collecting=lambda: inner.append(handle.shutdown().pending))
    assert (bool(handle.shutdown()), inner) == (True, [PENDING])


@pytest.mark.parametrize(("configured", "argument"), [(300, None), (None, 300)])
def test_the_users_limit_is_the_limit(
    clock: _Clock, configured: int | None, argument: float | None
) -> None:
    """Setting or argument say how long the end may take, slow destination or not."""
    slow = FlushResult(delivered=SignalCounts(traces=2), pending=PENDING)
    pipeline = _Pipeline(clock, [slow] * 4)
    _handle(pipeline, configured).shutdown(argument)
    assert sum(pipeline.limits) == pytest.approx(0.3)


def test_to_deliver_is_no_end(clock: _Clock) -> None:
    """The limits are those of a shutdown, and the pipeline goes on: others may have more."""
    slow = FlushResult(delivered=SignalCounts(traces=2), pending=PENDING)
    pipeline = _Pipeline(clock, [slow] * 4)
    handle = _handle(pipeline)
    assert handle.deliver().delivered.traces == 8
    assert sum(pipeline.limits) == pytest.approx(5.0)
    assert handle.end_limit() == 5.0
    assert "running" in repr(handle)


def test_to_deliver_takes_no_longer_than_the_user_allows(clock: _Clock) -> None:
    """``shutdown_timeout_millis`` is for every end."""
    pipeline = _Pipeline(clock, [FlushResult(pending=PENDING)])
    handle = _handle(pipeline, 300)
    handle.deliver()
    assert sum(pipeline.limits) == pytest.approx(0.3)
    assert handle.end_limit() == 0.3


@pytest.mark.parametrize("broken", [False, True])
def test_in_a_hurry_all_is_sent_at_once_and_no_work_taken(clock: _Clock, broken: bool) -> None:
    """Checks drain; should that fail, what ends is still sent."""
    told: list[str] = []

    def drain() -> None:
        told.append("drain")
        if broken:
            raise ZeroDivisionError

    pipeline: Any = _Pipeline(clock, [])
    pipeline.hurry = lambda: told.append("hurry")
    handle = _handle(pipeline)
    handle.health = SimpleNamespace(drain=drain)  # type: ignore[assignment]
    handle.hurry()
    assert told == ["hurry", "drain"]


def test_a_handle_that_is_not_the_current_one_rolls_back_alone() -> None:
    """The rollback of one handle does not take away another one's place."""
    other = object()
    _current.set_current(other)  # type: ignore[arg-type]
    try:
        assert _handle(_Pipeline(_Clock(), [FlushResult()] * 2), 0).rollback()
        assert _current.get() is other
        assert _current.last() is other
    finally:
        _current.set_current(None, forget=True)


def test_the_end_collects_once(clock: _Clock) -> None:
    """Between the last flush and the shutdown collecting stops, or every metric left twice."""
    order: list[str] = []

    class Watched(_Pipeline):
        def flush(self, timeout: float) -> FlushResult:
            order.append("flush")
            return super().flush(timeout)

        def shutdown(self, timeout: float) -> FlushResult:
            order.append("shutdown")
            return super().shutdown(timeout)

    pipeline = Watched(clock, [FlushResult()] * 2)
    _handle(pipeline, stop_collecting=lambda: order.append("stop collecting")).shutdown()
    assert order == ["flush", "stop collecting", "shutdown"]


def test_parts_of_the_user_that_fail_or_hang_do_not_matter(
    capsys: pytest.CaptureFixture[str],
) -> None:
    """A processor that raises or never returns costs its time limit and one line."""
    release = threading.Event()
    stopped: list[bool] = []

    def fails(_: float) -> None:
        raise OSError("of the test_telemetry kind")

    def broken_stop() -> None:
        raise ValueError("of the test_telemetry kind")

    handle = _handle(
        None,
        100,
        flushers=[fails, lambda _: release.wait(30)],
        stoppers=[broken_stop, lambda: stopped.append(True)],
    )
    assert handle.force_flush(50)
    assert handle.shutdown()
    release.set()
    assert stopped == [True]
    assert "of the test_telemetry kind" in capsys.readouterr().err


def test_a_failing_pipeline_is_not_the_apps_problem(capsys: pytest.CaptureFixture[str]) -> None:
    """Whatever breaks inside, flush, shutdown, stats and snapshot answer."""

    class Broken:
        def __getattr__(self, name: str) -> Any:
            raise RuntimeError(f"of the test_telemetry kind: {name}")

    def broken_snapshot(_: float) -> None:
        raise RuntimeError("of the test_telemetry kind")

    handle = _handle(Broken(), 100, snapshot=broken_snapshot)
    assert handle.force_flush() is not None
    assert handle.stats() == PipelineStats()
    assert handle.metrics_snapshot() is None
    assert handle.shutdown() is not None
    assert "Traceback" not in capsys.readouterr().err


def test_an_ended_handle_renews_nothing() -> None:
    """After its end a fork does not concern the handle."""
    renewed: list[Resource] = []
    handle = _handle(_Pipeline(_Clock(), [FlushResult()] * 2), 0, renewers=[renewed.append])
    handle.shutdown()
    handle.become_child()
    assert renewed == []


@pytest.mark.skipif(not hasattr(os, "fork"), reason="fork is POSIX")
@pytest.mark.parametrize("own_id", [None, "pod-1"])
def test_a_forked_child_is_another_instance(
    configure: Callable[..., Telemetry], receiver: Receiver, own_id: str | None
) -> None:
    """The child has counts from zero and an id of its own, unless the user named one."""
    from opentelemetry import metrics, trace

    attributes = {"service.instance.id": own_id} if own_id else None
    telemetry = configure(service_name="forked", resource_attributes=attributes)
    counter = metrics.get_meter("x").create_counter("forks")
    counter.add(5)
    trace.get_tracer("x").start_span("parent").end()
    parent_id = telemetry.resource.attributes["service.instance.id"]
    assert telemetry.force_flush()
    read, write = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            counter.add(1)
            trace.get_tracer("x").start_span("child").end()
            result = telemetry.force_flush(10_000)
            child_id = telemetry.tracer_provider.resource.attributes["service.instance.id"]  # type: ignore[attr-defined]
            line = f"{bool(result)} {result.delivered.traces} {child_id}"
            os.write(write, line.encode())
        finally:
            os._exit(0)
    os.waitpid(child, 0)
    os.close(write)
    with os.fdopen(read) as pipe:
        delivered, spans, child_id = pipe.read().split()
    assert (delivered, spans) == ("True", "1")
    assert (child_id == parent_id) is (own_id is not None)
    assert sorted(span.name for span in receiver.store.spans) == ["child", "parent"]
    assert [p.value for p in receiver.store.points if p.name == "forks"] == [5, 1]
