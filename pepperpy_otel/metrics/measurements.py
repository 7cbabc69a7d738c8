"""Recording that never hurts its caller: any value, any attributes.

The SDK raises for values that are no numbers and for attributes whose ``__str__`` raises, warns
at every call about attributes of other types, and sums up Decimals until a float comes along.
Here a look at the types decides: what is plain goes straight into the aggregation, without the
SDK's cleaning of what is clean (a third of its cost); everything else is put right first or left
out, and said once.
"""

from __future__ import annotations

import math
import operator
from collections.abc import Mapping, Sequence
from time import time_ns
from typing import TYPE_CHECKING, Any

from opentelemetry.context import Context, get_current

from pepperpy_otel.metrics.complaints import Complaints, describe

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Protocol

    class Recording(Protocol):
        """Where measurements go (``consumer.Consumer``)."""

        live: bool
        complaints: Complaints

        def consume_measurement(self, measurement: Any) -> None:
            """Add one measurement."""

    class Switch(Protocol):
        """Whether a meter is enabled."""

        @property
        def is_enabled(self) -> bool:
            """False makes its instruments inert."""

    Record = Callable[..., None]

#: OTLP carries integers in 64 bits; one value beyond would make the whole export unencodable.
MAX_INT = 2**63 - 1
MIN_INT = -(2**63)
#: How deep attribute values may be nested; deeper ones, and circles, are cut.
MAX_DEPTH = 4

_PLAIN = frozenset({str, int, float, bool})


class Measurement:
    """What the SDK's aggregations read of a measurement; its own class cleans a second time."""

    __slots__ = ("attributes", "context", "instrument", "time_unix_nano", "value")

    def __init__(
        self,
        value: float,
        time_unix_nano: int,
        instrument: Any,
        context: Context,
        attributes: Mapping[str, Any] | None,
    ) -> None:
        self.value = value
        self.time_unix_nano = time_unix_nano
        self.instrument = instrument
        self.context = context
        self.attributes = attributes


def recorder(instrument: Any, recording: Recording, switch: Switch, lowest: int) -> Record:
    """Make ``add``, ``record`` or ``set`` of one instrument.

    Args:
        instrument: The SDK's instrument.
        recording: Where its measurements go.
        switch: Whether its meter is enabled.
        lowest: 0 for instruments that only go up, else ``MIN_INT``.
    """
    consume = recording.consume_measurement

    def record(
        amount: float,
        attributes: Mapping[str, Any] | None = None,
        context: Context | None = None,
    ) -> None:
        if not recording.live or not switch.is_enabled:
            return
        try:
            kind = type(amount)
            plain = (kind is int or kind is float) and lowest <= amount <= MAX_INT
            if attributes is not None and plain:
                if type(attributes) is dict:
                    attributes = attributes.copy()  # the caller may go on using its own
                    for key, value in attributes.items():
                        if type(key) is not str or not key or type(value) not in _PLAIN:
                            plain = False
                            break
                else:
                    plain = False
            if not plain or (context is not None and type(context) is not Context):
                _put_right(instrument, recording, lowest, amount, attributes, context)
                return
            consume(
                Measurement(amount, time_ns(), instrument, context or get_current(), attributes)
            )
        except Exception as error:
            recording.complaints.say(instrument.name, "could not be recorded", describe(error))

    return record


def _put_right(
    instrument: Any,
    recording: Recording,
    lowest: int,
    amount: object,
    attributes: object,
    context: object,
) -> None:
    complaints = recording.complaints
    number = clean_number(amount)
    if number is None:
        complaints.say(instrument.name, "a value that is no finite number was left out")
        return
    if number < lowest:
        complaints.say(instrument.name, "a negative value was left out")
        return
    cleaned = clean_attributes(attributes, instrument.name, complaints)
    known = context if isinstance(context, Context) else get_current()
    recording.consume_measurement(Measurement(number, time_ns(), instrument, known, cleaned))


def clean_number(value: object) -> float | None:
    """An int within 64 bits or a finite float, or ``None`` for what is neither.

    Takes whatever has ``__index__`` or ``__float__`` (numpy's scalars, ``Decimal``, ``Fraction``,
    ``bool``), but no text.
    """
    if isinstance(value, (str, bytes, bytearray)):
        return None
    try:
        number: float = operator.index(value)  # type: ignore[arg-type]
        if not MIN_INT <= number <= MAX_INT:
            number = float(number)
    except TypeError:
        try:
            number = float(value)  # type: ignore[arg-type]
        except Exception:
            return None
    except Exception:
        return None
    return number if math.isfinite(number) else None


def clean_attributes(
    attributes: object, instrument: str, complaints: Complaints
) -> dict[str, Any] | None:
    """Attributes of plain types; what cannot be made plain is left out, and said once."""
    if attributes is None:
        return None
    if not isinstance(attributes, Mapping):
        complaints.say(instrument, "attributes that are no mapping were left out")
        return None
    cleaned: dict[str, Any] = {}
    try:
        for key, value in list(attributes.items()):
            try:
                cleaned[_clean_key(key)] = _clean_value(value, MAX_DEPTH)
            except Exception as error:
                complaints.say(instrument, "an attribute was left out", describe(error))
    except Exception as error:
        complaints.say(instrument, "attributes were left out", describe(error))
    return cleaned


def _clean_key(key: object) -> str:
    if isinstance(key, str):
        text = str.__str__(key)
    elif key is None:
        raise TypeError("None is no attribute name")
    else:
        text = _text_of(key)
    if not text:
        raise ValueError("an attribute name is empty")
    return text


def _clean_value(value: Any, depth: int) -> Any:
    if value is None or type(value) in _PLAIN or type(value) is bytes:
        return value
    # Subclasses (enums, numpy's float64) become their base type: their own methods are not asked.
    for base in (str, int, float):
        if isinstance(value, base):
            return (
                base.__str__(value) if base is str else getattr(base, f"__{base.__name__}__")(value)
            )
    if isinstance(value, (Mapping, Sequence)) and depth == 0:
        raise ValueError(f"a value is nested more than {MAX_DEPTH} deep")
    if isinstance(value, Mapping):
        return {_clean_key(k): _clean_value(v, depth - 1) for k, v in list(value.items())}
    if isinstance(value, Sequence):
        return tuple(_clean_value(item, depth - 1) for item in list(value))
    return _text_of(value)


def _text_of(value: object) -> str:
    """What the object says of itself; one that says nothing but its address is no attribute."""
    kind = type(value)
    if kind.__str__ is object.__str__ and kind.__repr__ is object.__repr__:
        raise TypeError(f"{kind.__name__} has no text")
    return str(value)
