"""Closing async probes: on the loop of the connection, from wherever that is asked."""

from __future__ import annotations

import asyncio
import threading
from typing import TYPE_CHECKING

import pytest

from pepperpy_otel.health import HealthStatus
from pepperpy_otel.health.probes.awaiting import Awaiting
from tests.health.probes.connectors import AsyncScripted, good

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pepperpy_otel.health.probes.deadline import Deadline


@pytest.fixture
def other_loop() -> Iterator[asyncio.AbstractEventLoop]:
    """A loop that runs in a thread of its own."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    yield loop
    loop.call_soon_threadsafe(loop.stop)
    thread.join(10)
    loop.close()


def test_another_loop_gets_another_connection(other_loop: asyncio.AbstractEventLoop) -> None:
    """And the first one is ended on its own loop, where that still runs."""
    script = AsyncScripted(good)
    probe = Awaiting(script, 1.0)
    asyncio.run_coroutine_threadsafe(probe(), other_loop).result(10)
    asyncio.run(probe())
    asyncio.run_coroutine_threadsafe(asyncio.sleep(0.05), other_loop).result(10)
    assert (script.script.opened, script.script.closed) == (2, [1])
    assert script.closed_on[0] != threading.get_ident()


def test_close_from_another_thread_waits_for_the_loop(
    other_loop: asyncio.AbstractEventLoop,
) -> None:
    """When close() comes back, the connection is closed."""
    script = AsyncScripted(good)
    probe = Awaiting(script, 1.0)
    asyncio.run_coroutine_threadsafe(probe(), other_loop).result(10)
    probe.close()
    assert (script.script.closed, script.polite) == ([1], [True])


def test_aclose_on_another_loop_hands_the_closing_over(
    other_loop: asyncio.AbstractEventLoop,
) -> None:
    """The connection is closed where it lives."""
    script = AsyncScripted(good)
    probe = Awaiting(script, 1.0)
    asyncio.run_coroutine_threadsafe(probe(), other_loop).result(10)
    asyncio.run(probe.aclose())
    asyncio.run_coroutine_threadsafe(asyncio.sleep(0.05), other_loop).result(10)
    assert script.script.closed == [1]


def test_close_on_the_loop_itself_closes_soon() -> None:
    """It cannot wait there."""
    script = AsyncScripted(good)
    probe = Awaiting(script, 1.0)

    async def main() -> None:
        await probe()
        probe.close()
        assert script.script.closed == []
        await asyncio.sleep(0.05)

    asyncio.run(main())
    assert script.script.closed == [1]


def test_close_without_a_loop_or_a_connection_is_harmless() -> None:
    """A loop that is gone took its connections along."""
    script = AsyncScripted(good)
    probe = Awaiting(script, 1.0)
    probe.close()
    asyncio.run(probe())
    probe.close()
    assert script.script.closed == []


def test_a_probe_closed_during_a_run_leaves_no_connection() -> None:
    """The run ends it."""
    go = asyncio.Event()

    async def wait(deadline: Deadline) -> None:
        await go.wait()

    script = AsyncScripted(wait)
    probe = Awaiting(script, 5.0)

    async def main() -> None:
        run = asyncio.ensure_future(probe())
        await asyncio.sleep(0.01)
        held, probe._held = probe._held, None
        go.set()
        assert (await run).status is HealthStatus.HEALTHY
        assert held is not None

    asyncio.run(main())
    assert script.script.closed == [1]


def test_a_failing_close_hurts_nobody() -> None:
    """The connection is gone either way."""

    class Stubborn(AsyncScripted):
        async def close(self, connection: int, *, polite: bool) -> None:
            raise OSError("already gone")

    probe = Awaiting(Stubborn(good), 1.0)

    async def main() -> None:
        await probe()
        await probe.aclose()
        assert (await probe()).status is HealthStatus.HEALTHY

    asyncio.run(main())
