"""Executors whose tasks run in the context of who submitted them.

A pool's threads and processes are older than the task, and the context does not reach them by
itself: spans begin new traces there, logs lose theirs.
"""

from __future__ import annotations

import asyncio
import contextvars
import functools
from concurrent.futures import Executor, Future, ProcessPoolExecutor, ThreadPoolExecutor
from typing import TYPE_CHECKING, Any, TypeVar

from pepperpy_otel.correlation.carrying import beginning, carry
from pepperpy_otel.errors import guarded

if TYPE_CHECKING:
    from collections.abc import Callable

    from typing_extensions import ParamSpec

    P = ParamSpec("P")

T = TypeVar("T")


class ContextThreadPoolExecutor(ThreadPoolExecutor):
    """A ``ThreadPoolExecutor`` for which a task sees every context variable of its submitter.

    As ``asyncio.to_thread()`` does it: a copy for each task, so tasks do not see each other.
    """

    def submit(self, fn: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> Future[T]:
        """Schedule a call; see ``concurrent.futures.Executor.submit``."""
        run: Any = contextvars.copy_context().run
        return super().submit(run, fn, *args, **kwargs)


class ContextProcessPoolExecutor(ProcessPoolExecutor):
    """A ``ProcessPoolExecutor`` whose tasks go on with the trace and baggage of their submitter.

    Its processes are configured as this one is, with every start method, fixed ports excepted.

    Args:
        max_workers: As there.
        mp_context: As there.
        initializer: As there; called in a configured process.
        initargs: As there.
        **options: As there: ``max_tasks_per_child``.
    """

    def __init__(
        self,
        max_workers: int | None = None,
        mp_context: Any = None,
        initializer: Callable[..., object] | None = None,
        initargs: tuple[Any, ...] = (),
        **options: Any,
    ) -> None:
        super().__init__(
            max_workers,
            mp_context,
            Initializer(initializer),
            initargs,
            **options,
        )

    def submit(self, fn: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> Future[T]:
        """Schedule a call; see ``concurrent.futures.Executor.submit``."""
        return super().submit(carry(fn), *args, **kwargs)


class Initializer:
    """Configures a worker process before the user's own initializer runs in it.

    Pickled when a process is started, not when the executor is made: what holds then counts.

    Args:
        initializer: The user's own.
        begin: What configures; found out anew when this is pickled.
    """

    def __init__(self, initializer: Callable[..., object] | None, begin: Any = None) -> None:
        self._initializer = initializer
        self._begin = begin

    def __reduce__(self) -> tuple[Any, ...]:
        return Initializer, (self._initializer, beginning())

    def __call__(self, *args: Any) -> None:
        """Run in the worker, when it starts."""
        if self._begin is not None:
            with guarded("configuring a child process"):
                self._begin()
        if self._initializer is not None:
            self._initializer(*args)


def run_in_executor(
    executor: Executor | None, function: Callable[..., T], *args: Any
) -> asyncio.Future[T]:
    """``loop.run_in_executor()`` of the running loop, in the context of who calls this.

    Args:
        executor: One of threads or processes; ``None`` for the loop's own.
        function: What to call there.
        *args: For it.
    """
    loop = asyncio.get_running_loop()
    if isinstance(executor, ProcessPoolExecutor):
        return loop.run_in_executor(executor, carry(function), *args)
    call = functools.partial(contextvars.copy_context().run, function, *args)
    return loop.run_in_executor(executor, call)
