"""A probe that asks over one connection of its own on an event loop.

The rules are those of ``blocking``; three are added:

* A connection belongs to the loop on which it was opened; on another loop a new one is opened.
* The time during which the loop did not run at all is not counted: a busy app is no dead database
  (``asyncio.wait_for()`` says TimeoutError then although the answer lies in the socket).
* A cancelled run drops its connection, because an answer may still be on its way.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import time
from typing import TYPE_CHECKING, Any, Generic, Protocol, TypeVar

from pepperpy_otel.health.probes.blocking import INHERITED, OLD_SHARE, QUICK_SHARE
from pepperpy_otel.health.probes.deadline import TICK, Deadline, checked_timeout
from pepperpy_otel.health.probes.patience import within
from pepperpy_otel.health.probes.quiet import untraced
from pepperpy_otel.health.probes.wording import failure, is_timeout

if TYPE_CHECKING:
    from pepperpy_otel.health.status import HealthResult

C = TypeVar("C")

#: Tasks that close a connection on their loop; a loop keeps only weak references to tasks.
_CLOSING: set[asyncio.Task[None]] = set()


class AsyncConnector(Protocol[C]):
    """What an asyncio driver must be able to do for a probe; the attributes as in ``Connector``."""

    target: str
    secrets: tuple[str, ...]
    own: bool

    async def open(self, deadline: Deadline) -> C:
        """A new connection, or the user's."""
        ...

    async def ask(self, connection: C, deadline: Deadline) -> HealthResult:
        """One cheap, read-only question; raises if there is no answer."""
        ...

    async def close(self, connection: C, *, polite: bool) -> None:
        """End a connection of the probe's own; not polite: without waiting for the server."""
        ...


class _Held(Generic[C]):
    """The connection of one loop in one process."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.pid = os.getpid()
        self.loop = loop
        self.lock = asyncio.Lock()
        self.connection: C | None = None
        self.took = 0.0


class Awaiting(Generic[C]):
    """A probe for the checker: awaited, it asks and says how the server is.

    It raises nothing but ``asyncio.CancelledError`` when its task is cancelled.

    Args:
        connector: How to open, ask and close.
        timeout: Seconds that a run may take; keep it below the check's timeout.

    Raises:
        ValueError: The timeout is not a positive number.
    """

    #: A dependency: the group ``live`` does not take it.
    local = False

    def __init__(self, connector: AsyncConnector[C], timeout: float) -> None:
        self.timeout = checked_timeout(timeout)
        self._connector = connector
        self._held: _Held[C] | None = None

    @property
    def target(self) -> str:
        """Whom it asks."""
        return self._connector.target

    async def __call__(self) -> HealthResult:
        """Ask once; see the class."""
        held = self._mine(asyncio.get_running_loop())
        try:
            await within(held.lock.acquire(), self.timeout)
            try:
                with untraced():
                    return await self._asked(held)
            finally:
                if self._held is not held:  # closed meanwhile
                    await self._ended(held, polite=False)
                held.lock.release()
        except Exception as error:
            connector = self._connector
            return failure(error, connector.target, self.timeout, connector.secrets)

    def close(self) -> None:
        """End the connection on its loop, waiting for that where the loop runs in another thread.

        Where its loop does not run any more nothing can be closed; use ``aclose()`` before.
        """
        held, self._held = self._held, None
        if held is not None:
            self._released(held, wait=True)

    async def aclose(self) -> None:
        """End the connection, on the loop on which it was opened."""
        held, self._held = self._held, None
        if held is None:
            return
        if held.pid == os.getpid() and held.loop is asyncio.get_running_loop():
            await self._ended(held, polite=True)
        else:
            self._released(held, wait=False)

    def __repr__(self) -> str:
        return f"<probe of {self.target}>"

    def _mine(self, loop: asyncio.AbstractEventLoop) -> _Held[C]:
        held = self._held
        if held is not None and (held.pid != os.getpid() or held.loop is not loop):
            self._released(held, wait=False)
            held = None
        if held is None:
            held = self._held = _Held(loop)
        return held

    async def _asked(self, held: _Held[C]) -> HealthResult:
        deadline = Deadline(self.timeout)
        if held.connection is None or not self._connector.own:
            return await self._asked_anew(held, deadline)
        quick = held.took < self.timeout * QUICK_SHARE
        try:
            share = deadline.share(OLD_SHARE if quick else 1.0)
            return await self._answer(held, held.connection, share)
        except Exception as error:
            if is_timeout(error) and (deadline.over or not quick):
                raise
        return await self._asked_anew(held, deadline)

    async def _asked_anew(self, held: _Held[C], deadline: Deadline) -> HealthResult:
        connection = await within(self._connector.open(deadline), deadline.left())
        held.connection = connection
        return await self._answer(held, connection, deadline)

    async def _answer(self, held: _Held[C], connection: C, deadline: Deadline) -> HealthResult:
        started = time.monotonic()
        try:
            asked = self._connector.ask(connection, deadline)
            result = await within(asked, deadline.left())
        except BaseException:
            await self._ended(held, polite=False)
            raise
        held.took = time.monotonic() - started
        return result

    async def _ended(self, held: _Held[C], *, polite: bool) -> None:
        connection, held.connection = held.connection, None
        if connection is not None and self._connector.own:
            with contextlib.suppress(Exception):
                closing = self._connector.close(connection, polite=polite)
                await within(closing, self.timeout if polite else 2 * TICK)

    def _released(self, held: _Held[C], *, wait: bool) -> None:
        """Close it from wherever we are; never touches what belongs to a parent process."""
        if held.connection is None or not self._connector.own:
            return
        if held.pid != os.getpid():
            INHERITED.append(held)
        elif _runs_here(held.loop):
            task = held.loop.create_task(self._ended(held, polite=True))
            _CLOSING.add(task)
            task.add_done_callback(_CLOSING.discard)
        elif held.loop.is_running():
            ending: Any = self._ended(held, polite=True)
            closing = asyncio.run_coroutine_threadsafe(ending, held.loop)
            if wait:
                with contextlib.suppress(Exception):
                    closing.result(self.timeout)


def _runs_here(loop: asyncio.AbstractEventLoop) -> bool:
    try:
        return asyncio.get_running_loop() is loop
    except RuntimeError:
        return False
