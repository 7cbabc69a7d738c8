"""Where asynchronous checks run: on the application's event loop, or on one of our own.

A client belongs to the loop that it was made on, so checks run on the loop that was running when
the checker was started; without one there is a private loop in a daemon thread. asyncio is imported
here and only when an asynchronous check is there: it takes milliseconds that start-up need not pay.
"""

from __future__ import annotations

import asyncio
import contextvars
import threading
from typing import TYPE_CHECKING, Any

from pepperpy_otel.health.outcome import Outcome, again, raised, returned

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Generator

    from pepperpy_otel.health.flight import Flight

    Finished = Callable[[Flight, Outcome], None]


def running_loop() -> Any:
    """The loop that runs in this thread, or ``None``."""
    try:
        return asyncio.get_running_loop()
    except RuntimeError:
        return None


class PrivateLoop:
    """An event loop in a daemon thread; left behind when a check blocks it."""

    def __init__(self) -> None:
        self.loop = asyncio.new_event_loop()
        self._ended = False
        self._thread = threading.Thread(
            target=self._run, name="pepperpy-otel-health-loop", daemon=True
        )
        self._thread.start()

    def _run(self) -> None:
        asyncio.set_event_loop(self.loop)
        while not self._ended:
            try:
                self.loop.run_forever()
            except BaseException:  # SystemExit in a task that a check made; the loop can go on
                continue
        try:
            self._finish()
        finally:
            self.loop.close()

    def _finish(self) -> None:
        tasks = asyncio.all_tasks(self.loop)
        for task in tasks:
            task.cancel()
        if tasks:
            self.loop.run_until_complete(asyncio.wait(tasks, timeout=0.1))
        self.loop.run_until_complete(self.loop.shutdown_asyncgens())

    def end(self, timeout: float) -> None:
        """Stop and close it; wait for that, so many seconds at most."""
        self._ended = True
        try:
            self.loop.call_soon_threadsafe(self.loop.stop)
        except RuntimeError:
            return  # closed already
        if threading.current_thread() is not self._thread:
            self._thread.join(timeout)


class _Task(asyncio.Task[Any]):
    """Knows whether somebody asked it to end: a check that raises CancelledError has failed."""

    cancel_requested = False

    def cancel(self, msg: Any = None) -> bool:
        self.cancel_requested = True
        return super().cancel(msg)


def launch(flight: Flight, source: Callable[[], Any], finished: Finished) -> None:
    """Run ``source()`` on the flight's loop.

    Args:
        flight: Its ``loop`` is chosen.
        source: The check, or what gives the awaitable that it has returned.
        finished: Called with the outcome, in the loop's thread.
    """
    assert flight.loop is not None
    loop = flight.loop.loop

    def begin() -> None:
        driven = _drive(flight, source, finished)
        flight.task = _Task(driven, loop=loop)
        if flight.overran_at is not None:  # while it waited for the loop
            flight.task.cancel()

    try:
        # An empty context: the span of whoever forces a round is not the parent of a check.
        loop.call_soon_threadsafe(begin, context=contextvars.Context())
    except RuntimeError:
        finished(flight, again("the event loop is closed"))


async def _drive(flight: Flight, source: Callable[[], Any], finished: Finished) -> None:
    try:
        outcome = returned(await _Stepped(flight, source))
    except GeneratorExit:  # the loop is gone, as the scheduler will see; this may be the collector
        raise
    except asyncio.CancelledError as error:
        # Not raised again: nobody waits for this task, and it ends here in any case.
        outcome = raised(error)
        if getattr(asyncio.current_task(), "cancel_requested", False):
            outcome = again("cancelled from outside: the event loop ends")
    except BaseException as error:  # asyncio would let SystemExit end the whole loop
        outcome = raised(error)
    finished(flight, outcome)


class _Stepped:
    """Awaits a check and takes the time for which its own steps hold the loop."""

    def __init__(self, flight: Flight, source: Callable[[], Any]) -> None:
        self._flight = flight
        self._source = source

    def __await__(self) -> Generator[Any, Any, Any]:
        flight = self._flight
        flight.begin()
        flight.step(True)
        try:
            steps = _awaited(self._source()).__await__()
            send: Callable[[], Any] = lambda: steps.send(None)  # noqa: E731
            while True:
                try:
                    future = send()
                except StopIteration as stop:
                    return stop.value
                flight.step(False)
                try:
                    sent = yield future
                except BaseException as error:
                    send = _thrower(steps, error)
                else:
                    send = _sender(steps, sent)
                flight.step(True)
        finally:
            flight.step(False)


def _sender(steps: Any, value: Any) -> Callable[[], Any]:
    return lambda: steps.send(value)


def _thrower(steps: Any, error: BaseException) -> Callable[[], Any]:
    return lambda: steps.throw(error)


async def _awaited(value: Awaitable[Any]) -> Any:
    return await value
