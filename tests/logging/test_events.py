"""What the aggregator keeps of a record: what it was, with bounded values."""

from __future__ import annotations

import logging
import sys
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from opentelemetry.sdk.trace import TracerProvider

from pepperpy_otel.logging.events import event_of, make_event
from tests.logging.conftest import unhurried
from tests.logging.test_attributes import VALUES, Half
from tests.logging.test_plain import Mute


def test_an_event_is_the_message_without_its_arguments() -> None:
    """What differs from time to time is in the message and in the fields."""
    record = logging.makeLogRecord(
        {"name": "shop", "msg": "user %s", "args": ("bob",), "levelno": 20, "levelname": "INFO"}
        | {"amount": 2.5}
    )
    event = event_of(record)
    assert (event.event, event.message) == ("user %s", "user bob")
    assert (event.level, event.logger, event.is_error) == ("INFO", "shop", False)
    assert event.fields == {"amount": 2.5}
    assert event.error is event.trace_id is None


def test_an_event_name_is_the_event() -> None:
    """The attribute that OpenTelemetry has for it; it is no field then."""
    event = event_of(logging.makeLogRecord({"msg": "text", "otel.event.name": "order.placed"}))
    assert (event.event, event.message, event.fields) == ("order.placed", "text", {})


def test_an_error_has_its_exception_and_its_trace() -> None:
    """What a person needs to find it."""
    tracer = TracerProvider(shutdown_on_exit=False).get_tracer("test")
    with tracer.start_as_current_span("order") as span:
        try:
            raise ValueError("bad")
        except ValueError:
            record = logging.makeLogRecord({"levelno": 50, "exc_info": sys.exc_info()})
            event = event_of(record)
    assert event.is_error
    assert event.error == "ValueError: bad"
    assert event.trace_id == format(span.get_span_context().trace_id, "032x")


def test_everything_is_bounded() -> None:
    """Name, logger, message, exception and fields."""
    long = "x" * 10**6
    event = make_event(
        level=long,
        is_error=True,
        logger=long,
        event=long,
        message=long,
        fields={"a": long, "b": [long] * 100},
        error=ValueError(long),
    )
    assert event.size < 20_000
    assert len(event.event) == 256


@unhurried
@given(
    st.dictionaries(
        st.one_of(st.text(), st.integers(), st.sampled_from(["msg", "levelno", "name", "args"])),
        st.one_of(VALUES, st.builds(Mute), st.builds(Half)),
        max_size=5,
    )
)
def test_no_record_raises(values: dict[Any, Any]) -> None:
    """Whatever is in it."""
    event = event_of(logging.makeLogRecord(values))
    assert type(event.message) is str
    assert event.size > 0
