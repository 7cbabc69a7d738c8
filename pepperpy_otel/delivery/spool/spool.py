"""The face of the spool: one lock, no exceptions, and one line for each trouble."""

from __future__ import annotations

import contextlib
import errno
import os
import threading
import time
from types import MappingProxyType
from typing import TYPE_CHECKING

from pepperpy_otel import errors
from pepperpy_otel.delivery.counts import SIGNALS
from pepperpy_otel.delivery.spool import framing, ownership
from pepperpy_otel.delivery.spool.store import Store
from pepperpy_otel.delivery.spool.troubles import Troubles
from pepperpy_otel.delivery.spool.values import SpoolLimits

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Mapping
    from pathlib import Path

    from pepperpy_otel.delivery.counts import Signal
    from pepperpy_otel.delivery.spool.segment import Segment
    from pepperpy_otel.delivery.spool.values import Loss, SpooledBatch

#: Seconds after which the segments of the dead are looked for.
ADOPT_EVERY = 15.0
#: Seconds after which a bad disk is tried again.
RETRY_EVERY = 30.0


class Spool:
    """Batches that a destination could not take, on disk, for this process or the next.

    One for each destination and process. Safe for several threads, not for signal handlers: a call
    may wait for the disk, and for another call that does. No method raises.

    What ``append()`` took is in the page cache: it survives ``kill -9``, not a power cut. Files are
    synced when they are ended and by ``close()``, so a power cut loses at most what was written to
    the current file of each signal (``segment_bytes``). It is at least once: a process that is
    killed between a delivery and ``done()`` repeats that batch. Everything is stored in the clear.

    Args:
        directory: The user's; a subdirectory that only our user can read is made in it.
        name: One subdirectory for each.
        limits: Caps in bytes and seconds.
        warn: Takes a ``%`` format and its arguments; called once for each trouble, without a lock.
        clock: UNIX seconds.
        on_lost: Called with signal, items, whether they were written by this spool, and the
            reason; without a lock, never by the constructor.

    Attributes:
        usable: Whether the last attempt to open or write succeeded.
    """

    def __init__(
        self,
        directory: Path,
        name: str,
        *,
        limits: SpoolLimits = SpoolLimits(),  # noqa: B008 - immutable
        warn: Callable[..., None] = errors.warn,
        clock: Callable[[], float] = time.time,
        on_lost: Callable[[Signal, int, bool, str], None],
    ) -> None:
        self._directory = directory
        with contextlib.suppress(OSError):  # the present directory may be gone
            self._directory = directory.absolute()  # a daemon goes elsewhere
        self._name = name
        self._limits = limits
        self._clock = clock
        self._on_lost = on_lost
        self._troubles = Troubles(str(self._directory), limits, warn)
        self._pid = os.getpid()
        self._lock = threading.Lock()
        self._store: Store | None = None
        self._former: list[Segment] = []
        self._failed_at: float | None = None
        self._closed = False
        # Replaced as a whole, never changed: whoever asks for statistics never waits for a disk.
        self._waiting: dict[Signal, int] = dict.fromkeys(SIGNALS, 0)
        self._bytes = 0
        self.usable = False
        with self._turn("open") as now:
            if ownership.is_supported():
                self._opened(now)
            else:
                self._closed = True
                self._troubles.unsupported()

    def append(self, signal: Signal, body: bytes, items: int) -> bool:
        """Write a batch; may block on the disk.

        Args:
            signal: What its items are.
            body: The uncompressed OTLP request.
            items: How many are in it.

        Returns:
            Whether it is safe from the end of this process.
        """
        payload = self._packed(body, items)
        written = False
        with self._turn("append") as now:
            store = self._opened(now)
            if payload is not None and store is not None and not self._is_patient(now):
                written = store.append(signal, payload, items, now)
                if written:
                    self._count(signal, items)
                    self._works()
                else:
                    self._troubles.no_room(len(payload.data))
        return written

    def oldest(self, exclude: Collection[Signal] = ()) -> SpooledBatch | None:
        """What has to be sent next.

        The same batch again until it is ``done()``, unless its signal is excluded. A batch is
        taken to be under way until its signal is asked for again: till then it is neither
        expired nor dropped to make room. Asking costs nothing while there is nothing.

        Args:
            exclude: Signals that cannot be sent now.
        """
        with self._turn("oldest") as now:
            store = self._store
            if store is None or len(store.shelf) or store.is_stale(now, ADOPT_EVERY):
                store = self._opened(now)
                if store is not None and store.is_stale(now, ADOPT_EVERY):
                    store.look(now)
                if store is not None:
                    return store.reader.oldest(exclude, now)
        return None

    def done(self, batch: SpooledBatch) -> None:
        """It was delivered, or refused for good: never give it out again."""
        with self._turn("done") as now:
            store = self._opened(now)
            if store is None:
                return
            before = len(store.shelf)
            try:
                if store.reader.done(batch) and batch.own:
                    self._count(batch.signal, -batch.items)
            finally:
                if len(store.shelf) < before:
                    self._failed_at = None  # a full disk has room again

    def waiting(self) -> Mapping[Signal, int]:
        """Items written by this spool that are neither done nor lost. Never waits."""
        return MappingProxyType(self._waiting)

    def bytes_on_disk(self) -> int:
        """Bytes of all processes' segments, as far as known. Never waits."""
        return self._bytes

    def after_fork(self) -> None:
        """In a forked child: what is on disk is the parent's; begin with nothing.

        The parent's files are closed without unlocking them, and nothing is opened before it is
        needed. Called by the spool itself where nobody told it of the fork.
        """
        self._pid = os.getpid()
        self._lock = threading.Lock()
        store, self._store = self._store, None
        self._former = []
        self._waiting = dict.fromkeys(SIGNALS, 0)
        self._bytes = 0
        if store is not None:
            store.abandon()

    def close(self) -> None:
        """Sync and give up what is left: the next start inherits it, also in this process."""
        with self._turn("close") as now:
            self.usable = False
            self._closed = True
            if self._store is not None:
                self._store.close(now)
        self._store = None

    def _packed(self, body: bytes, items: int) -> framing.Payload | None:
        """Compressed without the lock, and not at all if nobody would take it."""
        try:
            if self._closed or self._is_patient(self._clock()):
                return None
            if 0 <= items <= framing.MOST and len(body) <= framing.MOST:
                return framing.pack_payload(body)
        except Exception as error:
            self._troubles.internal("pack", error)
            self._speak()
        return None

    @contextlib.contextmanager
    def _turn(self, doing: str) -> Iterator[float]:
        """One call at a time; what it has to tell or to sync is told and synced after it."""
        if os.getpid() != self._pid:
            self.after_fork()
        losses: list[Loss] = []
        to_sync: list[int] = []
        try:
            with self._lock:
                try:
                    yield self._clock()
                except OSError as error:
                    self._failed(error)
                except Exception as error:
                    self._troubles.internal(doing, error)
                finally:
                    losses, to_sync = self._settle(self._store)
        finally:
            self._sync(to_sync)
            self._speak()
            for loss in losses:
                with errors.guarded("a spool's on_lost"):
                    self._on_lost(*loss)

    def _opened(self, now: float) -> Store | None:
        """The store, opened anew if it was taken away, or if it is time to try again.

        Raises:
            OSError: It cannot be opened.
        """
        if self._closed:
            return None
        if self._store is not None and not self._store.is_intact():
            self._former = self._store.abandon()
            self._store = None
        if self._store is None and not self._is_patient(now):
            self._store = Store(self._directory, self._name, self._limits, now, self._former)
            self._former = []
            self._works()
        return self._store

    def _is_patient(self, now: float) -> bool:
        return self._failed_at is not None and 0 <= now - self._failed_at < RETRY_EVERY

    def _works(self) -> None:
        self._failed_at = None
        self.usable = True
        self._troubles.good()

    def _failed(self, error: OSError) -> None:
        self._failed_at = self._clock()
        self.usable = False
        self._troubles.bad(error, self._failed_at)

    def _count(self, signal: Signal, items: int) -> None:
        self._waiting = {**self._waiting, signal: self._waiting[signal] + items}

    def _settle(self, store: Store | None) -> tuple[list[Loss], list[int]]:
        if store is None:
            return [], []
        shelf = store.shelf
        for name in shelf.damaged:
            self._troubles.damaged(name)
        for loss in shelf.losses:
            self._troubles.lost(loss.reason)
            if loss.own:
                self._count(loss.signal, -loss.items)
        settled = (shelf.losses[:], store.to_sync[:])
        shelf.damaged.clear()
        shelf.losses.clear()
        store.to_sync.clear()
        self._bytes = store.bytes_on_disk()
        return settled

    def _sync(self, files: list[int]) -> None:
        for fd in files:
            try:
                os.fsync(fd)
            except OSError as error:
                # A file system may be unable to sync a directory, and say so.
                if error.errno != errno.EINVAL:
                    with self._lock:
                        self._failed(error)
            finally:
                os.close(fd)

    def _speak(self) -> None:
        with errors.guarded("a spool's warning"):
            self._troubles.speak()
