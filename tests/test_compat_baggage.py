"""The private key under which OpenTelemetry keeps baggage is the one that its functions use."""

from __future__ import annotations

from opentelemetry import baggage
from opentelemetry.context import Context

from pepperpy_otel import _compat


def test_the_key_is_where_the_api_puts_baggage() -> None:
    """What set_baggage() sets lies under it, as a dict."""
    context = baggage.set_baggage("a", "1", Context())
    assert context[_compat.baggage_key()] == {"a": "1"}
    assert type(context[_compat.baggage_key()]) is dict


def test_what_lies_under_the_key_is_baggage_to_the_api() -> None:
    """And the other way around."""
    context = Context({_compat.baggage_key(): {"b": "2"}})
    assert baggage.get_all(context) == {"b": "2"}
