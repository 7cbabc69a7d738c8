"""Meters whose instruments can be called with anything, and created with anything."""

from __future__ import annotations

import math
from itertools import islice, pairwise
from typing import TYPE_CHECKING, Any, TypeVar

from opentelemetry.metrics import NoOpMeter
from opentelemetry.sdk.metrics import Meter as SdkMeter

from pepperpy_otel import _compat
from pepperpy_otel.metrics.callbacks import guard
from pepperpy_otel.metrics.complaints import describe
from pepperpy_otel.metrics.measurements import MIN_INT, describe_type, plain_text, recorder

if TYPE_CHECKING:
    from collections.abc import Sequence

    from opentelemetry import metrics
    from opentelemetry.sdk.util.instrumentation import InstrumentationScope

    from pepperpy_otel.metrics.consumer import Consumer


T = TypeVar("T")

#: More boundaries than anybody wants, each of which every attribute set pays for.
MAX_BOUNDARIES = 10_000


class Meter(SdkMeter):
    """The SDK's meter; what it cannot make becomes an instrument that records nothing.

    Its instruments are the SDK's own objects (readers tell them by their exact class) with their
    recording method replaced, and their callbacks wrapped.
    """

    def __init__(
        self,
        instrumentation_scope: InstrumentationScope,
        measurement_consumer: Consumer,
        **kwargs: Any,
    ) -> None:
        super().__init__(instrumentation_scope, measurement_consumer, **kwargs)  # type: ignore[arg-type]
        self._recording = measurement_consumer

    def create_counter(self, name: str, unit: str = "", description: str = "") -> metrics.Counter:
        """See ``opentelemetry.metrics.Meter``; never raises."""
        try:
            instrument = super().create_counter(*map(plain_text, (name, unit, description)))
        except Exception as error:
            return self._refuse(name, error).create_counter("refused")
        return self._recording_safely(instrument, "add", 0)

    def create_up_down_counter(
        self, name: str, unit: str = "", description: str = ""
    ) -> metrics.UpDownCounter:
        """See ``opentelemetry.metrics.Meter``; never raises."""
        try:
            instrument = super().create_up_down_counter(*map(plain_text, (name, unit, description)))
        except Exception as error:
            return self._refuse(name, error).create_up_down_counter("refused")
        return self._recording_safely(instrument, "add", MIN_INT)

    def create_histogram(
        self,
        name: str,
        unit: str = "",
        description: str = "",
        *,
        explicit_bucket_boundaries_advisory: Sequence[float] | None = None,
    ) -> metrics.Histogram:
        """See ``opentelemetry.metrics.Meter``; never raises."""
        boundaries = None
        if explicit_bucket_boundaries_advisory is not None:
            boundaries = _rising(explicit_bucket_boundaries_advisory)
            if boundaries is None:
                # The SDK accepts them here, and then fails at every record().
                self._recording.complaints.say(
                    describe_name(name), "its bucket boundaries do not rise and are not used"
                )
        try:
            instrument = super().create_histogram(
                *map(plain_text, (name, unit, description)),
                explicit_bucket_boundaries_advisory=boundaries,
            )
        except Exception as error:
            return self._refuse(name, error).create_histogram("refused")
        return self._recording_safely(instrument, "record", 0)

    def create_gauge(self, name: str, unit: str = "", description: str = "") -> Any:
        """See ``opentelemetry.metrics.Meter``; never raises."""
        try:
            instrument = super().create_gauge(*map(plain_text, (name, unit, description)))
        except Exception as error:
            return self._refuse(name, error).create_gauge("refused")
        return self._recording_safely(instrument, "set", MIN_INT)

    def create_observable_counter(
        self,
        name: str,
        callbacks: Sequence[metrics.CallbackT] | None = None,
        unit: str = "",
        description: str = "",
    ) -> metrics.ObservableCounter:
        """See ``opentelemetry.metrics.Meter``; never raises."""
        try:
            guarded = self._guarded(name, callbacks)
            name, unit, description = map(plain_text, (name, unit, description))
            return super().create_observable_counter(name, guarded, unit, description)
        except Exception as error:
            return self._refuse(name, error).create_observable_counter("refused")

    def create_observable_up_down_counter(
        self,
        name: str,
        callbacks: Sequence[metrics.CallbackT] | None = None,
        unit: str = "",
        description: str = "",
    ) -> metrics.ObservableUpDownCounter:
        """See ``opentelemetry.metrics.Meter``; never raises."""
        try:
            guarded = self._guarded(name, callbacks)
            name, unit, description = map(plain_text, (name, unit, description))
            return super().create_observable_up_down_counter(name, guarded, unit, description)
        except Exception as error:
            return self._refuse(name, error).create_observable_up_down_counter("refused")

    def create_observable_gauge(
        self,
        name: str,
        callbacks: Sequence[metrics.CallbackT] | None = None,
        unit: str = "",
        description: str = "",
    ) -> metrics.ObservableGauge:
        """See ``opentelemetry.metrics.Meter``; never raises."""
        try:
            guarded = self._guarded(name, callbacks)
            name, unit, description = map(plain_text, (name, unit, description))
            return super().create_observable_gauge(name, guarded, unit, description)
        except Exception as error:
            return self._refuse(name, error).create_observable_gauge("refused")

    def _recording_safely(self, instrument: T, method: str, lowest: int) -> T:
        """Shadow the recording method, once; the SDK returns the same object for a same name."""
        own = vars(instrument)
        if method not in own:
            own[method] = recorder(instrument, self._recording, _compat.meter_switch(self), lowest)
        return instrument

    def _guarded(
        self, name: str, callbacks: Sequence[metrics.CallbackT] | None
    ) -> list[metrics.CallbackT] | None:
        if callbacks is None:
            return None
        return [guard(callback, name, self._recording.complaints) for callback in callbacks]

    def _refuse(self, name: object, error: Exception) -> NoOpMeter:
        self._recording.complaints.say(
            describe_name(name), "could not be created and records nothing", describe(error)
        )
        return NoOpMeter(self.name)


def _rising(given: Sequence[float]) -> list[float] | None:
    """The boundaries, if they are finite numbers in ascending order and come to an end."""
    try:
        boundaries = list(islice(given, MAX_BOUNDARIES + 1))
        finite = all(math.isfinite(boundary) for boundary in boundaries)
        rising = all(lower < upper for lower, upper in pairwise(boundaries))
    except Exception:
        return None
    return boundaries if finite and rising and len(boundaries) <= MAX_BOUNDARIES else None


def describe_name(name: object) -> str:
    """An instrument's name for a complaint, whatever was given as one."""
    return name if type(name) is str else f"<{describe_type(name)}>"
