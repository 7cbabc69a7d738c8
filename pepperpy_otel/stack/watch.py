"""The services of the stack while they start: whether there is hope, and what is wrong if not."""

from __future__ import annotations

import collections
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from pepperpy_otel.stack.rows import Row

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pepperpy_otel.stack.compose import Compose

LOG_LINES = 10
NOT_BEGUN = ("absent", "created")
#: So often may a service be seen between a crash and its next start: some need a second try.
CRASHES = 5


@dataclass(slots=True)
class Watch:
    """One start of the stack.

    Attributes:
        compose: The stack.
        services: The services that have to become healthy.
        seconds: How long they may take once all of them exist; before, images are being pulled,
            which takes as long as it takes.
    """

    compose: Compose
    services: Sequence[str]
    seconds: float
    _rows: list[Row] = field(default_factory=list, init=False)
    _crashes: collections.Counter[str] = field(default_factory=collections.Counter, init=False)
    _deadline: float | None = field(default=None, init=False)

    def hopeful(self) -> bool:
        """Look again: whether waiting may still help.

        Raises:
            StackError: The engine does not say.
        """
        rows = self._look()
        if any(row.lost for row in rows) or max(self._crashes.values(), default=0) >= CRASHES:
            return False
        if self._deadline is None and all(row.state != "absent" for row in rows):
            self._deadline = time.monotonic() + self.seconds
        return self._deadline is None or time.monotonic() < self._deadline

    def all_good(self) -> bool:
        """Look again: whether every service is as it should be.

        Raises:
            StackError: The engine does not say.
        """
        return all(row.good for row in self._look())

    def complaint(self) -> str:
        """What is wrong: the services' names and states, and what they said last.

        Raises:
            StackError: The engine does not say.
        """
        self._look()
        bad = [row for row in self._rows if not row.good]
        if not bad:
            return (
                "compose did not bring the stack up, although every service is healthy; see above"
            )
        # What waits for a service that has crashed is not the one to look at.
        crashed = [row for row in bad if row.lost or row.service in self._crashes]
        begun = [row for row in bad if row.state not in NOT_BEGUN]
        bad = crashed or begun or bad
        states = ", ".join(f"{row.service} is {row.state}" for row in bad)
        logs = [
            f"--- {row.service} said last ---\n"
            + (self.compose.logs(row.service, LOG_LINES) or "(nothing)")
            for row in bad
            if row.state not in NOT_BEGUN
        ]
        return "\n".join([f"the stack is not healthy: {states}", *logs])

    def _look(self) -> list[Row]:
        there = {row.service: row for row in self.compose.rows()}
        self._rows = [there.get(service, Row(service, "absent")) for service in self.services]
        self._crashes.update(row.service for row in self._rows if row.state == "restarting")
        return self._rows
