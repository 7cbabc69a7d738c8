from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

import pytest

from pepperpy_otel import _compat
from pepperpy_otel.delivery import QueueLimits
from pepperpy_otel.delivery.weight import LARGE, attribute_bytes, record_bytes, value_bytes
from tests.delivery.fakes import FakeSender, make_records, make_spans

if TYPE_CHECKING:
    from collections.abc import Callable

MEBIBYTE = 1024 * 1024


def test_what_is_large_is_counted_to_the_byte() -> None:
    """Characters of four bytes, numbers of many digits, members of containers, keys."""
    text = "\U0001f600" * 100_000
    assert attribute_bytes({"a": text}) > 400_000
    assert record_bytes(make_records(text)[0].log_record) > 400_000
    assert value_bytes(2**8_000_000) > 1_000_000
    assert attribute_bytes({"a": ("x" * 100_000,) * 3}) > 300_000
    assert value_bytes({"k" * 100_000: 1}) > 100_000
    assert value_bytes([1.5] * 100_000) > 100_000 * 40
    assert value_bytes(b"x" * 50_000) > 50_000
    assert attribute_bytes({"a": "x" * LARGE, "b": 2**80_000}) > LARGE + 10_000


def test_a_body_of_any_type_has_a_size() -> None:
    """Text, which is the usual body, and everything else."""
    assert record_bytes(make_records("x" * 5000)[0].log_record) > 5000
    assert record_bytes(make_records({"k": "x" * 5000})[0].log_record) > 5000
    assert record_bytes(make_records(None)[0].log_record) > 0


@pytest.mark.parametrize("destinations", [1, 2])
@pytest.mark.parametrize(
    "attributes",
    [
        {"sql": "x" * (5 * MEBIBYTE)},
        {"list": ("x" * MEBIBYTE,) * 5},
        {"tuple": tuple(range(10**9, 10**9 + 100_000))},
        {"bytes": b"x" * (5 * MEBIBYTE)},
    ],
    ids=lambda value: next(iter(value)),
)
def test_hostile_spans_do_not_fill_the_memory(
    pipeline: Callable[..., Any], attributes: dict[str, Any], destinations: int
) -> None:
    """However large they are, the queue holds no more than its bytes, or one item."""
    limits = {"traces": QueueLimits(max_bytes=12 * MEBIBYTE)}
    senders = [[FakeSender("traces")] for _ in range(destinations)]
    made = pipeline(*senders, limits=limits, start=False)
    processor = made.span_processor()
    (span,) = make_spans("large", attributes=attributes)
    for _ in range(10):
        processor.on_end(span)
    stats = made.stats()
    assert stats.queue_bytes <= destinations * 12 * MEBIBYTE
    assert stats.pending.traces <= 4
    assert stats.dropped_by_reason == {"queue_full": 10 - stats.pending.traces}


def test_events_links_and_names_count(pipeline: Callable[..., Any]) -> None:
    """They are rare, and as large as the app likes."""
    from opentelemetry.sdk.trace import TracerProvider

    made = pipeline([FakeSender("traces")], start=False)
    provider = TracerProvider(shutdown_on_exit=False)
    provider.add_span_processor(made.span_processor())
    before = 0
    for name, event in (("a", None), ("a", "e" * MEBIBYTE), ("n" * MEBIBYTE, None)):
        span = provider.get_tracer("t").start_span(name)
        if event:
            span.add_event(event)
        span.end()
        grown = made.stats().queue_bytes - before
        before += grown
        assert (grown > MEBIBYTE) == (len(name) > 1 or event is not None)


def test_usual_spans_take_the_short_way() -> None:
    """A span of the SDK is read by its private fields; this fails when one of them moves."""
    taken: list[tuple[Any, int]] = []
    others: list[Any] = []
    intake = _compat.span_intake(
        lambda span, size: taken.append((span, size)),
        base=1000,
        per_attribute=100,
        large=5000,
        flat=frozenset((int,)),
        weigh=lambda value: 7,
        otherwise=others.append,
    )
    (span,) = make_spans("usual", attributes={"text": "xyz", "number": 5, "other": (1,)})
    intake(span)
    assert taken == [(span, 1000 + 3 * 100 + 3 + 7)]
    assert others == []
    (large,) = make_spans("large", attributes={"text": "x" * 5000})
    for odd in (large, object(), None):
        intake(odd)
    assert len(taken) == 1
    assert others[0] is large
    assert len(others) == 3


def test_an_estimate_is_no_smaller_than_half() -> None:
    """Of what a usual span's attributes hold, text and all."""
    attributes = {f"http.request.header.{number}": "x" * 40 for number in range(10)}
    real = sum(sys.getsizeof(key) + sys.getsizeof(value) for key, value in attributes.items())
    assert attribute_bytes(attributes) > real / 2
