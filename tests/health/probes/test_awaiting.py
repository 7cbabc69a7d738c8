"""Async probes: one connection on its loop, a busy loop is no dead server."""

from __future__ import annotations

import asyncio
import os
import time
from typing import TYPE_CHECKING, Any

import pytest
from opentelemetry.instrumentation.utils import is_instrumentation_enabled

from pepperpy_otel.health import HealthStatus
from pepperpy_otel.health.probes import blocking
from pepperpy_otel.health.probes.awaiting import Awaiting
from tests.health.probes.connectors import AsyncScripted, broken, good, never, silent

if TYPE_CHECKING:
    from pepperpy_otel.health.probes.deadline import Deadline


def test_runs_share_one_connection_and_aclose_ends_it_politely() -> None:
    """On the same loop; a second aclose() has nothing to do."""
    script = AsyncScripted(good)
    probe = Awaiting(script, 1.0)

    async def main() -> None:
        assert (await probe()).status is HealthStatus.HEALTHY
        assert (await probe()).status is HealthStatus.HEALTHY
        await probe.aclose()
        await probe.aclose()

    asyncio.run(main())
    assert (script.script.opened, script.script.closed, script.polite) == (1, [1], [True])


def test_an_old_connection_that_died_is_replaced_within_the_run() -> None:
    """The dead one is ended without waiting for the server."""
    script = AsyncScripted(good, broken, good)
    probe = Awaiting(script, 1.0)

    async def main() -> None:
        await probe()
        assert (await probe()).status is HealthStatus.HEALTHY

    asyncio.run(main())
    assert (script.script.asked, script.script.closed, script.polite) == ([1, 1, 2], [1], [False])


def test_a_failure_is_one_line_without_the_password() -> None:
    """Whatever the driver put into its error."""
    result = asyncio.run(Awaiting(AsyncScripted(broken), 1.0)())
    assert result.status is HealthStatus.UNHEALTHY
    assert "hunter2" not in str(result)


def test_a_server_that_never_answers_fails_in_time() -> None:
    """The question is cancelled; nothing is left on the loop."""
    probe = Awaiting(AsyncScripted(never), 0.2)

    async def main() -> Any:
        result = await probe()
        assert len(asyncio.all_tasks()) == 1
        return result

    started = time.monotonic()
    result = asyncio.run(main())
    assert 0.15 < time.monotonic() - started < 2
    assert result.reason == "server db:5432: no answer within 0.2 s"
    assert result.data["timed_out"] is True


def test_a_slow_server_had_the_whole_time_and_is_not_asked_again() -> None:
    """Its old connection was given all of it."""

    async def slow(deadline: Deadline) -> None:
        await asyncio.sleep(0.6)

    script = AsyncScripted(slow, silent)
    probe = Awaiting(script, 2.0)

    async def main() -> None:
        await probe()
        assert (await probe()).status is HealthStatus.UNHEALTHY

    asyncio.run(main())
    assert script.script.asked == [1, 1]


def test_a_blocked_loop_is_no_dead_server() -> None:
    """The answer comes in 20 ms of running loop; the app blocks it for longer than the timeout."""

    async def answer(deadline: Deadline) -> None:
        await asyncio.sleep(0.02)

    async def main() -> list[HealthStatus]:
        found = []
        for _ in range(5):
            probe = Awaiting(AsyncScripted(answer), 0.2)
            run = asyncio.ensure_future(probe())
            await asyncio.sleep(0.005)
            time.sleep(0.4)
            found.append((await run).status)
        return found

    assert asyncio.run(main()) == [HealthStatus.HEALTHY] * 5


def test_a_cancelled_run_drops_its_connection() -> None:
    """Its answer may still come; the cancellation goes on up."""
    script = AsyncScripted(never)
    probe = Awaiting(script, 5.0)

    async def main() -> None:
        run = asyncio.ensure_future(probe())
        await asyncio.sleep(0.01)
        run.cancel()
        with pytest.raises(asyncio.CancelledError):
            await run

    asyncio.run(main())
    assert script.script.closed == [1]


def test_the_connection_of_the_user_is_neither_replaced_nor_closed() -> None:
    """It is asked once in a run, and close() lets it be."""
    script = AsyncScripted(good, broken, good, own=False)
    probe = Awaiting(script, 1.0)

    async def main() -> list[HealthStatus]:
        found = [(await probe()).status for _ in range(3)]
        probe.close()
        await probe()
        await probe.aclose()
        return found

    statuses = asyncio.run(main())
    assert statuses == [HealthStatus.HEALTHY, HealthStatus.UNHEALTHY, HealthStatus.HEALTHY]
    assert script.script.closed == []


def test_a_forked_child_leaves_the_connection_of_its_parent_alone() -> None:
    """It opens its own on its own loop."""
    script = AsyncScripted(good)
    probe = Awaiting(script, 1.0)

    loop = asyncio.new_event_loop()
    loop.run_until_complete(probe())
    pid = os.fork()
    if pid == 0:
        code = 1
        try:
            asyncio.run(probe())
            code = 0 if (script.script.opened, script.script.closed) == (2, []) else 2
            code += 0 if len(blocking.INHERITED) == 1 else 4
        finally:
            os._exit(code)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
    loop.run_until_complete(probe.aclose())
    loop.close()
    assert script.script.closed == [1]


def test_the_connection_of_another_process_is_put_aside() -> None:
    """As a forked child finds it, whichever of its calls comes first."""
    script = AsyncScripted(good)
    probe = Awaiting(script, 1.0)
    before = len(blocking.INHERITED)

    async def main() -> None:
        await probe()
        assert probe._held is not None
        probe._held.pid = -1
        await probe.aclose()

    asyncio.run(main())
    assert len(blocking.INHERITED) == before + 1
    del blocking.INHERITED[before:]
    assert script.script.closed == []


def test_what_a_probe_asks_is_not_traced() -> None:
    """In the task of the run only."""
    enabled: list[bool] = []
    script = AsyncScripted(lambda deadline: enabled.append(is_instrumentation_enabled()))

    async def main() -> None:
        await Awaiting(script, 1.0)()
        assert is_instrumentation_enabled()

    asyncio.run(main())
    assert enabled == [False]


def test_a_probe_names_its_target() -> None:
    """For people and logs."""
    probe = Awaiting(AsyncScripted(good), 1.0)
    assert probe.target == "server db:5432"
    assert repr(probe) == "<probe of server db:5432>"
