"""Where the measurements of our provider go: the SDK's aggregations, one set for each reader.

Does what the SDK's ``SynchronousMeasurementConsumer`` does, and besides: it can be made inert and
live again (a durable provider), starts from zero in a forked child, and collects within its limit
whatever the app's callbacks do. The aggregations themselves are the SDK's (``_compat``).
"""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING, Any

from opentelemetry.sdk.metrics import MetricsTimeoutError

from pepperpy_otel import _compat
from pepperpy_otel.metrics.callbacks import Observer
from pepperpy_otel.metrics.complaints import Complaints, describe
from pepperpy_otel.metrics.views import DEFAULT_CARDINALITY_LIMIT

if TYPE_CHECKING:
    from opentelemetry.sdk.metrics.export import MetricReader, MetricsData

#: Share of a collection's time that callbacks may take; a flush has to send in what is left.
CALLBACK_SHARE = 0.5


class Consumer:
    """Takes measurements and collects them for readers; the SDK's ``MeasurementConsumer`` by duck.

    Args:
        configuration: The SDK's resource, views and exemplar filter of the provider.
    """

    def __init__(self, configuration: Any) -> None:
        #: Read by every instrument at every call: records only while true.
        self.live = False
        self.complaints = Complaints()
        self._configuration = configuration
        self._storages: dict[MetricReader, Any] = {}
        self._asynchronous: list[Any] = []
        self._fresh_locks()

    def _fresh_locks(self) -> None:
        self._lock = threading.Lock()
        self._turn = threading.Lock()
        self._observer = Observer(self.complaints)

    def consume_measurement(self, measurement: Any) -> None:
        """Add one measurement to the aggregation of every reader."""
        sample = self._configuration.exemplar_filter.should_sample(
            measurement.value,
            measurement.time_unix_nano,
            measurement.attributes,
            measurement.context,
        )
        for storage in self._storages.values():  # replaced as a whole, never changed in place
            storage.consume_measurement(measurement, sample)

    def register_asynchronous_instrument(self, instrument: Any) -> None:
        """Remember an instrument whose callbacks are to be called at collections."""
        with self._lock:
            self._asynchronous.append(instrument)

    def collect(
        self, metric_reader: MetricReader, timeout_millis: float = 10_000
    ) -> MetricsData | None:
        """Call the callbacks, then collect for one reader; one collection at a time.

        Raises:
            MetricsTimeoutError: Other collections took all of the time.
        """
        limit = min(max(timeout_millis / 1000, 0.0), threading.TIMEOUT_MAX)
        deadline = time.monotonic() + limit
        turn = self._turn
        if not turn.acquire(timeout=limit):
            raise MetricsTimeoutError(f"other collections took {timeout_millis:g} ms")
        try:
            if metric_reader not in self._storages:
                return None
            remaining = (deadline - time.monotonic()) * CALLBACK_SHARE
            measurements = self._observer.observe(tuple(self._asynchronous), remaining)
            # Looked up now: in a child that a signal handler has forked meanwhile it is another.
            storage = self._storages.get(metric_reader)
            if storage is None:
                return None
            for measurement in measurements:
                self._consume_observation(storage, measurement)
            collected: MetricsData | None = storage.collect()
            return collected
        finally:
            turn.release()

    def _consume_observation(self, storage: Any, measurement: Any) -> None:
        try:
            storage.consume_measurement(
                measurement,
                self._configuration.exemplar_filter.should_sample(
                    measurement.value,
                    measurement.time_unix_nano,
                    measurement.attributes,
                    measurement.context,
                ),
            )
        except Exception as error:
            name = measurement.instrument.name
            self.complaints.say(name, "could not be recorded", describe(error))

    def add_metric_reader(self, metric_reader: MetricReader) -> None:
        """Begin an aggregation for one more reader, from zero."""
        with self._lock:
            self._storages = {**self._storages, metric_reader: self._storage(metric_reader)}

    def remove_metric_reader(self, metric_reader: MetricReader) -> None:
        """Drop a reader's aggregation."""
        with self._lock:
            self._storages = {
                reader: storage
                for reader, storage in self._storages.items()
                if reader is not metric_reader
            }

    def restart_in_child(self) -> None:
        """After a fork: locks that nobody holds, and no value that the parent has counted."""
        self._observer.abandon()
        self._fresh_locks()
        self._storages = {reader: self._storage(reader) for reader in self._storages}

    def _storage(self, reader: MetricReader) -> Any:
        limit = getattr(reader, "cardinality_limit", DEFAULT_CARDINALITY_LIMIT)
        mirror = getattr(reader, "mirror", None)
        follow = None if mirror is None else mirror.follow
        return _compat.new_metric_storage(self._configuration, reader, limit, follow)
