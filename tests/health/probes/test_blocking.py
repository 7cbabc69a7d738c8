"""Blocking probes: one connection, replaced once when it has died, never the parent's."""

from __future__ import annotations

import os
import threading
import time
from typing import TYPE_CHECKING

import pytest
from opentelemetry.instrumentation.utils import is_instrumentation_enabled

from pepperpy_otel.health import HealthStatus
from pepperpy_otel.health.probes import blocking
from pepperpy_otel.health.probes.blocking import Blocking
from tests.health.probes.connectors import Scripted, broken, good, silent

if TYPE_CHECKING:
    from pepperpy_otel.health.probes.deadline import Deadline


def test_runs_share_one_connection_and_close_ends_it() -> None:
    """The second run asks over the first one's connection; after close() a new one is opened."""
    script = Scripted(good)
    probe = Blocking(script, 1.0)
    assert probe().status is HealthStatus.HEALTHY
    assert probe().status is HealthStatus.HEALTHY
    assert (script.opened, script.asked) == (1, [1, 1])
    probe.close()
    probe.close()
    assert script.closed == [1]
    assert probe().status is HealthStatus.HEALTHY
    assert script.opened == 2


def test_an_old_connection_that_died_is_replaced_within_the_run() -> None:
    """A restart of the server between two runs is no outage."""
    script = Scripted(good, broken, good)
    probe = Blocking(script, 1.0)
    probe()
    assert probe().status is HealthStatus.HEALTHY
    assert (script.asked, script.closed) == ([1, 1, 2], [1])


def test_a_new_connection_that_fails_is_not_tried_again() -> None:
    """One line without the password, the target in it, and the connection closed."""
    script = Scripted(broken)
    result = Blocking(script, 1.0)()
    assert result.status is HealthStatus.UNHEALTHY
    assert (script.opened, script.closed) == (1, [1])
    assert result.reason.startswith("server db:5432: ConnectionResetError")
    assert "hunter2" not in str(result)
    assert "\n" not in result.reason
    assert result.data["error_type"] == "ConnectionResetError"
    assert result.data["timed_out"] is False


def test_a_failure_twice_in_a_run_is_a_failure() -> None:
    """An old connection and its replacement: two tries, no more."""
    script = Scripted(good, broken)
    probe = Blocking(script, 1.0)
    probe()
    assert probe().status is HealthStatus.UNHEALTHY
    assert script.asked == [1, 1, 2]
    assert script.closed == [1, 2]


def test_a_connection_that_cannot_be_opened_is_unhealthy() -> None:
    """And nothing is closed that was never there."""
    script = Scripted(good)
    script.refuses = ConnectionRefusedError(111, "Connection refused")
    result = Blocking(script, 1.0)()
    assert result.status is HealthStatus.UNHEALTHY
    assert "Connection refused" in result.reason
    assert script.closed == []


def test_a_half_open_connection_gets_half_of_the_time_and_is_replaced() -> None:
    """A firewall that forgot us answers nothing; the server is asked anew in the same run."""
    granted: list[float] = []

    def note(deadline: Deadline) -> None:
        granted.append(deadline.left())
        if len(granted) == 2:
            raise TimeoutError

    script = Scripted(note)
    probe = Blocking(script, 10.0)
    probe()
    assert probe().status is HealthStatus.HEALTHY
    assert script.asked == [1, 1, 2]
    assert granted[0] == pytest.approx(10, abs=0.5)
    assert granted[1] == pytest.approx(5, abs=0.5)


def test_a_slow_server_is_given_the_whole_time_on_its_old_connection() -> None:
    """Halving its time would call a server dead that always took two thirds of it."""
    granted: list[float] = []

    def slow(deadline: Deadline) -> None:
        granted.append(deadline.left())
        time.sleep(0.6)

    script = Scripted(slow, slow, silent)
    probe = Blocking(script, 2.0)
    probe()
    probe()
    assert granted[1] == pytest.approx(2.0, abs=0.5)
    result = probe()  # it had the whole time: no second try
    assert result.status is HealthStatus.UNHEALTHY
    assert result.reason == "server db:5432: no answer within 2 s"
    assert result.data["timed_out"] is True
    assert script.asked == [1, 1, 1]


