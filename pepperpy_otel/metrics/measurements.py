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
import re
from collections.abc import Mapping, Sequence
from itertools import islice
from time import time_ns
from typing import TYPE_CHECKING, Any

from opentelemetry.context import Context, get_current

from pepperpy_otel.metrics.complaints import Complaints, describe

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
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
#: How many attributes are looked at, and how many members one value may have in all.
MAX_MEMBERS = 10_000
#: Characters of a text that are kept: a series lives as long as the process, and is sent each time.
MAX_TEXT = 64 * 1024

_SURROGATES = re.compile("[\ud800-\udfff]")


def _are_plain(attributes: dict[Any, Any]) -> bool:
    """Whether all of them can be kept, compared and encoded as they are."""
    for key, value in attributes.items():
        if type(key) is not str or not key or not key.isascii():
            return False
        kind = type(value)
        if kind is str:
            if not value.isascii() or len(value) > MAX_TEXT:
                return False
        elif kind is int:
            if not MIN_INT <= value <= MAX_INT:
                return False
        elif kind is not float and kind is not bool:
            return False
    return True


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
                    plain = _are_plain(attributes)
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
        for key, value in list(islice(attributes.items(), MAX_MEMBERS)):
            try:
                cleaned[_clean_key(key)] = _Cleaner().clean(value, MAX_DEPTH)
            except Exception as error:
                complaints.say(instrument, "an attribute was left out", describe(error))
    except Exception as error:
        complaints.say(instrument, "attributes were left out", describe(error))
    return cleaned


def _clean_key(key: object) -> str:
    if issubclass(type(key), str):
        text = _encodable(str.__str__(key))
    elif key is None:
        raise TypeError("None is no attribute name")
    else:
        text = _text_of(key)
    if not text:
        raise ValueError("an attribute name is empty")
    return text


class _Cleaner:
    """Cleans one value, with all that is in it, up to a limit of both depth and size."""

    def __init__(self) -> None:
        self._left = MAX_MEMBERS

    def clean(self, value: Any, depth: int) -> Any:
        kind = type(value)
        if value is None or kind is float or kind is bool:
            return value
        if kind is bytes:
            return value[:MAX_TEXT]
        # Subclasses (enums, numpy's float64) become their base type: their methods are not asked.
        if issubclass(kind, str):
            return _encodable(str.__str__(value))
        if issubclass(kind, int):
            return _in_64_bits(int.__int__(value))
        if issubclass(kind, float):
            return float.__float__(value)
        if isinstance(value, (Mapping, Sequence)) and depth == 0:
            raise ValueError(f"a value is nested more than {MAX_DEPTH} deep")
        if isinstance(value, Mapping):
            return {
                _clean_key(key): self.clean(member, depth - 1)
                for key, member in self._counted(value.items())
            }
        if isinstance(value, Sequence):
            return tuple(self.clean(member, depth - 1) for member in self._counted(value))
        return _text_of(value)

    def _counted(self, members: Iterable[Any]) -> list[Any]:
        """The members, as a list of its own: another thread may be changing the app's."""
        found = list(islice(members, self._left + 1))
        self._left -= len(found)
        if self._left < 0:
            raise ValueError(f"a value has more than {MAX_MEMBERS} members")
        return found


def _in_64_bits(number: int) -> int | str:
    if MIN_INT <= number <= MAX_INT:
        return number
    try:
        return str(number)
    except ValueError:  # of more digits than Python prints
        return f"<int of {number.bit_length()} bits>"


def plain_text(value: str) -> str:
    """A text of any subclass as a ``str`` that can be encoded.

    Raises:
        TypeError: It is no text.
    """
    if not issubclass(type(value), str):
        raise TypeError(f"{describe_type(value)} is no text")
    return _encodable(str.__str__(value))


def describe_type(value: object) -> str:
    """The name of its type, past a metaclass that raises and a ``__class__`` that lies."""
    return str(type.__dict__["__name__"].__get__(type(value)))


def _encodable(text: str) -> str:
    text = text[:MAX_TEXT]
    return text if text.isascii() else _SURROGATES.sub("\ufffd", text)


def _text_of(value: object) -> str:
    """What the object says of itself; one that says nothing but its address is no attribute."""
    kind = type(value)
    if kind.__str__ is object.__str__ and kind.__repr__ is object.__repr__:
        raise TypeError(f"{describe_type(value)} has no text")
    return _encodable(str.__str__(str(value)))
