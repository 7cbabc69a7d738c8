"""Instruments by name, for the app's own code: they outlive ``configure()`` and ``rollback()``.

An instrument of a registry finds the current telemetry when it is used: the private provider
before ``configure()``, then the real one. It asks for nothing but a number at each call.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

from opentelemetry import metrics

from pepperpy_otel import _current
from pepperpy_otel._version import __version__
from pepperpy_otel.errors import report_internal

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from opentelemetry.context import Context

#: The scope of the instruments that a registry makes.
SCOPE = "pepperpy_otel.metrics"


T = TypeVar("T", bound="_Delegate")


class _Delegate:
    """Follows ``_current.generation``; holds the recording method of the instrument of now."""

    _maker = ""
    _method = ""

    def __init__(self, name: str, unit: str, description: str, **advisory: Any) -> None:
        self.name = name
        self.unit = unit
        self.description = description
        self._advisory = advisory
        self._bound: tuple[int, Any] = (-1, None)

    def _forward(
        self,
        amount: float,
        attributes: Mapping[str, Any] | None,
        context: Context | None,
    ) -> None:
        try:
            generation, record = self._bound  # one read: another thread may bind meanwhile
            if generation != _current.generation:
                record = self._bind()
            record(amount, attributes, context)
        except Exception as error:  # the private provider and foreign ones are the SDK's own
            report_internal(f"{self.name}.{self._method}()", error)

    def _bind(self) -> Any:
        generation = _current.generation
        meter = _current.meter_provider().get_meter(SCOPE, __version__)
        instrument = getattr(meter, self._maker)(
            self.name, unit=self.unit, description=self.description, **self._advisory
        )
        record = getattr(instrument, self._method)
        self._bound = (generation, record)
        return record


class Counter(_Delegate, metrics.Counter):
    """Counts up."""

    _maker, _method = "create_counter", "add"

    def add(
        self,
        amount: float = 1,
        attributes: Mapping[str, Any] | None = None,
        context: Context | None = None,
    ) -> None:
        """Add ``amount``, 0 or more; never raises."""
        self._forward(amount, attributes, context)


class UpDownCounter(_Delegate, metrics.UpDownCounter):
    """Counts up and down."""

    _maker, _method = "create_up_down_counter", "add"

    def add(
        self,
        amount: float = 1,
        attributes: Mapping[str, Any] | None = None,
        context: Context | None = None,
    ) -> None:
        """Add ``amount``, which may be negative; never raises."""
        self._forward(amount, attributes, context)


class Histogram(_Delegate, metrics.Histogram):
    """Records how values are distributed."""

    _maker, _method = "create_histogram", "record"

    def record(
        self,
        amount: float,
        attributes: Mapping[str, Any] | None = None,
        context: Context | None = None,
    ) -> None:
        """Record ``amount``, 0 or more; never raises."""
        self._forward(amount, attributes, context)


class Gauge(_Delegate):
    """Keeps the last value."""

    _maker, _method = "create_gauge", "set"

    def set(
        self,
        amount: float,
        attributes: Mapping[str, Any] | None = None,
        context: Context | None = None,
    ) -> None:
        """Set to ``amount``; never raises."""
        self._forward(amount, attributes, context)


class Registry:
    """Instruments by name; asking again for a name gives the same instrument.

    Example:
        >>> registry = Registry()
        >>> registry.counter("shop.orders", unit="{order}").add(1, {"shop.country": "se"})
        >>> registry.counter("shop.orders") is registry.counter("shop.orders")
        True
    """

    def __init__(self) -> None:
        self._instruments: dict[tuple[type, str], Any] = {}

    def counter(self, name: str, unit: str = "", description: str = "") -> Counter:
        """The counter ``name``, made at the first call; unit and description are taken then."""
        return self._instrument(Counter, name, unit, description)

    def up_down_counter(self, name: str, unit: str = "", description: str = "") -> UpDownCounter:
        """The up-down counter ``name``."""
        return self._instrument(UpDownCounter, name, unit, description)

    def gauge(self, name: str, unit: str = "", description: str = "") -> Gauge:
        """The gauge ``name``."""
        return self._instrument(Gauge, name, unit, description)

    def histogram(
        self,
        name: str,
        unit: str = "",
        description: str = "",
        *,
        boundaries: Sequence[float] | None = None,
    ) -> Histogram:
        """The histogram ``name``.

        Args:
            name: Of the instrument.
            unit: UCUM, ``s`` or ``By`` for example.
            description: One sentence.
            boundaries: Of its buckets, rising; the SDK's defaults are made for milliseconds.
        """
        return self._instrument(
            Histogram, name, unit, description, explicit_bucket_boundaries_advisory=boundaries
        )

    def _instrument(
        self, kind: type[T], name: str, unit: str, description: str, **advisory: Any
    ) -> T:
        instrument: T | None = self._instruments.get((kind, name))
        if instrument is None:  # no lock, which a forked child could inherit locked
            instrument = kind(name, unit, description, **advisory)
            instrument = self._instruments.setdefault((kind, name), instrument)
        return instrument
