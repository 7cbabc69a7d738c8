"""What is said about a spool: one line when it goes bad, one when it works again, one per loss."""

from __future__ import annotations

import contextlib
from collections import deque
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from pepperpy_otel.delivery.spool.values import SpoolLimits

#: Seconds between two lines about a disk that is full one moment and not in the next.
QUIET = 600.0


class Troubles:
    """Collects lines, so that they are said when no lock is held.

    Args:
        where: The spool's directory, for people.
        limits: Its caps, for people.
        warn: Takes a ``%`` format and its arguments.
    """

    def __init__(self, where: str, limits: SpoolLimits, warn: Callable[..., None]) -> None:
        self._where = where
        self._limits = limits
        self._warn = warn
        self._is_bad = False
        self._told_bad = False
        self._told_at = float("-inf")
        self._once: set[object] = set()
        self._lines: deque[tuple[object, ...]] = deque()

    def bad(self, error: Exception, now: float) -> None:
        """It cannot be used; nothing is said while it stays so."""
        if self._is_bad:
            return
        self._is_bad = True
        self._told_bad = not 0 <= now - self._told_at < QUIET
        if self._told_bad:
            self._told_at = now
            self._say(
                "spool %s cannot be used: %s; what cannot be delivered waits in memory "
                "(tried again quietly)",
                self._where,
                getattr(error, "strerror", None) or error,
            )

    def good(self) -> None:
        """It works; said only to whom heard that it did not."""
        if self._is_bad and self._told_bad:
            self._say("spool %s works again", self._where)
        self._is_bad = False

    def unsupported(self) -> None:
        """There are no file locks on this platform."""
        self._say_once(
            "unsupported",
            "spool %s cannot be used: no flock on this platform; what cannot be delivered waits "
            "in memory",
            self._where,
        )

    def damaged(self, segment: str) -> None:
        """Something that was read is not what was written."""
        self._say_once(
            "damaged",
            "spool %s: %s is damaged; what is whole in it is sent (said once)",
            self._where,
            segment,
        )

    def lost(self, reason: str) -> None:
        """Items had to go; how many is counted elsewhere."""
        if reason == "spool_full":
            self._say_once(
                reason,
                "spool %s has reached its %d bytes: the oldest batches are dropped (said once)",
                self._where,
                self._limits.max_bytes,
            )
        elif reason == "spool_expired":
            self._say_once(
                reason,
                "spool %s: batches older than %.0f s are dropped (said once)",
                self._where,
                self._limits.max_age,
            )

    def no_room(self, size: int) -> None:
        """The caps leave no room, although nothing of ours is left to go."""
        self._say_once(
            "no room",
            "spool %s has no room for a batch of %d bytes within its %d bytes; it waits in memory "
            "(said once)",
            self._where,
            size,
            self._limits.max_bytes,
        )

    def internal(self, doing: str, error: BaseException) -> None:
        """Something of ours is wrong."""
        self._say_once(
            (doing, type(error)),
            "internal error in the spool %s (%s, said once): %s: %.200r",
            self._where,
            doing,
            type(error).__name__,
            error,
        )

    def speak(self) -> None:
        """Say what was collected; several threads may."""
        with contextlib.suppress(IndexError):
            while True:
                line = self._lines.popleft()
                self._warn(*line)

    def _say(self, *line: object) -> None:
        self._lines.append(line)

    def _say_once(self, key: object, *line: object) -> None:
        if key not in self._once:
            self._once.add(key)
            self._say(*line)
