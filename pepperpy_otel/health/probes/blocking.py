"""A probe that asks over one connection of its own, kept between runs, and blocks meanwhile.

* The connection is opened when it is first needed and kept: no churn, no exhausted ports.
* One that was good in an earlier run and fails now is replaced once within the same run: a server
  that was restarted between two runs, or a firewall that forgot us, is no outage.
* In a forked child the parent's connection is left untouched: closing it would say goodbye on the
  parent's socket.
"""

from __future__ import annotations

import contextlib
import os
import threading
import time
from typing import TYPE_CHECKING, Any, Generic, Protocol, TypeVar

from pepperpy_otel.health.probes.deadline import Deadline, checked_timeout
from pepperpy_otel.health.probes.quiet import untraced
from pepperpy_otel.health.probes.wording import failure, is_timeout

if TYPE_CHECKING:
    from pepperpy_otel.health.status import HealthResult

C = TypeVar("C")

#: Connections of a parent process, kept from being collected: their clean-up would use its socket.
INHERITED: list[Any] = []

#: Of the time left, what an old connection gets before it is replaced.
OLD_SHARE = 0.5
#: A server that took longer than this part of the timeout is given all of it on an old connection.
QUICK_SHARE = 0.25


class Connector(Protocol[C]):
    """What a driver must be able to do for a probe.

    Attributes:
        target: Whom it asks, for a person, without secrets.
        secrets: Texts that no summary may hold.
        own: Whether there is a connection of the probe's to keep, replace and close; if not, it is
            the user's, or each question makes its own.
    """

    target: str
    secrets: tuple[str, ...]
    own: bool

    def open(self, deadline: Deadline) -> C:
        """A new connection, or the user's."""
        ...

    def ask(self, connection: C, deadline: Deadline) -> HealthResult:
        """One cheap, read-only question; raises if there is no answer."""
        ...

    def close(self, connection: C) -> None:
        """End a connection of the probe's own, whatever state it is in."""
        ...


class _Held(Generic[C]):
    """The connection of one process, and the lock that keeps two runs off it."""

    def __init__(self) -> None:
        self.pid = os.getpid()
        self.lock = threading.Lock()
        self.connection: C | None = None
        self.took = 0.0


class Blocking(Generic[C]):
    """A probe for the checker: called, it asks and says how the server is. It never raises.

    Args:
        connector: How to open, ask and close.
        timeout: Seconds that a run may take; keep it below the check's timeout.

    Raises:
        ValueError: The timeout is not a positive number.
    """

    #: A dependency: the group ``live`` does not take it.
    local = False

    def __init__(self, connector: Connector[C], timeout: float) -> None:
        self.timeout = checked_timeout(timeout)
        self._connector = connector
        self._held: _Held[C] = _Held()

    @property
    def target(self) -> str:
        """Whom it asks."""
        return self._connector.target

    def __call__(self) -> HealthResult:
        """Ask once; see the class."""
        held = self._mine()
        try:
            if not held.lock.acquire(timeout=self.timeout):
                raise TimeoutError("an earlier run of this probe is still under way")
            try:
                with untraced():
                    return self._asked(held)
            finally:
                if self._held is not held:  # closed meanwhile
                    self._drop(held)
                held.lock.release()
        except Exception as error:
            connector = self._connector
            return failure(error, connector.target, self.timeout, connector.secrets)

    def close(self) -> None:
        """End the connection; a run under way ends it itself. The next run would open a new one."""
        held, self._held = self._mine(), _Held()
        if held.lock.acquire(timeout=self.timeout):
            self._drop(held)
            held.lock.release()

    def __repr__(self) -> str:
        return f"<probe of {self.target}>"

    def _mine(self) -> _Held[C]:
        held = self._held
        if held.pid != os.getpid():
            INHERITED.append(held)
            held = self._held = _Held()
        return held

    def _asked(self, held: _Held[C]) -> HealthResult:
        deadline = Deadline(self.timeout)
        if held.connection is None or not self._connector.own:
            return self._asked_anew(held, deadline)
        quick = held.took < self.timeout * QUICK_SHARE
        try:
            share = deadline.share(OLD_SHARE if quick else 1.0)
            return self._answer(held, held.connection, share)
        except Exception as error:
            if is_timeout(error) and (deadline.over or not quick):
                raise
        return self._asked_anew(held, deadline)

    def _asked_anew(self, held: _Held[C], deadline: Deadline) -> HealthResult:
        connection = held.connection = self._connector.open(deadline)
        return self._answer(held, connection, deadline)

    def _answer(self, held: _Held[C], connection: C, deadline: Deadline) -> HealthResult:
        started = time.monotonic()
        try:
            result = self._connector.ask(connection, deadline)
        except BaseException:
            self._drop(held)  # its state is unknown: a late answer would be taken for the next one
            raise
        held.took = time.monotonic() - started
        return result

    def _drop(self, held: _Held[C]) -> None:
        connection, held.connection = held.connection, None
        if connection is not None and self._connector.own:
            with contextlib.suppress(Exception):
                self._connector.close(connection)
