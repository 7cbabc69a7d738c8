"""Where coroutines run: on the application's loop where there was one, else on one of ours."""

from __future__ import annotations

import asyncio
import sys
import threading
from typing import TYPE_CHECKING, Any

from pepperpy_otel.health.component import Checked
from pepperpy_otel.health.flight import Flight
from pepperpy_otel.health.loop_choice import Loops
from pepperpy_otel.health.loops import PrivateLoop, launch, running_loop
from pepperpy_otel.health.registration import Registration
from pepperpy_otel.health.stalls import LoopWatch, ProcessWatch
from tests.health.helpers import Loop, settled, until

if TYPE_CHECKING:
    import pytest

    from pepperpy_otel.health import HealthChecker

LONG = 10.0


def test_checks_run_on_the_loop_that_was_running_at_the_start(
    checker: HealthChecker, app_loop: Loop
) -> None:
    """A client belongs to the loop that it was made on."""
    loops: list[Any] = []

    async def check() -> None:
        loops.append(asyncio.get_running_loop())

    checker.register("db", check)
    checker.start()  # as configure() does, before the application has its loop
    app_loop.start(checker)
    loops.clear()
    checker.run(LONG)
    assert set(loops) == {app_loop.loop}
    assert checker.get_details("health.event_loop")["reason"] == "the event loop turns"


def test_without_one_they_share_a_private_loop(checker: HealthChecker) -> None:
    """One loop for all, in a daemon thread; the application's default executor is not used."""
    loops: list[Any] = []

    async def check() -> None:
        loops.append((asyncio.get_running_loop(), threading.current_thread().name))

    for number in range(3):
        checker.register(f"c{number}", check)
    checker.run(LONG)
    checker.run(LONG)
    assert len(loops) == 6
    assert len(set(loops)) == 1
    assert loops[0][1] == "pepperpy-otel-health-loop"
    assert checker.get_details("health.event_loop")["status"] == "healthy"


def test_a_loop_that_has_ended_is_no_verdict(checker: HealthChecker, app_loop: Loop) -> None:
    """The verdict stands until it expires; what was the client's loop is not replaced by ours."""

    async def check() -> None:
        """Nothing."""

    checker.register("db", check, interval=0.5, timeout=0.2)
    checker.register("given", lambda: check(), interval=0.5, timeout=0.2)
    app_loop.start(checker)
    settled(checker, "db", "healthy", "ok")
    settled(checker, "given", "healthy", "ok")
    app_loop.close()
    checker.run(LONG)
    assert checker.check_component("db").value == "healthy"
    assert "does not run" in checker.get_details("db")["history"][-1]["reason"]
    for name in ("db", "given"):
        verdict = settled(checker, name, "unknown", "stale")
        assert "the event loop does not run" in verdict.summary
    assert checker.group_status("live").value == "healthy"
    second = Loop()
    second.start(checker)  # the application has a new one
    settled(checker, "db", "healthy", "ok")
    checker.stop()
    second.close()


def test_a_loop_that_ends_under_a_run_is_no_verdict(checker: HealthChecker, app_loop: Loop) -> None:
    """asyncio.run() cancels what still runs: that is no failure of the component."""
    started = threading.Event()

    async def check() -> None:
        started.set()
        await asyncio.sleep(60)

    checker.register("db", check, timeout=4)
    app_loop.start(checker)
    assert started.wait(LONG)
    app_loop.close()
    until(lambda: checker.get_details("db")["history"])
    assert checker.snapshot()["db"].reason.value == "pending"
    assert checker.get_details("db")["history"][0]["result"] == "inconclusive"


def test_a_loop_that_is_closed_under_a_run_frees_the_check(checker: HealthChecker) -> None:
    """A run that can never end any more is given up, before and after its timeout."""
    loop = Loop()
    started: list[int] = []
    release = loop.loop.create_future()

    async def check() -> None:
        started.append(1)
        await asyncio.shield(release)

    async def swallow() -> None:
        while True:
            try:
                await asyncio.shield(release)
            except asyncio.CancelledError:
                continue

    checker.register("young", check, interval=60, timeout=20)
    checker.register("old", swallow, interval=60, timeout=0.1)
    loop.start(checker)
    settled(checker, "old", "unhealthy", "still running")
    until(lambda: started)
    loop.loop.set_exception_handler(lambda *_: None)
    loop.loop.call_soon_threadsafe(loop.loop.stop)
    loop._thread.join()
    tasks = asyncio.all_tasks(loop.loop)
    for task in tasks:  # nobody else may be told of what this test does to them
        task._log_destroy_pending = False  # type: ignore[attr-defined]
    loop.loop.close()
    until(lambda: checker.get_details("young")["history"])
    assert "closed" in checker.get_details("young")["history"][0]["reason"]
    checker.stop()
    checker.run(0.0)
    for task in tasks:
        task.get_coro().close()  # type: ignore[union-attr]


