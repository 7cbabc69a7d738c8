"""A span that is open over a fork has locks that nobody holds, in the child."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

import pytest
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace.sampling import ALWAYS_ON
from opentelemetry.trace import SpanContext, StatusCode

from pepperpy_otel import _compat
from pepperpy_otel.tracing import span as module
from pepperpy_otel.tracing.provider import TracerProvider

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


@pytest.fixture
def tracer(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    monkeypatch.setattr(module, "_forked", 0)
    provider = TracerProvider()
    provider.arm(sampler=ALWAYS_ON, resource=Resource.get_empty())
    yield provider.get_tracer("test")
    provider.disarm()


def lock_all(span: Any) -> list[Any]:
    locks = [part._lock for part in (span, span._attributes, span._events, span._links)]
    for lock in locks:
        assert lock.acquire(timeout=1)
    return locks


@pytest.mark.parametrize(
    "use",
    [
        lambda span: span.set_attribute("a", 1),
        lambda span: span.set_attributes({"a": 1}),
        lambda span: span.add_event("e"),
        lambda span: span.add_link(SpanContext(1, 2, is_remote=False)),
        lambda span: span.update_name("n"),
        lambda span: span.set_status(StatusCode.OK),
        lambda span: span.record_exception(ValueError()),
        lambda span: span.end(),
    ],
)
def test_it_goes_on_in_the_child(tracer: Any, use: Callable[[Any], None]) -> None:
    """Whatever is done with it first; and then it is a span like any other."""
    span = tracer.start_span("open")
    lock_all(span)
    module._after_fork()
    thread = threading.Thread(target=use, args=(span,), daemon=True)
    thread.start()
    thread.join(10)
    assert not thread.is_alive()
    lock = span._lock
    span.set_attribute("b", 2)
    span.end()
    assert span._lock is lock


def test_a_span_of_the_child_keeps_its_locks(tracer: Any) -> None:
    """They are renewed once for each fork, not for each call."""
    module._after_fork()
    span = tracer.start_span("childs")
    lock = span._lock
    span.set_attribute("a", 1)
    assert span._lock is lock
    module._after_fork()
    span.set_attribute("a", 2)
    assert span._lock is not lock


def test_every_lock_of_a_span_is_known(tracer: Any) -> None:
    """Fails when the SDK moves or adds one."""
    span = tracer.start_span("s")
    before = lock_all(span)
    _compat.renew_span_locks(span)
    after = [part._lock for part in (span, span._attributes, span._events, span._links)]
    assert not [lock for lock in after if lock in before or lock.locked()]
    holders = [name for name, value in vars(span).items() if hasattr(value, "_lock")]
    assert sorted(holders) == ["_attributes", "_events", "_links"]


def test_the_provider_s_own_lock_is_renewed() -> None:
    """All that is left of the SDK's hook."""
    provider: Any = TracerProvider()
    provider._tracers_lock.acquire()
    provider._handle_fork()
    assert not provider._tracers_lock.locked()
