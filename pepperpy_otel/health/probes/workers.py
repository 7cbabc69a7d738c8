"""Celery workers, by their heartbeat: never by a ping.

``app.control.ping()`` goes through the broker and waits for the slowest worker; busy ones do not
answer, and that was the false alarm of other health checks (django-health-check#324, #384, #692).
A worker that works sends a heartbeat event every two seconds; its signal is noted here, in a file
where another process (a liveness command, a web app beside it) has to see it.
"""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pepperpy_otel.health.probes.drivers import need
from pepperpy_otel.health.probes.local import Local, checked_seconds
from pepperpy_otel.health.probes.wording import healthy, unhealthy

if TYPE_CHECKING:
    import os
    from collections.abc import Callable

    from pepperpy_otel.health.status import HealthResult


def celery(
    source: str | os.PathLike[str] | Callable[[], float | None] | None = None,
    *,
    max_age: float = 30.0,
) -> Local:
    """A probe: a Celery worker has sent a heartbeat lately.

    Args:
        source: A file that ``celery_heartbeat()`` in the worker touches; or a function that gives
            the UNIX seconds of the last heartbeat, or ``None`` if there was none (for a heartbeat
            that is kept elsewhere); by default the signals of a worker in this very process.
        max_age: Seconds without a heartbeat that are still good; a worker sends one every two
            seconds, unless it was started with ``--without-heartbeat``.

    Raises:
        ValueError: The age is not positive, or the signals are wanted and ``celery`` is missing.
    """
    checked_seconds("max_age", max_age)
    if source is None:
        signals = _Signals(None)
        beat = _Heartbeat(signals.last, max_age)
        return Local("celery worker", beat, signals.disconnect, unhealthy)
    if callable(source):
        return Local("celery worker", _Heartbeat(source, max_age), failed=unhealthy)
    path = Path(source)
    beat = _Heartbeat(lambda: _touched(path), max_age)
    return Local(f"celery worker ({path})", beat, failed=unhealthy)


def celery_heartbeat(path: str | os.PathLike[str]) -> Callable[[], None]:
    """For the worker: touch a file at each heartbeat. Call it where the Celery app is made.

    Args:
        path: The file; its directory must exist.

    Returns:
        A function that ends it.

    Raises:
        ValueError: ``celery`` is not installed.
    """
    return _Signals(Path(path)).disconnect


class _Signals:
    """Celery's signals of the worker in this process; they hold us weakly."""

    def __init__(self, path: Path | None) -> None:
        signals: Any = need("celery.signals", "celery")
        self._signals = (signals.heartbeat_sent, signals.worker_ready)
        self._path = path
        self._last: float | None = None
        for signal in self._signals:
            signal.connect(self._beat, weak=False)

    def last(self) -> float | None:
        """UNIX seconds of the last heartbeat."""
        return self._last

    def disconnect(self) -> None:
        """Hear no more of them."""
        for signal in self._signals:
            signal.disconnect(self._beat)

    def _beat(self, **_: object) -> None:
        self._last = time.time()
        if self._path is not None:
            try:
                self._path.touch()
            except OSError:
                return  # the missing heartbeat is what tells; the worker is not to be disturbed


def _touched(path: Path) -> float | None:
    try:
        return path.stat().st_mtime_ns / 1e9
    except FileNotFoundError:
        return None


class _Heartbeat:
    """Judges the age of a heartbeat; a clock that is set back must not keep a dead worker green."""

    def __init__(self, last: Callable[[], float | None], max_age: float) -> None:
        self._last = last
        self._max_age = max_age
        self._seen: float | None = None
        self._seen_at = 0.0

    def __call__(self) -> HealthResult:
        last = self._last()
        if last is None:
            return unhealthy("no heartbeat of a celery worker yet")
        now = time.monotonic()
        if last != self._seen:
            # Only the first look needs the wall clock; from then on a heartbeat is one that is new.
            known = max(time.time() - last, 0.0) if self._seen is None else 0.0
            self._seen, self._seen_at = last, now - known
        age = now - self._seen_at
        if age > self._max_age:
            return unhealthy(f"no heartbeat of a celery worker for {age:.0f} s", age_seconds=age)
        return healthy(f"heartbeat {age:.0f} s ago", age_seconds=age)
