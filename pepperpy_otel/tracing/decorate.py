"""Wraps functions of every kind so that each call is a span.

A wrapper is of the same kind as what it wraps (coroutine function, generator function, asynchronous
generator function): frameworks look (``inspect.isgeneratorfunction`` in FastAPI's dependencies,
pytest's fixtures), and a generator that is handed on would otherwise have ended its span at once.
"""

from __future__ import annotations

import functools
import inspect
import sys
from typing import TYPE_CHECKING, Any, TypeVar

from pepperpy_otel.errors import warn
from pepperpy_otel.tracing.context import BodyContext, end, note_exception

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Awaitable, Callable, Generator

    from opentelemetry.trace import Span

    from pepperpy_otel.tracing.context import CurrentSpan

F = TypeVar("F")


def traced(function: F, start: Callable[[], Span], current: Callable[[], CurrentSpan]) -> F:
    """The function, with a span around each call.

    Args:
        function: A function or method of any kind, also a ``staticmethod`` or ``classmethod``.
            What is none of these is returned as it is, with one line that says so.
        start: Makes the span of a generator, which is current in its body only.
        current: Makes the block of any other call.
    """
    if isinstance(function, (staticmethod, classmethod)):
        return type(function)(traced(function.__func__, start, current))
    if isinstance(function, type) or not callable(function):
        warn("%r cannot be traced: it is neither a function nor a method", function)
        return function
    wrap: Any = _wrapper_for(function)
    wrapped: F = wrap(function, start if wrap in (_generator, _async_generator) else current)
    return wrapped


def _wrapper_for(function: Any) -> Callable[..., Any]:
    if inspect.isasyncgenfunction(function):
        return _async_generator
    if inspect.isgeneratorfunction(function):
        return _generator
    if inspect.iscoroutinefunction(function):
        return _coroutine
    return _plain


def _plain(function: Callable[..., Any], current: Callable[[], CurrentSpan]) -> Any:
    @functools.wraps(function)
    def call(*args: Any, **kwargs: Any) -> Any:
        with current():
            return function(*args, **kwargs)

    return call


def _coroutine(function: Callable[..., Any], current: Callable[[], CurrentSpan]) -> Any:
    @functools.wraps(function)
    async def call(*args: Any, **kwargs: Any) -> Any:
        with current():
            return await function(*args, **kwargs)

    return call


def _generator(function: Callable[..., Any], start: Callable[[], Span]) -> Any:
    @functools.wraps(function)
    def generate(*args: Any, **kwargs: Any) -> Generator[Any, Any, Any]:
        span = start()
        try:
            return (yield from _Steps(function(*args, **kwargs), BodyContext(span)))
        except Exception as error:
            note_exception(span, error)
            raise
        finally:
            end(span)

    return generate


class _Steps:
    """A generator whose body runs in its own context: what ``yield from`` drives.

    ``yield from`` hands on everything that can happen to a generator (send, throw, close, the
    value that it returns); here each of these steps is surrounded with the body's context.
    """

    def __init__(self, generator: Generator[Any, Any, Any], body: BodyContext) -> None:
        self._generator = generator
        self._body = body

    def __iter__(self) -> _Steps:
        return self

    def __next__(self) -> Any:
        with self._body:
            return next(self._generator)

    def send(self, value: Any) -> Any:
        with self._body:
            return self._generator.send(value)

    def throw(self, *error: Any) -> Any:
        with self._body:
            return self._generator.throw(*error)

    def close(self) -> None:
        with self._body:
            self._generator.close()


def _async_generator(function: Callable[..., Any], start: Callable[[], Span]) -> Any:
    @functools.wraps(function)
    async def generate(*args: Any, **kwargs: Any) -> AsyncGenerator[Any, Any]:
        span = start()
        try:
            steps = _AsyncSteps(function(*args, **kwargs), BodyContext(span))
            item = await steps.first()
            while True:
                try:
                    sent = yield item
                except GeneratorExit:
                    await steps.close()
                    raise
                except BaseException as error:
                    item = await steps.throw(error)
                else:
                    item = await steps.send(sent)
        except StopAsyncIteration:
            return
        except Exception as error:
            note_exception(span, error)
            raise
        finally:
            end(span)

    return generate


class _AsyncSteps:
    """The same for an asynchronous generator, for which there is no ``yield from``."""

    def __init__(self, generator: AsyncGenerator[Any, Any], body: BodyContext) -> None:
        self._generator = generator
        self._body = body
        self._first = _unknown_to_the_loop(generator)

    async def first(self) -> Any:
        with self._body:
            return await self._first

    async def send(self, value: Any) -> Any:
        with self._body:
            return await self._generator.asend(value)

    async def throw(self, error: BaseException) -> Any:
        with self._body:
            return await self._generator.athrow(error)

    async def close(self) -> None:
        with self._body:
            await self._generator.aclose()


def _unknown_to_the_loop(generator: AsyncGenerator[Any, Any]) -> Awaitable[Any]:
    """The first step, taken without the event loop hearing of this generator.

    A loop that ends closes every generator that it knows of, all at once: the one around this one,
    which then closes this one, and this one itself, which is "already running" and is complained
    about. So it knows the one around it only.
    """
    firstiter, finalizer = sys.get_asyncgen_hooks()
    sys.set_asyncgen_hooks(None, None)
    try:
        return generator.__anext__()
    finally:
        sys.set_asyncgen_hooks(firstiter, finalizer)
