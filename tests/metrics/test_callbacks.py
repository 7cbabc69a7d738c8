from __future__ import annotations

import sys
import threading
from typing import TYPE_CHECKING, Any

import pytest
from opentelemetry.metrics import CallbackOptions, Observation

from pepperpy_otel.metrics import callbacks
from pepperpy_otel.metrics.callbacks import Observer, guard
from pepperpy_otel.metrics.complaints import Complaints
from tests.metrics.conftest import Armed, Hostile, until

if TYPE_CHECKING:
    from collections.abc import Generator, Iterable


def _good(options: CallbackOptions) -> Iterable[Observation]:
    yield Observation(7, {"k": "v"})


def _raises(options: CallbackOptions) -> Iterable[Observation]:
    raise RuntimeError("broken")


def _raises_midway(options: CallbackOptions) -> Iterable[Observation]:
    yield Observation(1)
    raise RuntimeError("broken")


def _exits(options: CallbackOptions) -> Iterable[Observation]:
    sys.exit(3)


def _returns_nothing(options: CallbackOptions) -> None:
    return None


def _wants_nothing() -> Iterable[Observation]:
    return [Observation(1)]


@pytest.mark.parametrize(
    "bad", [_raises, _exits, _returns_nothing, _wants_nothing, "no function", None]
)
def test_a_callback_that_fails_costs_only_itself(
    armed: Armed, bad: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    """Other callbacks, and other instruments, are collected; one line names the bad one."""
    armed.meter.create_observable_gauge("mixed", [bad, _good])
    armed.meter.create_observable_counter("other", [_good])
    for _ in range(2):
        assert armed.values("mixed") == [7]
        assert armed.values("other") == [7]
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("pepperpy_otel: metric mixed (said once): its callback failed: ")


def test_what_was_observed_before_the_failure_counts(armed: Armed) -> None:
    """A callback that raises half-way keeps its first observations."""
    armed.meter.create_observable_gauge("g", [_raises_midway])
    assert armed.values("g") == [1]


@pytest.mark.parametrize("value", ["5", None, float("nan"), float("inf"), 10**400, Hostile()])
def test_a_bad_observation_costs_only_itself(
    armed: Armed, value: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    """What is no finite number is left out, the rest of the same callback is not."""
    armed.meter.create_observable_gauge("g", [lambda _: [Observation(value), Observation(2)]])
    assert armed.values("g") == [2]
    assert armed.values("g") == [2]
    assert capsys.readouterr().err.count("no finite number") == 1


def test_what_is_no_observation_is_left_out(
    armed: Armed, capsys: pytest.CaptureFixture[str]
) -> None:
    """A callback that yields plain numbers is told so."""
    armed.meter.create_observable_gauge("g", [lambda _: [5, Observation(2)]])
    assert armed.values("g") == [2]
    assert "an observation was left out: AttributeError" in capsys.readouterr().err


def test_attributes_and_context_of_an_observation_are_put_right(armed: Armed) -> None:
    """Hostile attributes and contexts do not cost the value."""
    bad: Any = Hostile()
    armed.meter.create_observable_gauge(
        "g", [lambda _: [Observation(1, {"good": 1, "bad": bad}, bad)]]
    )
    (point,) = armed.points("g")
    assert dict(point.attributes) == {"good": 1}


def test_a_generator_is_a_callback(armed: Armed) -> None:
    """Generators as the API allows them are advanced at each collection, until they end."""

    def count() -> Generator[Iterable[Observation], CallbackOptions, None]:
        yield []
        for number in (1, 2):
            yield [Observation(number)]

    armed.meter.create_observable_gauge("g", [count()])
    assert [armed.values("g") for _ in range(3)] == [[1], [2], []]


def test_an_endless_callback_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    """A callback that never stops yielding is cut."""
    monkeypatch.setattr(callbacks, "MAX_OBSERVATIONS", 5)

    def endless(options: CallbackOptions) -> Iterable[Observation]:
        while True:
            yield Observation(1)

    observe = guard(endless, "g", Complaints())
    assert len(list(observe(CallbackOptions()))) == 5


def test_an_interrupt_gets_through() -> None:
    """Ctrl-C in a callback is the user's, not an error of the callback."""

    def interrupted(options: CallbackOptions) -> Iterable[Observation]:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        guard(interrupted, "g", Complaints())(CallbackOptions())


class _Instrument:
    """An asynchronous instrument as the observer sees it."""

    def __init__(self, name: str, gate: threading.Event | None = None) -> None:
        self.name = name
        self.gate = gate
        self.called = 0

    def callback(self, options: CallbackOptions) -> Iterable[str]:
        self.called += 1
        if self.gate is not None:
            assert self.gate.wait(30)
        return [self.name]


def test_a_late_callback_costs_only_itself(capsys: pytest.CaptureFixture[str]) -> None:
    """It is left behind, not called again while it runs, and put last from then on."""
    gate = threading.Event()
    fast, slow, after = _Instrument("fast"), _Instrument("slow", gate), _Instrument("after")
    instruments = [fast, slow, after]
    observer = Observer(Complaints())
    try:
        assert observer.observe(instruments, 0.05) == ("fast",)
        assert observer.observe(instruments, 5) == ("fast", "after")
        assert slow.called == 1
        assert "slow (said once): its callback was late" in capsys.readouterr().err
    finally:
        gate.set()
    until(lambda: observer.observe(instruments, 5) == ("fast", "after", "slow"))
    assert slow.called == 2


def test_when_all_callbacks_are_late_nothing_is_observed() -> None:
    """The collection goes on without them, and at once."""
    gate = threading.Event()
    observer = Observer(Complaints())
    slow = _Instrument("slow", gate)
    try:
        assert observer.observe([slow], 0.01) == ()
        assert observer.observe([slow], 60) == ()
    finally:
        gate.set()


def test_a_walk_that_was_given_up_goes_no_further() -> None:
    """After the late callback returns, those behind it are not called for nothing."""
    gate = threading.Event()
    slow, after = _Instrument("slow", gate), _Instrument("after")
    observer = Observer(Complaints())
    observer.observe([slow, after], 0.01)
    gate.set()
    until(lambda: not any(t.name == "pepperpy-otel-observe" for t in threading.enumerate()))
    assert after.called == 0


def test_a_stuck_callback_does_not_hold_the_process(armed: Armed) -> None:
    """It runs in a thread that Python does not wait for."""
    daemons: list[bool] = []

    def observe(options: CallbackOptions) -> Iterable[Observation]:
        daemons.append(threading.current_thread().daemon)
        return []

    armed.meter.create_observable_gauge("g", [observe])
    armed.collect()
    assert daemons == [True]


def test_no_time_at_all_still_returns() -> None:
    """Without any time left the callbacks are asked and not waited for."""
    gate = threading.Event()
    observer = Observer(Complaints())
    try:
        assert observer.observe([_Instrument("slow", gate)], -1) == ()
    finally:
        gate.set()


def test_without_threads_the_callbacks_run_here(monkeypatch: pytest.MonkeyPatch) -> None:
    """An interpreter that ends starts no thread any more; the last collection is complete."""

    def refuse(thread: threading.Thread) -> None:
        raise RuntimeError("can't create new thread at interpreter shutdown")

    monkeypatch.setattr(threading.Thread, "start", refuse)
    assert Observer(Complaints()).observe([_Instrument("fast")], 5) == ("fast",)
