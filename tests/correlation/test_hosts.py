"""Who is on the list, and who is spoken to."""

from __future__ import annotations

from typing import Any

import pytest
from opentelemetry.context import Context
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace.sampling import ALWAYS_OFF, ALWAYS_ON
from opentelemetry.trace import SpanKind, set_span_in_context

from pepperpy_otel.correlation.hosts import Hosts, Receiver, going_to, receiver_of
from pepperpy_otel.tracing.provider import TracerProvider


@pytest.mark.parametrize(
    ("patterns", "host", "port", "allowed"),
    [
        ("example.com", "example.com", 443, True),
        ("example.com", "example.com", None, True),
        ("example.com", "evil-example.com", 443, False),
        ("example.com", "example.com.evil.org", 443, False),
        ("example.com", "a.example.com", 443, False),
        ("*.example.com", "a.b.example.com", 443, True),
        ("*.example.com", "example.com", 443, False),
        ("*.example.com", "evilexample.com", 443, False),
        ("*.example.com:8443", "a.example.com", 8443, True),
        ("*.example.com:8443", "a.example.com", 443, False),
        ("example.com:8080", "example.com", 8080, True),
        ("example.com:8080", "example.com", 80, False),
        ("example.com:8080", "example.com", None, False),
        ("10.0.0.0/8", "10.200.3.4", 80, True),
        ("10.0.0.0/8", "11.0.0.1", 80, False),
        ("10.0.0.0/8", "10.example.com", 80, False),
        ("::1", "::1", 80, True),
        ("[::1]:80", "::1", 80, True),
        ("[::1]:80", "::1", 81, False),
        ("fd00::/8", "fd12::3", 80, True),
        ("", "", None, True),
    ],
)
def test_the_list(patterns: str, host: str, port: int | None, allowed: bool) -> None:
    """Whole names, everything below a domain, networks, with and without port."""
    assert Hosts((patterns,)).allow(Receiver(host, port)) is allowed


@pytest.mark.parametrize(
    ("url", "host", "port"),
    [
        ("http://Example.COM/path", "example.com", 80),
        ("https://example.com.:8443/", "example.com", 8443),
        ("http://user:word@example.com/", "example.com", 80),
        ("https://good.com@evil.org/", "evil.org", 443),
        ("http://[::1]:80/", "::1", 80),
        ("http://evil.org\\@good.com/", "", None),
        ("http://good.com\t.evil.org/", "", None),
        ("http://good.com evil.org/", "", None),
        ("http://[bad/", "", None),
        ("http://good.com:port/", "", None),
        ("/path", "", None),
        (7, "", None),
    ],
)
def test_who_a_url_names(url: object, host: str, port: int | None) -> None:
    """As clients read it; one that can be read in two ways names nobody."""
    assert receiver_of(url) == Receiver(host, port)


def _speaking(kind: SpanKind, attributes: dict[str, Any], *, sampled: bool = True) -> Context:
    provider = TracerProvider()
    sampler = ALWAYS_ON if sampled else ALWAYS_OFF
    provider.arm(sampler=sampler, resource=Resource.get_empty())
    span = provider.get_tracer("t").start_span("call", kind=kind, attributes=attributes)
    assert span.is_recording() is sampled
    return set_span_in_context(span, Context())


@pytest.mark.parametrize("sampled", [True, False])
@pytest.mark.parametrize(
    ("attributes", "allowed"),
    [
        ({"url.full": "http://good.com/"}, True),
        ({"http.url": "http://good.com:80/"}, True),
        ({"server.address": "good.com", "server.port": 80}, True),
        ({"net.peer.name": "GOOD.com"}, True),
        ({"url.full": "http://evil.org/"}, False),
        ({"server.address": "evil.org"}, False),
        ({"url.full": "http://good.com/", "server.address": "evil.org"}, False),
        ({"url.full": "http://good.com\\@evil.org/"}, False),
        ({"rpc.system": "grpc"}, False),
        ({}, False),
    ],
)
def test_the_span_of_a_client_says_who_it_speaks_to(
    attributes: dict[str, Any], allowed: bool, sampled: bool
) -> None:
    """Sampled or not, by new and old names; everybody whom it names has to be on the list."""
    context = _speaking(SpanKind.CLIENT, attributes, sampled=sampled)
    assert Hosts(("good.com",)).allow_from(context) is allowed


@pytest.mark.parametrize("kind", [SpanKind.SERVER, SpanKind.INTERNAL, SpanKind.CONSUMER])
def test_the_address_of_other_spans_is_not_that_of_a_receiver(kind: SpanKind) -> None:
    """A server's span names the server itself."""
    context = _speaking(kind, {"server.address": "good.com"})
    assert not Hosts(("good.com",)).allow_from(context)


def test_without_a_span_nobody_is_known() -> None:
    """So nothing is sent, also to nobody's name in the list."""
    assert not Hosts(("good.com",)).allow_from(Context())
    assert not Hosts(()).allow_from(_speaking(SpanKind.CLIENT, {"server.address": "good.com"}))


def test_producers_of_messages_by_a_word_of_their_own() -> None:
    """Their brokers are not among the attributes when the headers are written."""
    context = _speaking(SpanKind.PRODUCER, {})
    assert not Hosts(("good.com",)).allow_from(context)
    assert Hosts(("good.com", "@messaging")).allow_from(context)
    assert not Hosts(("@messaging",)).allow_from(_speaking(SpanKind.CLIENT, {}))


def test_the_caller_can_say_who_it_is() -> None:
    """Then the span is not asked."""
    context = going_to("good.com:80", _speaking(SpanKind.CLIENT, {"server.address": "evil.org"}))
    assert Hosts(("good.com",)).allow_from(context)
    assert not Hosts(("good.com:81",)).allow_from(context)


def test_a_list_says_what_is_on_it() -> None:
    """And lists of the same patterns are equal."""
    assert Hosts(("a", "b")) == Hosts(("a", "b"))
    assert repr(Hosts(("a",))) == "Hosts(patterns=('a',))"


@pytest.mark.parametrize(
    ("attributes", "allowed"),
    [
        ({"url.full": "https://good.com/v1"}, True),
        ({"url.full": "https://good.com/v1", "server.address": "good.com"}, True),
        ({"url.full": "http://good.com/v1", "server.address": "good.com"}, False),
        ({"url.full": "https://good.com/v1", "server.port": 8443}, True),
        (
            {
                "url.full": "https://good.com/",
                "server.address": "good.com",
                "server.port": 8443,
            },
            False,
        ),
        ({"server.address": "good.com"}, False),
    ],
)
def test_the_usual_port_of_a_url_is_known(attributes: dict[str, Any], allowed: bool) -> None:
    """An entry with a port lets through who is called by a URL that leaves it out."""
    context = _speaking(SpanKind.CLIENT, attributes)
    assert Hosts(("good.com:443",)).allow_from(context) is allowed
