"""A request to deliver now, and the mailbox of the thread that it goes to.

That is how everybody else talks to a worker: nothing here holds a lock, so that a flush may come
from any thread, from a signal handler, or while a send hangs.
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING

from pepperpy_otel.delivery.tally import Wakeup

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from pepperpy_otel.delivery.lane import Lane


class Ticket:
    """A request to deliver now what was accepted so far.

    Args:
        boundaries: For each lane, the number of items ever accepted when it was asked for.
        deadline: Until when, on the worker's clock.
        since: When it was asked for; what failed later need not be tried again for it.
        spool_at: When what is not delivered by then has to go to disk, where there is one.
        ending: Whether the pipeline is shut down: then no send goes on beyond the deadline.
        last: Whether the worker ends after it.
        replays: Whether what lies on disk is to be delivered, too.
    """

    __slots__ = (
        "boundaries",
        "deadline",
        "done",
        "ending",
        "finished",
        "last",
        "replays",
        "since",
        "spool_at",
        "tried",
    )

    def __init__(
        self,
        boundaries: Mapping[Lane, int],
        deadline: float,
        *,
        since: float = 0.0,
        spool_at: float | None = None,
        ending: bool = False,
        last: bool = False,
        replays: bool = False,
    ) -> None:
        self.boundaries = boundaries
        self.deadline = deadline
        self.since = since
        self.spool_at = deadline if spool_at is None else spool_at
        self.ending = ending
        self.last = last
        self.replays = replays
        self.done = Wakeup()
        self.finished = False
        #: Whether what it wants of what waits in memory was tried to deliver.
        self.tried = False

    def finish(self) -> None:
        """No more comes of it: whoever waits may go on."""
        self.finished = True
        self.done.set()


class Mailbox:
    """Where a worker finds its tickets, and what it sleeps on.

    Args:
        clock: Monotonic seconds.
        wakeup: What the thread sleeps on.
    """

    def __init__(self, clock: Callable[[], float], wakeup: Wakeup) -> None:
        self._clock = clock
        self.wakeup = wakeup
        self.tickets: deque[Ticket] = deque()
        #: Whether the worker is to end.
        self.ending = False

    def busy(self) -> bool:
        """Whether something more urgent has come than what the worker is at."""
        return self.ending or bool(self.tickets)

    def untried(self) -> bool:
        """Whether there is a ticket of which nothing was tried yet."""
        return any(not ticket.tried for ticket in tuple(self.tickets))

    def post(self, ticket: Ticket) -> None:
        """Put in a ticket and wake the worker."""
        self.tickets.append(ticket)
        self.wakeup.set()

    def end(self) -> None:
        """Have the worker end after what it is at."""
        self.ending = True
        self.wakeup.set()

    def pause_until(self, moment: float, deadline: float) -> bool:
        """Wait; says whether the moment has come, before the deadline and the end."""
        if moment >= deadline:
            return False
        while self._clock() < moment and not self.ending:
            self.wakeup.wait(moment - self._clock())
        return not self.ending
