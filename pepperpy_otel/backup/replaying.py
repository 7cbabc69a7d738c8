"""``Replay``: sends what lies in files to a Collector, at least once, and can be resumed.

A request at a time, in order, each tried until it is answered: a destination that is down is waited
for, one that refuses us ends the replay where it stands.
"""

from __future__ import annotations

import random
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from pepperpy_otel.backup.counting import ITEMS
from pepperpy_otel.backup.marks import Marks, default_path
from pepperpy_otel.backup.reading import Item, Place, Reader
from pepperpy_otel.delivery.attempts import Progress, attempt
from pepperpy_otel.delivery.cargo import Backoff
from pepperpy_otel.delivery.factory import build_destination
from pepperpy_otel.delivery.splitting import Part

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from pepperpy_otel.delivery.counts import Signal
    from pepperpy_otel.delivery.endpoint import OtlpEndpoint

#: Seconds for one request, and between two times that the marks are written.
REQUEST_TIMEOUT = 30.0
SAVE_EVERY = 1.0
#: Seconds for which a destination that does not take anything is tried.
PATIENCE = 300.0


@dataclass
class ReplayReport:
    """What a replay did so far; truthy when all of it is done and nothing is missing.

    Attributes:
        delivered: Signal → items that the destination took.
        skipped: Signal → items that an earlier run has delivered.
        lost: Reason → items that the destination took part of, or refused for good.
        complaints: What is not whole, or not as the manifest says, a line each.
        error: Why the replay ended before its end; empty if it did not.
    """

    delivered: dict[str, int] = field(default_factory=lambda: dict.fromkeys(ITEMS, 0))
    skipped: int = 0
    lost: dict[str, int] = field(default_factory=dict)
    complaints: list[str] = field(default_factory=list)
    error: str = ""

    def __bool__(self) -> bool:
        return not (self.error or self.complaints or self.lost)

    def __str__(self) -> str:
        return ", ".join(f"{self.delivered[signal]} {what}" for signal, what in ITEMS.items())


class Replay:
    """One replay.

    Args:
        path: A file, the directory of a backup, or any directory with OTLP lines.
        endpoints: Where to, by signal.
        state: Whether the state of a backup (log events, health) is sent, too, as log records.
        marks: The file that says how far it came; by default one beside ``path``.
        patience: Seconds for which a destination that takes nothing is tried.
        progress: Called with the report now and then.
        clock: Monotonic seconds.
        sleep: Waits for so many seconds.

    Raises:
        BadManifest: The backup's manifest cannot be used.
        OSError: ``path`` cannot be read.
    """

    def __init__(
        self,
        path: Path,
        endpoints: Mapping[Signal, OtlpEndpoint],
        *,
        state: bool = False,
        marks: Path | None = None,
        patience: float = PATIENCE,
        progress: Callable[[ReplayReport], object] = bool,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], object] = time.sleep,
    ) -> None:
        where = " ".join(sorted({endpoint.shown for endpoint in endpoints.values()}))
        self._marks = Marks(default_path(path, where) if marks is None else marks, where)
        self._destination = build_destination("replay", endpoints=endpoints)
        self._reader = Reader(path, state=state, done=self._marks.done)
        self._files = {file.name: file for file in self._reader.files}
        self._senders: dict[Signal, Any] = {}
        self._patience = patience
        self._progress = progress
        self._clock = clock
        self._sleep = sleep
        self._saved_at = clock()
        self.report = ReplayReport()

    @property
    def files(self) -> list[Path]:
        """What is sent, in order."""
        return list(self._files.values())

    def run(self) -> ReplayReport:
        """Send everything that is not done yet; a second call of another run goes on from here.

        Raises:
            OSError: A file cannot be read.
        """
        self._marks.load(self._files)
        self.report.skipped = sum(place.items for place in self._marks.done.values())
        try:
            for item in self._reader:
                if not self._send(item):
                    break
                done = self._reader.progress[item.name]
                place = Place(item.offset, done.lines, done.items)
                self._marks.set(item.name, place, done.head)
                self._tell()
        finally:
            self._marks.save()
            for sender in self._senders.values():
                sender.close()
        # Also when it is broken off: the next run begins behind the lines that cannot be read.
        self.report.complaints += self._reader.complaints(so_far=bool(self.report.error))
        if self.report:
            self._marks.remove()
        elif self._marks.trouble:
            self.report.complaints.append(
                f"how far it came could not be written down ({self._marks.trouble})"
            )
        return self.report

    def _tell(self) -> None:
        if self._clock() - self._saved_at >= SAVE_EVERY:
            self._saved_at = self._clock()
            self._marks.save()
            self._progress(self.report)

    def _send(self, item: Item) -> bool:
        """Whether the destination answered for all of it, in time."""
        backoff = Backoff(self._clock, random.random)
        parts, deadline = [Part(item.body, item.items)], self._clock() + self._patience
        while True:
            until = self._clock() + REQUEST_TIMEOUT
            progress = self._attempt(item.signal, parts, until)
            self.report.delivered[item.signal] += progress.delivered
            for reason, number in progress.lost.items():
                self.report.lost[reason] = self.report.lost.get(reason, 0) + number
            failure = progress.failure
            if failure is None:
                if progress.error and progress.lost:
                    self._remark(progress.error)
                return True
            if progress.delivered:
                backoff.failures, deadline = 0, self._clock() + self._patience
            parts = progress.rest or parts
            backoff.failed(failure)
            wait = backoff.not_before - self._clock()
            if failure.misconfigured or self._clock() + wait > deadline:
                self.report.error = failure.error or "the destination takes nothing"
                return False
            self._sleep(wait)

    def _attempt(self, signal: Signal, parts: list[Part], until: float) -> Progress:
        sender: Any = self._senders.get(signal)
        if sender is None:
            sender = self._senders[signal] = self._destination.senders[signal]()
        return attempt(sender, parts, lambda: until - self._clock())

    def _remark(self, error: str) -> None:
        line = f"the destination says: {error}"
        if line not in self.report.complaints:
            self.report.complaints.append(line)
