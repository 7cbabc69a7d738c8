"""The sender of one lane, and everything that may go wrong with it: nothing gets past here.

Where the sender encodes and sends apart, so does the courier; the worker sends while the spooler,
which only wants the bytes, encodes the next batch.
"""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any

from pepperpy_otel import _native
from pepperpy_otel.delivery.attempts import Progress, attempt, say
from pepperpy_otel.delivery.guard import delivering
from pepperpy_otel.delivery.outcome import Outcome

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from pepperpy_otel.delivery.cargo import Cargo
    from pepperpy_otel.delivery.destination import Sender
    from pepperpy_otel.delivery.splitting import Part

#: Senders of the process that we were forked from: closing or collecting one here could say
#: goodbye on the parent's connection, so they are kept, untouched.
_inherited: list[Sender] = []


class Courier:
    """Makes, uses and closes the sender of a lane.

    Args:
        make_sender: Makes it; called in the worker's thread when it is first needed.
        clock: Monotonic seconds.
    """

    def __init__(self, make_sender: Callable[[], Sender], clock: Callable[[], float]) -> None:
        self._make_sender = make_sender
        self._clock = clock
        self._sender: Any = None
        self._making = _native.allocate_lock()
        self._encoding = _native.allocate_lock()

    def after_fork(self) -> None:
        """In a forked child: another sender, and locks that nobody holds."""
        if self._sender is not None:
            with contextlib.suppress(Exception):
                getattr(self._sender, "let_go", _nothing)()
            _inherited.append(self._sender)
            self._sender = None
        self._making = _native.allocate_lock()
        self._encoding = _native.allocate_lock()

    @property
    def target(self) -> str:
        """Where it goes, for people: a URL, or nothing before the sender is made."""
        return str(getattr(self._sender, "target", ""))

    def prepare(self) -> None:
        """Make the sender, if there is none.

        Raises:
            Exception: Whatever keeps it from being made.
        """
        with self._making:
            if self._sender is None:
                self._sender = self._make_sender()

    def encodes(self) -> bool:
        """Whether requests can wait somewhere between being encoded and being sent.

        True before the sender is made: to be asked only where there is a spool.
        """
        return self._sender is None or hasattr(self._sender, "transmit")

    def encode(self, cargo: Cargo) -> Sequence[Part]:
        """The requests of ``cargo``, encoded now if they were not.

        Raises:
            Exception: The sender cannot be made, or it fails to encode, which it should not.
        """
        with self._encoding, delivering():
            self.prepare()
            cargo.encode(self._sender)
        return cargo.parts or ()

    def carry(self, cargo: Cargo, timeout: float, *, whole: bool) -> Progress:
        """Send ``cargo`` within ``timeout`` seconds, ``whole`` or where needed in parts."""
        deadline = self._clock() + timeout
        progress = Progress()
        with delivering():
            try:
                self.prepare()
            except BaseException as error:
                progress.failure = Outcome(retry=True, misconfigured=True, error=say(error))
                return progress
            try:
                if not hasattr(self._sender, "transmit"):
                    outcome: object = self._sender.send(cargo.items(), timeout)
                    return _entered(progress, cargo, outcome)
                with self._encoding:
                    cargo.encode(self._sender)
                parts = cargo.parts or ()
                return attempt(self._sender, parts, lambda: deadline - self._clock(), whole=whole)
            except BaseException as error:  # a sender must never end the worker
                return _entered(progress, cargo, Outcome(error=say(error), reason="error"))

    def interrupt(self) -> None:
        """Ask a send that is under way to end; called from another thread at a deadline."""
        with contextlib.suppress(Exception):
            getattr(self._sender, "interrupt", _nothing)()

    def close(self) -> None:
        """Let go of the sender, in the worker's thread."""
        sender, self._sender = self._sender, None
        if sender is not None:
            with delivering(), contextlib.suppress(BaseException):
                sender.close()


def _entered(progress: Progress, cargo: Cargo, outcome: object) -> Progress:
    if not isinstance(outcome, Outcome):
        outcome = Outcome(error=f"the sender answered {outcome!r}", reason="error")
    if outcome.retry:
        progress.failure = outcome
    else:
        progress.take(cargo.number(), outcome)
    return progress


def _nothing() -> None:
    return None
