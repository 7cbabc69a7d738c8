"""The scheduler: what runs in the background, when, and on how many threads."""

from __future__ import annotations

import itertools
import threading
import time
from typing import TYPE_CHECKING, Any

from pepperpy_otel.health import HealthChecker, scheduler
from tests.health.helpers import settled, until

if TYPE_CHECKING:
    import pytest

    from pepperpy_otel.health import Transition

LONG = 10.0


def _threads() -> set[str]:
    return {each.name for each in threading.enumerate() if each.name.startswith("pepperpy-otel-h")}


def _pauses(moments: list[float]) -> list[float]:
    return [after - before for before, after in itertools.pairwise(moments)]


def test_without_checks_there_is_no_thread(checker: HealthChecker) -> None:
    """start() costs nothing before there is something to run; asking costs nothing either."""
    before = threading.active_count()
    checker.start()
    checker.start()
    assert checker.group_status("live").value == "healthy"
    assert threading.active_count() == before
    checker.register("db", lambda: True)
    settled(checker, "db", "healthy", "ok")
    assert checker.get_details("health.scheduler")["reason"] == "the scheduler runs"


def test_checks_registered_before_and_after_the_start_run_again_and_again(
    checker: HealthChecker,
) -> None:
    """Each at its own interval, the first run at once."""
    times: dict[str, list[float]] = {"early": [], "late": []}
    checker.register(
        "early", lambda: times["early"].append(time.monotonic()), interval=0.2, timeout=0.1
    )
    checker.start()
    checker.register(
        "late", lambda: times["late"].append(time.monotonic()), interval=0.2, timeout=0.1
    )
    until(lambda: all(len(each) > 5 for each in times.values()))
    for each in times.values():
        assert (each[5] - each[0]) / 5 > 0.1


def test_stop_ends_the_runs_and_keeps_the_verdicts_until_they_expire(
    checker: HealthChecker,
) -> None:
    """After stop() nothing runs, and what was known turns stale; a start revives it."""
    runs: list[int] = []
    checker.register("db", lambda: runs.append(1), interval=0.1, timeout=0.05)
    checker.stop()
    checker.start()
    settled(checker, "db", "healthy", "ok")
    checker.stop()
    count = len(runs)
    assert checker.check_component("db").value == "healthy"
    settled(checker, "db", "unknown", "stale")
    assert "stale" in checker.get_details("db")["reason"]
    assert len(runs) == count
    assert checker.group_status("ready").value == "unknown"
    checker.start()
    settled(checker, "db", "healthy", "ok")


def test_an_expiry_is_told(checker: HealthChecker, release: threading.Event) -> None:
    """Subscribers hear of a verdict that has expired, though no run has ended."""
    seen: list[Transition] = []
    checker.subscribe(seen.append)
    checker.register("db", lambda: True, interval=0.1, timeout=0.05)
    checker.register("other", lambda: True, interval=60)
    checker.start()
    settled(checker, "db", "healthy", "ok")
    with checker._scheduler.lock:  # its next run never comes, whatever the reason
        checker._components["db"].ticket = 0
    until(lambda: any(each.after.reason.value == "stale" for each in seen))
    [told] = [each for each in seen if each.after.reason.value == "stale"]
    assert (told.name, told.before.status.value, told.run) == ("db", "healthy", None)


def test_a_failing_check_is_tried_again_within_a_second(checker: HealthChecker) -> None:
    """After the first failure the next run comes soon, whatever the interval."""
    runs: list[float] = []
    broken = threading.Event()

    def check() -> bool:
        runs.append(time.monotonic())
        return not broken.is_set()

    checker.register("db", check, interval=60)
    checker.start()
    settled(checker, "db", "healthy", "ok")
    broken.set()
    checker.run(LONG)
    verdict = settled(checker, "db", "unhealthy", "failed")
    assert verdict.consecutive_failures >= 3
    failed = runs[-verdict.consecutive_failures :]
    assert all(0.2 < pause < 1.2 for pause in _pauses(failed))
    broken.clear()
    settled(checker, "db", "healthy", "ok")


