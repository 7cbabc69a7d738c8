"""Every kind of function becomes a span without becoming another kind of function."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import inspect
import logging
from typing import TYPE_CHECKING, Any

import pytest
from opentelemetry.baggage import get_baggage, set_baggage
from opentelemetry.context import attach, detach
from opentelemetry.trace import INVALID_SPAN, StatusCode, get_current_span

from pepperpy_otel import _current
from pepperpy_otel.tracing import Tracer
from tests.tracing.conftest import Armed, Broken

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, AsyncIterator, Generator, Iterator


class Handle:
    """As much of the handle as a facade needs."""

    def __init__(self, provider: Any) -> None:
        self.tracer_provider = provider


@pytest.fixture(autouse=True)
def _configured(armed: Armed, caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    _current.set_current(Handle(armed.provider))  # type: ignore[arg-type]
    with caplog.at_level(logging.DEBUG, logger="opentelemetry"):
        yield
    _current.set_current(None, forget=True)
    assert get_current_span() is INVALID_SPAN
    assert [record for record in caplog.records if record.name.startswith("opentelemetry")] == []


tracer = Tracer("tests")


@tracer.trace
def plain(value: int) -> int:
    """Plain."""
    assert get_current_span().is_recording()
    return value


@tracer.trace("named", attributes={"a": 1})
async def coroutine(value: int) -> int:
    """Wait a moment."""
    await asyncio.sleep(0)
    assert get_current_span().is_recording()
    return value


@tracer.trace()
def counting(limit: int) -> Generator[int, Any, str]:
    """Count, and note what is sent."""
    for number in range(limit):
        got = yield number
        get_current_span().add_event("got", {"value": repr(got)})
    return "done"


@tracer.trace
async def counting_async(limit: int) -> AsyncGenerator[int, Any]:
    """Count slowly, and note what is sent."""
    for number in range(limit):
        await asyncio.sleep(0)
        got = yield number
        get_current_span().add_event("got", {"value": repr(got)})


class Shop:
    @tracer.trace
    def method(self) -> Any:
        return self

    @staticmethod
    @tracer.trace
    def static_inside() -> bool:
        return get_current_span().is_recording()

    @tracer.trace
    @staticmethod
    def static_outside() -> bool:
        return get_current_span().is_recording()

    @tracer.trace("class")
    @classmethod
    def class_outside(cls) -> Any:
        return cls


def test_a_function(armed: Armed) -> None:
    """Name by default: the qualified one."""
    assert plain(3) == 3
    assert armed.only.name == "plain"
    assert (plain.__name__, plain.__doc__) == ("plain", "Plain.")
    assert list(inspect.signature(plain).parameters) == ["value"]


def test_a_coroutine_function(armed: Armed) -> None:
    """With a name and attributes."""
    assert inspect.iscoroutinefunction(coroutine)
    assert asyncio.run(coroutine(3)) == 3
    assert (armed.only.name, dict(armed.only.attributes or {})) == ("named", {"a": 1})


def test_methods(armed: Armed) -> None:
    """Of instances, classes and neither; the decorators in either order."""
    shop = Shop()
    assert shop.method() is shop
    assert Shop.static_inside()
    assert shop.static_outside()
    assert Shop.class_outside() is Shop
    names = [span.name for span in armed.spans]
    assert names == ["Shop.method", "Shop.static_inside", "Shop.static_outside", "class"]


def test_an_exception_is_recorded_and_goes_on(armed: Armed) -> None:
    """Also one that cannot be printed."""

    @tracer.trace
    def fail(error: Exception) -> None:
        raise error

    for error in (ValueError("no"), Broken()):
        with pytest.raises(type(error)):
            fail(error)
    assert [span.status.description for span in armed.spans] == [
        "ValueError: no",
        "Broken: <unprintable Broken>",
    ]


def test_a_generator_lasts_from_its_first_step_to_its_end(armed: Armed) -> None:
    """One span; what is sent arrives, and what it returns too."""
    assert inspect.isgeneratorfunction(counting)
    generator = counting(2)
    assert armed.spans == ()
    assert next(generator) == 0
    assert get_current_span() is INVALID_SPAN
    assert generator.send("x") == 1
    with pytest.raises(StopIteration) as stopped:
        generator.send("y")
    assert stopped.value.value == "done"
    assert armed.only.name == "counting"
    assert [(event.attributes or {})["value"] for event in armed.only.events] == ["'x'", "'y'"]


def test_a_generator_s_span_is_the_child_of_its_consumer(armed: Armed) -> None:
    """And the consumer's own spans are none of its children."""
    with armed.tracer.start_as_current_span("consumer") as consumer:
        for _ in counting(2):
            assert get_current_span() is consumer
            with armed.tracer.start_as_current_span("between"):
                pass
    parents = {span.name: span.parent for span in armed.spans}
    assert parents["counting"] == parents["between"] == consumer.get_span_context()


