"""Waiting on a loop: the time in which it ran counts, and nothing is left behind."""

from __future__ import annotations

import asyncio
import time

import pytest

from pepperpy_otel.health.probes.patience import within


def test_it_gives_what_the_work_gives() -> None:
    """A result, or the very exception."""

    async def fine() -> int:
        return 7

    async def bad() -> int:
        raise LookupError("x")

    assert asyncio.run(within(fine(), 1)) == 7
    with pytest.raises(LookupError):
        asyncio.run(within(bad(), 1))


def test_work_that_takes_too_long_is_cancelled() -> None:
    """TimeoutError, and its clean-up has run."""
    cleaned = []

    async def endless() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            cleaned.append(True)

    with pytest.raises(TimeoutError):
        asyncio.run(within(endless(), 0.1))
    assert cleaned == [True]


def test_work_that_swallows_its_cancellation_holds_nobody_up() -> None:
    """And what it raises in the end is nobody's "exception was never retrieved"."""

    async def stubborn() -> None:
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            await asyncio.sleep(1)
            raise LookupError("late") from None

    async def main() -> float:
        started = time.monotonic()
        with pytest.raises(TimeoutError):
            await within(stubborn(), 0.05)
        took = time.monotonic() - started
        await asyncio.sleep(1.2)
        return took

    assert asyncio.run(main()) < 0.9


def test_time_in_which_the_loop_stood_still_does_not_count() -> None:
    """Work that needs 100 ms of running loop gets them, blocked or not."""

    async def work() -> str:
        for _ in range(10):
            await asyncio.sleep(0.01)
        return "done"

    async def main() -> str:
        running = asyncio.ensure_future(within(work(), 0.3))
        for _ in range(3):
            await asyncio.sleep(0.02)
            time.sleep(0.3)
        return await running

    assert asyncio.run(main()) == "done"
