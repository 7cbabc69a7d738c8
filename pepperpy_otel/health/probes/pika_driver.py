"""AMQP by pika, with a deadline for every wait.

``pika.BlockingConnection`` waits for a channel without a limit. ``SelectConnection`` runs on a loop
that we start and stop; the loop also tells which sockets it watches, so that a connection to a
broker that does not answer can be ended at once.
"""

from __future__ import annotations

import contextlib
import copy
import os
import socket
from typing import TYPE_CHECKING, Any

from pepperpy_otel.health.probes.deadline import Patience
from pepperpy_otel.health.probes.drivers import need
from pepperpy_otel.health.probes.wording import healthy

if TYPE_CHECKING:
    from pepperpy_otel.health.probes.deadline import Deadline
    from pepperpy_otel.health.status import HealthResult

#: Seconds for a broker to say goodbye, and for pika to see that a socket is gone.
TIDY = 0.2
PATIENT = 10


class Pika:
    """How to open, ask and close an AMQP connection with pika.

    Args:
        parameters: ``pika.ConnectionParameters``; copied.
        secrets: What no summary may hold.
        where: The broker for a person.
    """

    own = True

    def __init__(self, parameters: Any, secrets: tuple[str, ...], where: str) -> None:
        self._pika = need("pika", "pika")
        self._parameters = parameters
        self.secrets = secrets
        self.target = f"rabbitmq {where}"

    def open(self, deadline: Deadline) -> Link:
        """A new connection."""
        parameters = copy.copy(self._parameters)
        parameters.connection_attempts = 1
        # Nobody answers heartbeats between two runs: the broker would end the connection.
        parameters.heartbeat = 0
        # Pika's own limits would count time in which this process stood still.
        parameters.socket_timeout = parameters.stack_timeout = PATIENT * deadline.left()
        link = Link(self._pika, parameters)
        try:
            link.run(deadline.left())
        except BaseException:
            link.end(polite=False)
            raise
        return link

    def ask(self, connection: Link, deadline: Deadline) -> HealthResult:
        """Open a channel and close it again."""
        connection.channel(deadline.left())
        return healthy("opens a channel", target=self.target)

    def close(self, connection: Link) -> None:
        """End it."""
        connection.end(polite=connection.well)


class Link:
    """One AMQP connection and the loop that drives it, run only while something is awaited."""

    def __init__(self, pika: Any, parameters: Any) -> None:
        self.well = False
        self._error: BaseException | None = None
        self._done = False
        self._loop = _loop_class(pika)()
        self._connection = pika.SelectConnection(
            parameters,
            on_open_callback=self._finished,
            on_open_error_callback=self._failed,
            on_close_callback=self._failed,
            custom_ioloop=self._loop,
        )

    def run(self, seconds: float) -> None:
        """Drive the connection until what is awaited has happened.

        Raises:
            TimeoutError: It has not in this time.
            Exception: What pika says of a connection that failed or was closed.
        """
        self.well = False
        patience = Patience(seconds)
        while not self._done and self._error is None and (slot := patience.slot()):
            timer = self._loop.call_later(slot, self._loop.stop)
            self._loop.start()
            self._loop.remove_timeout(timer)
            patience.waited()
        if self._error is not None:
            raise self._error
        if not self._done:
            raise TimeoutError("no answer")
        self._done = False
        self.well = True

    def channel(self, seconds: float) -> None:
        """Open a channel and close it again; raises as ``run`` does."""
        channel = self._connection.channel(on_open_callback=self._finished)
        channel.add_on_close_callback(self._finished)
        self.run(seconds)
        channel.close()
        self.run(seconds)

    def end(self, *, polite: bool) -> None:
        """Close the connection, and the sockets of one that does not close in time."""
        with contextlib.suppress(Exception):
            if polite:
                self._connection.close()
                self.run(TIDY)
        if not self._connection.is_closed:
            with contextlib.suppress(Exception):
                self._loop.shut_down()
                self.run(TIDY)
        self._loop.close()

    def _finished(self, *_: object) -> None:
        self._done = True
        self._loop.stop()

    def _failed(self, _connection: object, error: BaseException) -> None:
        self._error = error
        self._loop.stop()


def _loop_class(pika: Any) -> Any:
    """Pika's loop, made when pika is there to be inherited from."""
    base = need("pika.adapters.select_connection", "pika").IOLoop

    class WatchedLoop(base):  # type: ignore[misc, valid-type]
        """A loop that knows the descriptors which it watches."""

        def __init__(self) -> None:
            self.watched: set[int] = set()
            super().__init__()

        def add_handler(self, fd: int, handler: Any, events: int) -> None:
            self.watched.add(fd)
            super().add_handler(fd, handler, events)

        def remove_handler(self, fd: int) -> None:
            self.watched.discard(fd)
            super().remove_handler(fd)

        def shut_down(self) -> None:
            """End the connections behind all descriptors; pika sees that as the peer's doing."""
            for descriptor in list(self.watched):
                with contextlib.suppress(OSError):
                    with socket.socket(fileno=os.dup(descriptor)) as other:
                        other.shutdown(socket.SHUT_RDWR)

    return WatchedLoop