def test_what_a_generator_opens_stays_open_inside(armed: Armed) -> None:
    """A block in its body that spans a yield is current again after it."""

    @tracer.trace("body")
    def generate() -> Iterator[Any]:
        with armed.tracer.start_as_current_span("inner") as inner:
            yield 1
            assert get_current_span() is inner
            token = attach(set_baggage("k", "v"))
            yield 2
            assert get_baggage("k") == "v"
            detach(token)
            yield 3
        body: Any = get_current_span()
        yield body.name

    found = []
    for item in generate():
        assert get_current_span() is INVALID_SPAN
        assert get_baggage("k") is None
        found.append(item)
    assert found == [1, 2, 3, "body"]
    inner, outer = armed.spans
    assert inner.parent == outer.context


def test_what_a_consumer_throws_into_a_generator_arrives(armed: Armed) -> None:
    """It may be handled there, or come out again and be recorded."""

    @tracer.trace
    def patient() -> Iterator[str]:
        try:
            yield "first"
        except KeyError:
            yield "handled"

    generator: Any = patient()
    next(generator)
    assert generator.throw(KeyError("x")) == "handled"
    with pytest.raises(ValueError, match="out"):
        generator.throw(ValueError("out"))
    assert armed.only.status.description == "ValueError: out"


def test_a_generator_may_be_closed(armed: Armed) -> None:
    """Its own clean-up runs in its span, which is no error."""
    seen = []

    @tracer.trace
    def careful() -> Iterator[int]:
        try:
            yield 1
        finally:
            seen.append(get_current_span().is_recording())

    generator: Any = careful()
    next(generator)
    generator.close()
    assert seen == [True]
    assert armed.only.status.status_code is StatusCode.UNSET


def test_an_abandoned_generator_ends_its_span(armed: Armed) -> None:
    """When it is collected; one that was never started has none."""
    generator = counting(5)
    next(generator)
    del generator
    counting(5)
    gc.collect()
    assert armed.only.name == "counting"


def test_a_generator_works_as_a_context_manager(armed: Armed) -> None:
    """``contextlib`` drives generators in all these ways."""

    @contextlib.contextmanager
    @tracer.trace("managed")
    def managed() -> Iterator[str]:
        yield "value"

    with managed() as value:
        assert value == "value"
    with pytest.raises(ValueError, match="no"), managed():
        raise ValueError("no")
    assert [span.status.status_code for span in armed.spans] == [StatusCode.UNSET, StatusCode.ERROR]


async def _consume(generator: AsyncGenerator[Any, Any]) -> list[Any]:
    found = []
    async for item in generator:
        assert get_current_span() is INVALID_SPAN
        found.append(item)
    return found


def test_an_asynchronous_generator(armed: Armed) -> None:
    """The same: one span, current in the body only."""
    assert inspect.isasyncgenfunction(counting_async)
    assert asyncio.run(_consume(counting_async(3))) == [0, 1, 2]
    assert armed.only.name == "counting_async"
    assert len(armed.only.events) == 3


