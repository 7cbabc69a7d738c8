"""The durable MeterProvider: made once, armed by ``configure()``, inert after ``rollback()``.

OpenTelemetry lets the global provider be set once, and libraries keep the meters and instruments
that they were given. So the provider and all of them live as long as the process: ``arm()`` gives
them a resource, views and readers, and every value starts from zero; ``disarm()`` takes all of it
away, and ``add()`` then costs one comparison.
"""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING

from opentelemetry.metrics import NoOpMeter
from opentelemetry.sdk.metrics import MeterProvider as SdkMeterProvider
from opentelemetry.sdk.metrics import TraceBasedExemplarFilter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.util.instrumentation import InstrumentationScope

from pepperpy_otel import _compat
from pepperpy_otel.errors import guarded, report_internal
from pepperpy_otel.metrics.consumer import Consumer
from pepperpy_otel.metrics.exemplars import exemplar_filter_named
from pepperpy_otel.metrics.measurements import clean_attributes, plain_text
from pepperpy_otel.metrics.meter import Meter
from pepperpy_otel.metrics.reader import SharedReader
from pepperpy_otel.metrics.views import sound_views

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from opentelemetry import metrics
    from opentelemetry.sdk.metrics import ExemplarFilter
    from opentelemetry.sdk.metrics.export import MetricReader
    from opentelemetry.sdk.metrics.view import View
    from opentelemetry.util.types import Attributes

#: Milliseconds for the readers of the app to end when nobody says how long.
STOP_MILLIS = 5_000.0


class MeterProvider(SdkMeterProvider):
    """A MeterProvider that can be switched on and off; made inert.

    Attributes:
        owner: Who flushes and shuts down when the app asks this provider to: called with
            ``"flush"`` or ``"shutdown"`` and milliseconds. ``None``: only its own readers are.
    """

    owner: Callable[[str, float], bool] | None

    def __init__(self) -> None:
        _compat.replace_meter_provider_fork_hook(self, MeterProvider.restart_in_child)
        # Given here, so that no detector runs and no environment variable is read.
        super().__init__(
            resource=Resource.get_empty(),
            exemplar_filter=TraceBasedExemplarFilter(),
            shutdown_on_exit=False,
        )
        self.owner = None
        self._arming = threading.RLock()
        self._readers: tuple[MetricReader, ...] = ()
        self._consumer: Consumer = _compat.install_consumer(self, Consumer)

    def arm(
        self,
        *,
        resource: Resource,
        views: Sequence[View] = (),
        exemplar_filter: ExemplarFilter | str | None = None,
        readers: Sequence[MetricReader] = (),
    ) -> None:
        """Begin to record, from zero, with all meters and instruments ever handed out.

        Args:
            resource: Who is speaking.
            views: The user's.
            exemplar_filter: Or its name in ``OTEL_METRICS_EXEMPLAR_FILTER``; ``trace_based``
                if none is given.
            readers: Ours and the user's; all of them are flushed and shut down here. One that
                cannot be added is left out, with one line.
        """
        with self._arming:
            self.disarm()
            self._consumer.complaints.forget()
            _compat.set_metrics_configuration(
                self,
                resource=resource,
                views=sound_views(views),
                exemplar_filter=exemplar_filter_named(exemplar_filter),
            )
            for reader in readers:
                try:
                    self.add_metric_reader(reader)
                except Exception as error:
                    report_internal(f"metric reader {type(reader).__name__}, left out", error)
            self._consumer.live = True

    def disarm(self, timeout_millis: float = STOP_MILLIS) -> None:
        """Record nothing and keep nothing; shuts the readers down.

        Args:
            timeout_millis: Milliseconds for all of them.
        """
        with self._arming:
            self._consumer.live = False
            deadline = time.monotonic() + timeout_millis / 1000
            readers, self._readers = self._readers, ()
            for reader in readers:
                with guarded(f"shutdown of metric reader {type(reader).__name__}"):
                    reader.shutdown(timeout_millis=_left_millis(deadline))
                _compat.detach_reader(self, reader)
            _compat.set_metrics_configuration(
                self,
                resource=Resource.get_empty(),
                views=(),
                exemplar_filter=TraceBasedExemplarFilter(),
            )

    def add_metric_reader(self, metric_reader: MetricReader) -> None:
        """Add a reader; unlike the SDK's, it is flushed and shut down with the others."""
        with self._arming:
            super().add_metric_reader(metric_reader)
            self._readers = (*self._readers, metric_reader)
            _compat.announce_reader(self, metric_reader)

    def remove_metric_reader(self, metric_reader: MetricReader) -> None:
        """Remove a reader and shut it down."""
        with self._arming:
            super().remove_metric_reader(metric_reader)
            self._readers = tuple(r for r in self._readers if r is not metric_reader)

    def get_meter(
        self,
        name: str,
        version: str | None = None,
        schema_url: str | None = None,
        attributes: Attributes = None,
    ) -> metrics.Meter:
        """A meter that lives as long as the provider, armed or not.

        ``OTEL_SDK_DISABLED`` is not asked here: a disabled telemetry does not arm the provider.
        """
        try:
            scope = InstrumentationScope(
                plain_text(name),
                None if version is None else plain_text(version),
                None if schema_url is None else plain_text(schema_url),
                clean_attributes(attributes, "get_meter()", self._consumer.complaints),
            )
            if scope.name:
                meter: metrics.Meter = _compat.meter_of(self, scope, Meter)
                return meter
        except Exception as error:
            report_internal("get_meter", error)
        return NoOpMeter("unnamed")

    def force_flush(self, timeout_millis: float = 10_000) -> bool:
        """Flush everything of the owner's, or else the readers; never raises."""
        flushed = False
        with guarded("force_flush of metrics"):
            if self.owner is not None:
                flushed = bool(self.owner("flush", timeout_millis))
            else:
                flushed = self.flush_readers(timeout_millis)
        return flushed

    def flush_readers(self, timeout_millis: float = 10_000) -> bool:
        """Flush the readers only: what the owner calls for those of the app.

        Returns:
            Whether all of them said so within the limit.
        """
        deadline = time.monotonic() + timeout_millis / 1000
        flushed = True
        for reader in self._readers:
            try:
                flushed = reader.force_flush(timeout_millis=_left_millis(deadline)) and flushed
            except Exception as error:
                report_internal(f"flush of metric reader {type(reader).__name__}", error)
                flushed = False
        return flushed and time.monotonic() <= deadline

    def shutdown(self, timeout_millis: float = 30_000) -> None:
        """Have the owner shut everything down, or else disarm; never raises."""
        with guarded("shutdown of metrics"):
            if self.owner is not None:
                self.owner("shutdown", timeout_millis)
            else:
                self.disarm(timeout_millis)

    def replace_resource(self, resource: Resource) -> None:
        """Change who is speaking: in a forked child, which is another instance."""
        _compat.replace_metrics_resource(self, resource)

    def restart_in_child(self) -> None:
        """In a forked child: locks that nobody holds, and every value from zero.

        Called by Python after a fork; the resource is for the owner to renew.
        """
        self._arming = threading.RLock()
        _compat.renew_meter_provider_locks(self)
        self._consumer.restart_in_child()
        for reader in self._readers:
            if isinstance(reader, SharedReader):
                reader.restart_in_child()
            else:
                _compat.renew_reader_locks(reader)


def _left_millis(deadline: float) -> float:
    return max(0.0, deadline - time.monotonic()) * 1000
