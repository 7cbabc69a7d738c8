"""Waiting on an event loop for as long as the loop itself runs."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, TypeVar

from pepperpy_otel.health.probes.deadline import TICK, Patience

if TYPE_CHECKING:
    from collections.abc import Awaitable

T = TypeVar("T")


async def within(awaitable: Awaitable[T], seconds: float) -> T:
    """What it gives, or TimeoutError after so many seconds in which the loop ran.

    Raises:
        TimeoutError: The time is over; the work was cancelled.
    """
    work = asyncio.ensure_future(_awaited(awaitable))
    patience = Patience(seconds)
    try:
        while not work.done() and (slot := patience.slot()):
            await asyncio.wait({work}, timeout=slot)
            patience.waited()
        if work.done():
            return work.result()
        raise TimeoutError(f"not done within {seconds:g} s")
    finally:
        if not work.done():
            await _cancelled(work)


async def _awaited(awaitable: Awaitable[T]) -> T:
    return await awaitable


async def _cancelled(work: asyncio.Future[Any]) -> None:
    """Cancel it and wait briefly: a driver that swallows its cancellation holds nobody up."""
    work.add_done_callback(_looked_at)
    work.cancel()
    await asyncio.wait({work}, timeout=TICK)


def _looked_at(work: asyncio.Future[Any]) -> None:
    """Its exception was seen, so that the loop does not tell anybody that it was not."""
    if not work.cancelled():
        work.exception()
