"""Writes what a reader aggregates into this process's file of the group, as it is measured.

What is written is a second, plain aggregation (a sum, or counts by bucket), not the SDK's: its
values move between two fields at each collection. Observable instruments are written when they are
collected, for which a thread collects every ``REFRESH_SECONDS``: nobody else may.
"""

from __future__ import annotations

import contextlib
import json
import threading
import time
from bisect import bisect_left
from typing import TYPE_CHECKING, Any

from pepperpy_otel import _forks
from pepperpy_otel.errors import report_internal, warn
from pepperpy_otel.metrics import names
from pepperpy_otel.metrics.multiprocess.merging import with_others

if TYPE_CHECKING:
    from collections.abc import Callable

    from opentelemetry.sdk.metrics.export import MetricsData

    from pepperpy_otel._compat import Stream
    from pepperpy_otel.metrics.multiprocess.cells import CellFile, Cells
    from pepperpy_otel.metrics.multiprocess.group import Group

#: Seconds between two collections for what is only observed.
REFRESH_SECONDS = 5.0


class Mirror:
    """The part of this process in a group; idle as long as it belongs to none.

    Args:
        group: Whose worker this process is, if any.
    """

    def __init__(self, group: Group | None = None) -> None:
        self.group = group
        #: The group of processes that are forked from here, and whose values are shown here.
        self.children: Group | None = None
        self._collect: Callable[[float], object] | None = None
        self._closed = False
        self._fresh()

    def _fresh(self) -> None:
        # Re-entrant: a signal handler may measure in the middle of a measurement.
        self._lock = threading.RLock()
        self._following = False
        self._new: list[tuple[Stream, Any]] = []
        self._file: CellFile | None = None
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None

    def refresh_with(self, collect: Callable[[float], object]) -> None:
        """Say how to have the observable instruments observed.

        Args:
            collect: Takes milliseconds.
        """
        self._collect = collect

    def follow(self, stream: Stream, aggregation: Any) -> None:
        """Mirror one series from now on; what cannot be mirrored is said once and left out.

        Args:
            stream: What it is a series of.
            aggregation: The SDK's aggregation of the series, new.
        """
        if self.group is None or self._closed:
            return
        self._new.append((stream, aggregation))
        self.begin()

    def begin(self) -> None:
        """Open the file now: what is only observed would wait for a collection for ever."""
        try:
            with self._lock:
                if self.group is not None and not self._following:
                    self._following = True  # what cuts in here leaves its own to us
                    try:
                        self._follow_new(self._open(self.group))
                    finally:
                        self._following = False
        except Exception as error:
            self._give_up(error)

    def leave(self) -> None:
        """Belong to no group after all: a page that claims to be all workers' would be wrong."""
        if self.group is not None:
            self.group = None
            warn(
                "the Prometheus page shows this process's values only: its MeterProvider is the"
                " application's own, of which other processes learn nothing"
            )

    def _follow_new(self, file: CellFile) -> None:
        while self._new:
            stream, aggregation = self._new.pop()
            cells = file.add(_key(stream), len(stream.bounds) + 2)
            _tie(stream, aggregation, cells, self._lock)

    def _give_up(self, error: Exception) -> None:
        self.group = None
        self._new.clear()
        if isinstance(error, OSError):
            warn(
                "the Prometheus page shows this process's values to no other one: %s;"
                " set PEPPERPY_OTEL_PROMETHEUS_DIRECTORY to a directory of this user's",
                error,
            )
        else:
            report_internal("sharing of metrics between processes", error)

    def _open(self, group: Group) -> CellFile:
        if self._file is None:
            self._file = group.open()
            thread = threading.Thread(
                target=self._refresh,
                args=(self._stop,),
                name="pepperpy-otel-prometheus-values",
                daemon=True,
            )
            with contextlib.suppress(RuntimeError):  # the interpreter ends
                _forks.start(thread)
                self._thread = thread
        return self._file

    def _refresh(self, stop: threading.Event) -> None:
        while not stop.wait(REFRESH_SECONDS):
            if self._collect is not None:
                try:
                    self._collect(REFRESH_SECONDS * 1000)
                except Exception as error:
                    report_internal("a collection for other processes", error)

    def complete(self, data: MetricsData | None) -> MetricsData | None:
        """Add what the other processes of the group have counted.

        Args:
            data: What this one has.

        Raises:
            OSError: Their directory cannot be read now.
        """
        own = None if self._file is None else self._file.path
        group = self.group or self.children
        if group is None or (own is None and not group.is_there()):
            return data
        ended, living = group.read(own)
        if own is not None:
            living += self._own_buckets(own)
        return with_others(data, ended, living, time.time_ns())

    def _own_buckets(self, own: Any) -> list[tuple[int, Any]]:
        """Exponential histograms of this process, in the buckets that all processes share."""
        from pepperpy_otel.metrics.multiprocess.cells import entries

        return [(0, entry) for entry in entries(own.read_bytes()) if entry.description().get("e")]

    def close(self) -> None:
        """Stop writing; the values stay for the others."""
        self._closed = True
        self._stop.set()
        thread, self._thread = self._thread, None
        if thread is not None and thread is not threading.current_thread():
            thread.join(timeout=1.0)
        if self._file is not None:
            self._file.close()

    def restart_in_child(self) -> None:
        """In a forked child: a worker of the process that it was forked from."""
        if self._file is not None:
            self._file.close()
        self.group = self.group or self.children
        self.children = None
        self._fresh()


def _key(stream: Stream) -> bytes:
    """The description of a series, equal in all processes that have it."""
    said = {
        "s": stream.scope,
        "n": stream.name,
        "u": stream.unit,
        "d": stream.description,
        "k": stream.kind,
        "o": stream.observed,
        "e": stream.exponential,
        "b": stream.bounds,
        # Labels are text in the end, and text is what JSON gives back unchanged.
        "a": {key: names.label_value(value) for key, value in stream.attributes.items()},
    }
    return json.dumps(said, sort_keys=True, default=str).encode()


def _tie(stream: Stream, aggregation: Any, cells: Cells, lock: threading.RLock) -> None:
    if stream.observed:
        collect = aggregation.collect

        def collected(*args: Any, **kwargs: Any) -> Any:
            point = collect(*args, **kwargs)
            if point is not None:
                with lock:
                    cells[0], cells[1] = point.value, time.time()
            return point

        aggregation.collect = collected
        return
    aggregate = aggregation.aggregate
    if stream.kind == "histogram":
        bounds = stream.bounds

        def counted(measurement: Any, *args: Any) -> None:
            aggregate(measurement, *args)
            value = measurement.value
            index = 1 + bisect_left(bounds, value)
            with lock:
                cells[index] += 1
                cells[0] += value

        aggregation.aggregate = counted
    elif stream.kind == "gauge":

        def set_to(measurement: Any, *args: Any) -> None:
            aggregate(measurement, *args)
            cells[0] = measurement.value

        aggregation.aggregate = set_to
    else:

        def added(measurement: Any, *args: Any) -> None:
            aggregate(measurement, *args)
            with lock:
                cells[0] += measurement.value

        aggregation.aggregate = added