def test_a_silent_loop_is_a_dead_process(
    checker: HealthChecker, app_loop: Loop, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Live is red only when the application's loop has not turned for long."""
    app_loop.start(checker)
    monkeypatch.setattr(LoopWatch, "silent", lambda self: 31.0)
    assert checker.group_status("live").value == "unhealthy"
    assert "has not turned for 31 s" in checker.get_details("health.event_loop")["reason"]


def test_what_ends_a_loop_does_not_end_ours() -> None:
    """SystemExit in a task of a check ends run_forever(); the private loop goes on."""
    private = PrivateLoop()
    done = threading.Event()

    async def leaves() -> None:
        raise SystemExit(3)

    def start() -> None:
        private.loop.create_task(leaves())

    private.loop.call_soon_threadsafe(start)
    private.loop.call_soon_threadsafe(private.loop.call_soon, done.set)
    until(done.is_set)
    private.end(LONG)
    assert private.loop.is_closed()
    private.end(LONG)


def test_the_private_loop_leaves_no_task_behind() -> None:
    """What still runs at the end is cancelled; one that refuses is not waited for."""
    private = PrivateLoop()
    private.loop.set_exception_handler(lambda *_: None)
    ended: list[bool] = []
    started = threading.Event()

    async def lingers() -> None:
        try:
            started.set()
            await asyncio.sleep(60)
        finally:
            ended.append(True)

    asyncio.run_coroutine_threadsafe(lingers(), private.loop)
    assert started.wait(LONG)
    private.end(LONG)
    assert ended == [True]


def test_capturing_needs_a_running_loop() -> None:
    """Outside of a loop there is none to take; one that still runs is kept."""
    assert running_loop() is None
    loops = Loops(ProcessWatch())
    loops.capture()
    assert loops.captured is None

    async def main() -> None:
        loops.capture()
        first = loops.captured
        loops.capture()
        assert loops.captured is first
        assert loops.choose() is first

    asyncio.run(main())
    assert loops.choose() is None
    assert loops.captured is not None
    assert not loops.abandon(loops.captured)
    loops.captured.ask()  # closed: nothing happens
    assert loops.captured.silent() == 0


def test_a_check_that_starts_the_checker_captures_nothing(checker: HealthChecker) -> None:
    """The private loop is no loop of the application; nor does stop() in it wait for itself."""

    async def check() -> None:
        checker.start()
        assert checker._scheduler.runs.loops.captured is None
        checker.stop()

    checker.register("db", check, timeout=4)
    report = checker.run(LONG)
    assert "cancelled" not in str(checker.get_details("db"))
    assert report.verdicts["db"].status.value == "healthy"


def test_without_asyncio_there_is_no_loop_to_take(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is imported to find out."""
    monkeypatch.delitem(sys.modules, "asyncio")
    loops = Loops(ProcessWatch())
    loops.capture()
    assert loops.captured is None
    assert "asyncio" not in sys.modules


def test_a_loop_that_closes_before_the_run_begins_is_no_verdict() -> None:
    """Between the choice of a loop and the run there is a moment."""
    loop = asyncio.new_event_loop()
    loop.close()
    component = Checked(Registration("db", bool))
    flight = Flight(component, ProcessWatch())
    flight.board(LoopWatch(loop, ProcessWatch()))
    outcomes: list[Any] = []
    launch(flight, lambda: None, lambda flight, outcome: outcomes.append(outcome))
    assert [(each.again, each.summary) for each in outcomes] == [(True, "the event loop is closed")]
    flight.cancel()


def test_a_run_that_overran_before_the_loop_took_it_is_cancelled(app_loop: Loop) -> None:
    """An awaitable that waited too long is not awaited any more."""
    component = Checked(Registration("db", bool))
    flight = Flight(component, ProcessWatch())
    flight.board(LoopWatch(app_loop.loop, ProcessWatch()))
    flight.cancel()
    flight.overran_at = 1.0
    outcomes: list[Any] = []
    ran: list[int] = []

    async def check() -> None:
        ran.append(1)

    launch(flight, check, lambda flight, outcome: outcomes.append(outcome))
    until(lambda: flight.task is not None and flight.task.done())
    assert (ran, outcomes) == ([], [])
