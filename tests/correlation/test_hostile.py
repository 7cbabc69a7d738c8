"""Headers that somebody wrote to do harm: no exception, nothing unbounded, nothing unescaped."""

from __future__ import annotations

import asyncio
import json
import logging
import random
import tracemalloc
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from opentelemetry import baggage
from opentelemetry.context import Context, attach, detach
from opentelemetry.propagators.composite import CompositePropagator
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from pepperpy_otel.correlation import CorrelationPropagator, correlation_id, entries, ids
from pepperpy_otel.correlation.processors import Attributes
from pepperpy_otel.correlation.wire import BoundedBaggagePropagator
from pepperpy_otel.logging.formatter import JsonFormatter, TextFormatter

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from pepperpy_otel.telemetry import Telemetry

PROPAGATOR = CompositePropagator(
    [TraceContextTextMapPropagator(), BoundedBaggagePropagator(), CorrelationPropagator()]
)
NAMES = ("x-correlation-id", "x-request-id", "baggage", "traceparent", "tracestate")
ATTRIBUTES = Attributes(("*",))
#: What ends a line, drives a terminal or turns text around.
ACTIVE = [
    *map(chr, (*range(0x20), *range(0x7F, 0xA0), 0x061C, 0x200E, 0x200F, 0x2028, 0x2029)),
    *map(chr, (*range(0x202A, 0x202F), *range(0x2066, 0x206A), 0xFEFF)),
]
PIECES = [
    *ACTIVE,
    *("%0d%0a", "%0A", "%E2%80%AE", "%00", "%", "%zz", "%C0%80", "=", ",", ";", ";;", '"', "\\"),
    *("a=b", "correlation.id=", "correlation.id=evil%0aline", "${jndi:ldap://x}", "<script>"),
    *(
        "../../etc/passwd",
        "' OR 1=1",
        "\ud800",
        "\U0001d54f",
        "é",
        "a" * 4097,
        ",a=b" * 200,
        "k=" * 100,
    ),
    *("00-" + "0" * 32 + "-" + "0" * 16 + "-01", "abc", "order-7", "x" * 9000, "k=" * 100),
]


def _check(headers: dict[str, Any]) -> None:
    """All that becomes of a request's headers."""
    context = PROPAGATOR.extract(headers, Context())
    found = correlation_id(context)
    assert found is None or (ids.valid(found) == found and len(found) <= ids.MAX_LENGTH)
    kept = baggage.get_all(context)
    assert len(kept) <= entries.MAX_ENTRIES + 1
    assert sum(len(key) + len(str(value)) for key, value in kept.items()) <= entries.MAX_BYTES * 2
    attributes = ATTRIBUTES.of(entries.of(context))
    for value in attributes.values():
        assert len(value) <= entries.MAX_ATTRIBUTE * 6
        assert not any(character in value for character in ACTIVE)
        value.encode("utf-8")
    carrier: dict[str, str] = {}
    PROPAGATOR.inject(carrier, context)
    for name, value in carrier.items():
        assert value.isascii(), name
        assert value.isprintable(), name
        assert len(value) <= entries.MAX_BYTES or name == "tracestate"
    _check_lines(context, headers)


JSON, TEXT = JsonFormatter(service_name="s"), TextFormatter()
WIDE = JsonFormatter(service_name="s", json_ensure_ascii=False)


def _check_lines(context: Context, headers: dict[str, Any]) -> None:
    said = next(iter(headers.values()), "")
    record = logging.LogRecord("app", 30, "f.py", 1, "header %s", (said,), None)
    record.header = said
    token = attach(context)
    try:
        for formatter in (JSON, TEXT, WIDE):
            line = formatter.format(record)
            assert not any(character in line for character in ACTIVE if character != "\t")
            if formatter is not TEXT:
                shown = json.loads(line)
                assert shown.get("correlation_id") == correlation_id(context)
    finally:
        detach(token)


HEADERS = st.dictionaries(
    st.sampled_from(NAMES),
    st.one_of(
        st.text(max_size=300),
        st.lists(st.sampled_from(PIECES), max_size=12).map("".join),
        st.lists(st.text(max_size=30), max_size=3),
        st.just([]),
    ),
    max_size=5,
)


@settings(max_examples=300, deadline=None)
@given(HEADERS)
def test_no_header_does_harm(headers: dict[str, Any]) -> None:
    """Whatever a stranger sends is bounded, escaped or not taken."""
    _check(headers)


def _generated(seed: int, count: int) -> Iterator[dict[str, Any]]:
    """Seeded, for hypothesis takes minutes for as many."""
    chance = random.Random(seed)
    for _ in range(count):
        yield {
            name: "".join(chance.choices(PIECES, k=chance.randrange(8)))
            if chance.random() < 0.7
            else "".join(map(chr, chance.choices(range(0x2100), k=chance.randrange(200))))
            for name in chance.sample(NAMES, chance.randrange(1, 4))
        }


def _take(many: Iterator[dict[str, Any]]) -> None:
    for headers in many:
        context = PROPAGATOR.extract(headers, Context())
        ATTRIBUTES.of(entries.of(context))
        PROPAGATOR.inject({}, context)


@pytest.mark.slow
def test_a_hundred_thousand_hostile_headers_leave_nothing_behind(
    capsys: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    """No exception, no line of ours, and memory that does not grow with their number."""
    for headers in _generated(1, 2_000):
        _check(headers)
    _take(_generated(2, 100_000))
    tracemalloc.start()  # which makes everything four times as slow
    try:
        _take(_generated(3, 1_000))
        before = tracemalloc.get_traced_memory()[0]
        _take(_generated(4, 10_000))
        grown = tracemalloc.get_traced_memory()[0] - before
    finally:
        tracemalloc.stop()
    assert grown < 300_000, f"{grown} bytes"
    ours = ("pepperpy_otel", "opentelemetry.baggage")
    assert [r.name for r in caplog.records if r.name.startswith(ours)] == []
    assert capsys.readouterr().err == ""


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # how contrib decodes such bytes
def test_an_app_behind_them_answers_as_ever(configure: Callable[..., Telemetry]) -> None:
    """Raw bytes in the headers of a real request, through the instrumentation of ASGI."""
    configure(instrument=["fastapi"], correlation_id="make", correlation_response=True)
    from fastapi import FastAPI

    app = FastAPI()
    app.get("/")(correlation_id)
    chance = random.Random(5)

    async def ask() -> list[Any]:
        names = [name.encode() for name in NAMES]
        headers = [(chance.choice(names), chance.randbytes(chance.randrange(60))) for _ in "123"]
        scope: dict[str, Any] = {
            "type": "http",
            "http_version": "1.1",
            "method": "GET",
            "path": "/",
        }
        scope |= {"query_string": b"", "server": ("app", 80), "root_path": ""}
        sent: list[Any] = []

        async def receive() -> dict[str, Any]:
            return {"type": "http.request", "body": b"", "more_body": False}

        async def send(message: Any) -> None:
            sent.append(message)

        await app({**scope, "headers": headers, "scheme": "http"}, receive, send)
        return sent

    for _ in range(200):
        start, body, *_ = asyncio.run(ask())
        assert start["status"] == 200
        [told] = [value for name, value in start["headers"] if name == b"x-correlation-id"]
        assert ids.valid(told.decode()) == json.loads(body["body"])
