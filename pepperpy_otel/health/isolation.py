"""A check in a process of its own, for C libraries that are known to hang: it can be killed.

The process is spawned, not forked: a fork copies locks that other threads hold. That takes a tenth
of a second and more, so the time of the check begins when the child says that it begins.
"""

from __future__ import annotations

import contextlib
import inspect
import multiprocessing
import os
from typing import TYPE_CHECKING, Any

from pepperpy_otel.health import outcome as outcomes
from pepperpy_otel.health.outcome import Outcome
from pepperpy_otel.health.status import HealthReason

if TYPE_CHECKING:
    from multiprocessing.connection import Connection

    from pepperpy_otel.health.flight import Flight
    from pepperpy_otel.health.registration import Check

#: Seconds that an interpreter may take to start.
START = 30.0
#: Seconds that a process which has answered, or was killed, may take to be gone.
GONE = 5.0


def run(flight: Flight) -> Outcome:
    """Run the flight's check in a new process and wait for its answer, in a worker thread."""
    entry = flight.component.entry
    context = multiprocessing.get_context("spawn")
    receiving, sending = context.Pipe(duplex=False)
    process = context.Process(
        target=child, args=(sending, entry.check), name=f"pepperpy-otel-{entry.name}", daemon=True
    )
    try:
        process.start()
    except Exception as error:  # no more processes; or this is a daemonic one itself
        return outcomes.again(f"no process can be started: {type(error).__name__}: {error}")
    finally:
        sending.close()
    flight.kill = process.kill
    try:
        return _answer(flight, receiving)
    finally:
        process.kill()
        process.join(GONE)
        receiving.close()
        with contextlib.suppress(ValueError):  # it still runs
            process.close()


def _answer(flight: Flight, receiving: Connection) -> Outcome:
    try:
        if not receiving.poll(START):
            return outcomes.again(f"its process has not started within {START:g} s")
        receiving.recv()
        flight.begin()
        answer: Outcome = receiving.recv()
    except EOFError:
        what = "ended without an answer"
        return Outcome(outcomes.FAIL, HealthReason.FAILED, f"its process {what}")
    return answer


def child(sending: Any, check: Check) -> None:
    """What the spawned process does: say that it begins, run the check, send what it came to."""
    sending.send(None)
    try:
        value = check()
        if inspect.isawaitable(value):
            import asyncio

            value = asyncio.run(_awaited(value))
        outcome = outcomes.returned(value)
    except BaseException as error:
        outcome = outcomes.raised(error)
    try:
        sending.send(_portable(outcome))
    except Exception as error:  # data that cannot be sent
        sending.send(_portable(outcomes.raised(error)))
    os._exit(0)  # whatever the check has left running ends with it


def _portable(outcome: Outcome) -> Outcome:
    """Without the error itself, which may not be importable on the other side."""
    return Outcome(
        *(outcome.result, outcome.reason, outcome.summary, outcome.data, None, outcome.traceback)
    )


async def _awaited(value: Any) -> Any:
    return await value