def test_a_quick_server_that_is_silent_for_the_whole_time_is_not_asked_again() -> None:
    """The time is over: the run ends."""

    def gone(deadline: Deadline) -> None:
        time.sleep(0.12)
        raise TimeoutError

    script = Scripted(good, gone)
    probe = Blocking(script, 0.1)
    probe()
    assert probe().status is HealthStatus.UNHEALTHY
    assert script.asked == [1, 1]


def test_the_connection_of_the_user_is_neither_replaced_nor_closed() -> None:
    """It is asked once in a run, whatever happens."""
    script = Scripted(good, broken, good, own=False)
    probe = Blocking(script, 1.0)
    assert probe().status is HealthStatus.HEALTHY
    assert probe().status is HealthStatus.UNHEALTHY
    assert probe().status is HealthStatus.HEALTHY
    probe.close()
    assert script.asked == [1, 2, 3]
    assert script.closed == []


def test_an_interrupt_ends_the_connection_and_goes_on_up() -> None:
    """KeyboardInterrupt is not for a probe to swallow, and a late answer not for the next run."""

    def interrupted(deadline: Deadline) -> None:
        raise KeyboardInterrupt

    script = Scripted(interrupted)
    with pytest.raises(KeyboardInterrupt):
        Blocking(script, 1.0)()
    assert script.closed == [1]


def test_a_run_beside_a_hanging_one_fails_in_time() -> None:
    """Two runs never share the connection; the second one says why it could not ask."""
    go, inside = threading.Event(), threading.Event()

    def hang(deadline: Deadline) -> None:
        inside.set()
        assert go.wait(10)

    script = Scripted(hang)
    probe = Blocking(script, 0.2)
    first = threading.Thread(target=probe)
    first.start()
    assert inside.wait(10)
    result = probe()
    assert result.status is HealthStatus.UNHEALTHY
    probe.close()  # waits no longer than a run may take
    assert script.closed == []
    go.set()
    first.join(10)
    assert script.closed == [1]  # the run that was under way ended it


def test_a_forked_child_leaves_the_connection_of_its_parent_alone() -> None:
    """It opens its own; the parent's is kept from being collected, never closed."""
    script = Scripted(good)
    probe = Blocking(script, 1.0)
    probe()
    pid = os.fork()
    if pid == 0:
        code = 1
        try:
            probe()
            code = 0 if (script.opened, script.closed) == (2, []) else 2
            code += 0 if len(blocking.INHERITED) == 1 else 4
            probe.close()
            code += 0 if script.closed == [2] else 8
        finally:
            os._exit(code)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
    probe()
    assert (script.opened, script.closed) == (1, [])


def test_what_a_probe_asks_is_not_traced() -> None:
    """An instrumented driver would make a span every few seconds; the app's own stay."""
    enabled: list[bool] = []
    probe = Blocking(Scripted(lambda deadline: enabled.append(is_instrumentation_enabled())), 1.0)
    assert probe().status is HealthStatus.HEALTHY
    assert enabled == [False]
    assert is_instrumentation_enabled()


def test_a_failing_close_hurts_nobody() -> None:
    """The connection is gone either way."""

    class Stubborn(Scripted):
        def close(self, connection: int) -> None:
            raise OSError("already gone")

    probe = Blocking(Stubborn(good), 1.0)
    probe()
    probe.close()
    assert probe().status is HealthStatus.HEALTHY


@pytest.mark.parametrize("timeout", [0, -1, "1", None, True, float("nan")])
def test_a_timeout_that_is_no_positive_number_is_refused(timeout: object) -> None:
    """At construction, by name."""
    with pytest.raises(ValueError, match="timeout="):
        Blocking(Scripted(good), timeout)  # type: ignore[arg-type]


def test_a_probe_names_its_target() -> None:
    """For people and logs."""
    probe = Blocking(Scripted(good), 1.0)
    assert probe.target == "server db:5432"
    assert repr(probe) == "<probe of server db:5432>"
