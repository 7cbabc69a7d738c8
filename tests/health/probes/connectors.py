"""Connectors whose every step is written by the test: the seam behind all probes of servers."""

from __future__ import annotations

import asyncio
import threading
from typing import TYPE_CHECKING, Any

from pepperpy_otel.health.probes.wording import healthy

if TYPE_CHECKING:
    from collections.abc import Callable

    from pepperpy_otel.health import HealthResult
    from pepperpy_otel.health.probes.deadline import Deadline


class Scripted:
    """Opens numbered connections; what a question does to connection ``n`` is in ``answers``."""

    def __init__(self, *answers: Callable[[Deadline], Any], own: bool = True) -> None:
        self.target = "server db:5432"
        self.secrets = ("hunter2",)
        self.own = own
        self.opened = 0
        self.closed: list[int] = []
        self.asked: list[int] = []
        self.refuses: Exception | None = None
        self._answers = answers

    def open(self, deadline: Deadline) -> int:
        if self.refuses is not None:
            raise self.refuses
        self.opened += 1
        return self.opened

    def ask(self, connection: int, deadline: Deadline) -> HealthResult:
        self.asked.append(connection)
        step = min(len(self.asked), len(self._answers)) - 1
        self._answers[step](deadline)
        return healthy("answers")

    def close(self, connection: int) -> None:
        self.closed.append(connection)


class AsyncScripted:
    """The same for an event loop; an answer may be a coroutine function."""

    def __init__(self, *answers: Callable[[Deadline], Any], own: bool = True) -> None:
        self.script = Scripted(*answers, own=own)
        self.target, self.secrets, self.own = self.script.target, self.script.secrets, own
        self.polite: list[bool] = []
        self.closed_on: list[int] = []

    async def open(self, deadline: Deadline) -> int:
        return self.script.open(deadline)

    async def ask(self, connection: int, deadline: Deadline) -> HealthResult:
        self.script.asked.append(connection)
        step = min(len(self.script.asked), len(self.script._answers)) - 1
        answer = self.script._answers[step](deadline)
        if asyncio.iscoroutine(answer):
            await answer
        return healthy("answers")

    async def close(self, connection: int, *, polite: bool) -> None:
        self.script.close(connection)
        self.polite.append(polite)
        self.closed_on.append(threading.get_ident())


def good(deadline: Deadline) -> None:
    """It answers."""


def broken(deadline: Deadline) -> None:
    """The connection is dead."""
    raise ConnectionResetError("connection of user=app password=hunter2\nreset by peer")


def silent(deadline: Deadline) -> None:
    """No answer in the time granted (no time passes)."""
    raise TimeoutError


async def never(deadline: Deadline) -> None:
    """No answer, ever."""
    await asyncio.Event().wait()