def test_a_lasting_failure_is_asked_for_less_and_less(
    checker: HealthChecker, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The pauses double up to the interval: a dependency that is down is not hammered."""
    monkeypatch.setattr(scheduler, "RETRY", 0.02)
    runs: list[float] = []

    def check() -> bool:
        runs.append(time.monotonic())
        return False

    checker.register("db", check, interval=0.5, timeout=0.2)
    checker.start()
    until(lambda: len(runs) > 9)
    pauses = _pauses(runs)
    assert pauses[8] > 4 * pauses[0]
    assert max(pauses) < 2


def test_a_run_on_demand_needs_no_start_and_leaves_no_thread(checker: HealthChecker) -> None:
    """The threads of run() end by themselves soon after."""
    checker.register("db", lambda: True)
    assert checker.run(LONG).verdicts["db"].status.value == "healthy"
    until(lambda: "pepperpy-otel-health" not in _threads())
    assert checker.run(LONG).verdicts["db"].status.value == "healthy"


def test_idle_threads_end(checker: HealthChecker, monkeypatch: pytest.MonkeyPatch) -> None:
    """A burst of checks does not leave its threads for good."""
    from pepperpy_otel.health import workers

    monkeypatch.setattr(workers, "IDLE", 0.05)
    for number in range(10):
        checker.register(f"c{number}", lambda: time.sleep(0.02))
    checker.run(LONG)
    until(lambda: "pepperpy-otel-health-worker" not in _threads())
    assert checker.run(LONG).status.value == "healthy"


def test_many_rounds_at_once_run_each_check_once(checker: HealthChecker) -> None:
    """Whoever asks while a check runs waits for that run."""
    running: list[int] = []
    most: list[int] = []

    def check() -> None:
        running.append(1)
        most.append(len(running))
        time.sleep(0.1)
        running.pop()

    checker.register("db", check)
    reports: list[Any] = []
    askers = [threading.Thread(target=lambda: reports.append(checker.run(LONG))) for _ in range(8)]
    for asker in askers:
        asker.start()
    for asker in askers:
        asker.join()
    assert max(most) == 1
    assert {report.verdicts["db"].status.value for report in reports} == {"healthy"}


def test_an_error_of_ours_in_the_scheduler_is_said_once_and_does_not_end_it(
    checker: HealthChecker, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    """Whatever goes wrong in a turn, the next one comes."""
    checker.register("db", lambda: True, interval=0.1, timeout=0.05)
    judge = checker._scheduler.runs.judge
    failures: list[int] = []

    def broken() -> None:
        if len(failures) < 3:
            failures.append(1)
            raise RuntimeError("a defect")
        judge()

    monkeypatch.setattr(checker._scheduler.runs, "judge", broken)
    checker.start()
    settled(checker, "db", "healthy", "ok")
    assert len(failures) == 3
    assert capfd.readouterr().err.count("a defect") <= 1


def test_a_silent_scheduler_is_a_dead_process(
    checker: HealthChecker, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Live is red only when the scheduler has given no sign of life for long."""
    checker.register("db", lambda: True)
    checker.start()
    settled(checker, "db", "healthy", "ok")
    monkeypatch.setattr(scheduler.Scheduler, "silent_for", 31.0)
    assert checker.group_status("live").value == "unhealthy"
    assert "has not run for 31 s" in checker.get_details("health.scheduler")["reason"]


def test_no_more_threads_is_no_error_of_the_application(
    checker: HealthChecker, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where no thread can be started, nothing is known, nothing raises, and it heals."""

    def refuse(self: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    checker.register("db", lambda: True)
    with monkeypatch.context() as patch:
        patch.setattr(threading.Thread, "start", refuse)
        checker.start()
        assert checker.run().verdicts["db"].reason.value == "pending"
    settled(checker, "db", "healthy", "ok")


def test_a_built_in_component_is_worth_a_thread_once_somebody_asks(
    checker: HealthChecker,
) -> None:
    """The distro's own components are judged at each question, and looked at after the first."""
    from pepperpy_otel.health import HealthResult, HealthStatus

    status = [HealthStatus.HEALTHY]
    seen: list[Transition] = []
    checker.add_builtin("pipe", lambda: HealthResult(status[0], "said"), interval=0.02)
    checker.subscribe(seen.append)
    checker.start()
    assert "pepperpy-otel-health" not in _threads()
    assert checker.check_component("pipe") is HealthStatus.HEALTHY
    until(lambda: "pepperpy-otel-health" in _threads())
    status[0] = HealthStatus.UNHEALTHY
    assert checker.overall_status() is HealthStatus.DEGRADED
    until(lambda: len(seen) == 1)
    assert seen[0].before.status is not HealthStatus.UNHEALTHY
    status[0] = HealthStatus.UNKNOWN
    assert checker.get_details("pipe")["reason"] == "said"
    assert (checker.run(LONG).covered, checker.run(LONG).expected) == (0, 0)
    status[0] = 7  # type: ignore[call-overload]
    assert "bad return" in checker.get_details("pipe")["reason"]


def test_stop_drops_what_waits_and_leaves_what_runs(release: threading.Event) -> None:
    """A run that was not begun is none; one that runs may still end, and counts then."""
    narrow = HealthChecker(workers=1)
    narrow.register("first", lambda: release.wait(60) and None, timeout=4)
    narrow.register("second", lambda: True)
    narrow.run(0.0)
    until(lambda: narrow._scheduler.runs.pool.waiting == 1)
    narrow.stop()
    assert narrow.snapshot()["second"].reason.value == "pending"
    release.set()
    settled(narrow, "first", "healthy", "ok")
    assert narrow.run(LONG).verdicts["second"].status.value == "healthy"
    narrow.stop()