def test_what_is_sent_into_an_asynchronous_generator_arrives(armed: Armed) -> None:
    """Values, exceptions, and the end."""

    @tracer.trace
    async def patient() -> AsyncGenerator[Any, Any]:
        try:
            yield (yield "first")
        except KeyError:
            yield "handled"

    async def drive() -> None:
        generator = patient()
        assert await generator.__anext__() == "first"
        assert await generator.asend("echo") == "echo"
        assert await generator.athrow(KeyError("x")) == "handled"
        with pytest.raises(ValueError, match="out"):
            await generator.athrow(ValueError("out"))
        with pytest.raises(StopAsyncIteration):
            await generator.__anext__()

    asyncio.run(drive())
    assert armed.only.status.description == "ValueError: out"


def test_an_asynchronous_generator_may_be_closed(armed: Armed) -> None:
    """Its clean-up may wait, and runs in its span."""
    seen = []

    @tracer.trace
    async def careful() -> AsyncGenerator[int, None]:
        try:
            yield 1
        finally:
            await asyncio.sleep(0)
            seen.append(get_current_span().is_recording())

    async def drive() -> None:
        generator = careful()
        await generator.__anext__()
        await generator.aclose()

    asyncio.run(drive())
    assert seen == [True]
    assert armed.only.status.status_code is StatusCode.UNSET


def test_abandoned_asynchronous_generators_end_quietly(armed: Armed) -> None:
    """Whether the loop closes them because they were dropped, or because it ends itself."""
    complaints: list[Any] = []
    cleaned: list[int] = []

    @tracer.trace("slow")
    async def slow_to_end(number: int) -> AsyncGenerator[int, None]:
        try:
            with armed.tracer.start_as_current_span("inner"):
                yield number
        finally:
            await asyncio.sleep(0)
            cleaned.append(number)

    async def drive() -> AsyncIterator[int]:
        loop = asyncio.get_running_loop()
        loop.set_exception_handler(lambda _, context: complaints.append(context))
        async for _ in slow_to_end(1):
            break
        gc.collect()
        for _ in range(5):
            await asyncio.sleep(0)
        left_open = slow_to_end(2)
        await left_open.__anext__()
        return left_open  # held beyond the end of the loop

    held = asyncio.run(drive())
    assert complaints == []
    assert sorted(cleaned) == [1, 2]
    assert [span.name for span in armed.spans].count("slow") == 2
    del held


def test_an_asynchronous_generator_works_as_a_context_manager(armed: Armed) -> None:
    """As FastAPI's dependencies use them."""

    @contextlib.asynccontextmanager
    @tracer.trace("managed")
    async def managed() -> AsyncIterator[str]:
        yield "value"

    async def drive() -> None:
        async with managed() as value:
            assert value == "value"
        with pytest.raises(ValueError, match="no"):
            async with managed():
                raise ValueError("no")

    asyncio.run(drive())
    assert [span.status.status_code for span in armed.spans] == [StatusCode.UNSET, StatusCode.ERROR]


def test_concurrent_tasks_do_not_mix(armed: Armed) -> None:
    """Each task has its own current span."""

    async def drive() -> None:
        await asyncio.gather(*(_consume(counting_async(3)) for _ in range(3)))

    with armed.tracer.start_as_current_span("outer") as outer:
        context = outer.get_span_context()
        asyncio.run(_in_tasks())
    spans = [span for span in armed.spans if span.name == "counting_async"]
    assert [span.parent for span in spans] == [context] * 3
    asyncio.run(drive())
    assert len(armed.spans) == 7


async def _in_tasks() -> None:
    async def one() -> None:
        async for _ in counting_async(2):
            await asyncio.sleep(0)

    await asyncio.gather(one(), one(), one())


def test_what_cannot_be_traced_stays_what_it_was(monkeypatch: pytest.MonkeyPatch) -> None:
    """A class would no longer be one; a line says so."""
    said: list[tuple[Any, ...]] = []
    monkeypatch.setattr("pepperpy_otel.tracing.decorate.warn", lambda *words: said.append(words))
    assert tracer.trace(Shop) is Shop
    number: Any = tracer.trace(5)
    assert number == 5
    assert len(said) == 2


def test_callable_objects(armed: Armed) -> None:
    """They have no name of their own, so that of their class is taken."""

    class Job:
        def __call__(self) -> str:
            return "done"

    job: Any = tracer.trace(Job())
    assert job() == "done"
    assert armed.only.name.endswith("Job")
