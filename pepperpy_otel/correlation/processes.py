"""The twin of ``multiprocessing``: processes that go on with the context of who starts them.

A process of ``fork`` has it anyway. For ``spawn`` and ``forkserver`` it is pickled with the
process, and so is how to configure the child.
"""

from __future__ import annotations

import functools
import multiprocessing
import multiprocessing.context
from typing import Any

from pepperpy_otel.correlation.carrying import Carried


class Carries:
    """Mixed into a class of processes: ``run()`` is called in the context of ``start()``."""

    _carried: Carried | None = None

    def __init_subclass__(cls, **kwargs: Any) -> None:
        """Have the ``run()`` of a subclass run in the context as well."""
        super().__init_subclass__(**kwargs)
        if "run" in vars(cls):
            cls.run = _in_context(cls.run)  # type: ignore[method-assign]

    def start(self) -> None:
        """Start the process, with the context that is current now."""
        self._carried = Carried()
        super().start()  # type: ignore[misc]

    def run(self) -> None:
        """Call the target, in the child."""
        with _entered(self):
            super().run()  # type: ignore[misc]


def _in_context(run: Any) -> Any:
    @functools.wraps(run)
    def run_in_context(self: Any) -> None:
        with _entered(self):
            run(self)

    return run_in_context


class _entered:
    """The context of a process, once, however many ``run()`` call each other."""

    def __init__(self, process: Any) -> None:
        self._carried, process._carried = process._carried, None

    def __enter__(self) -> None:
        if self._carried is not None:
            self._carried.__enter__()

    def __exit__(self, *_: object) -> None:
        if self._carried is not None:
            self._carried.__exit__()


class ContextProcess(Carries, multiprocessing.Process):
    """A ``multiprocessing.Process`` with the context of its ``start()``.

    Its child process is configured as this one is, fixed ports excepted.
    """


class ContextSpawnProcess(Carries, multiprocessing.context.SpawnProcess):
    """The same, always spawned."""


class _Spawns(multiprocessing.context.SpawnContext):
    Process = ContextSpawnProcess


_contexts: dict[str, Any] = {"spawn": _Spawns}

if hasattr(multiprocessing.context, "ForkProcess"):  # pragma: no branch (Windows has spawn only)

    class ContextForkProcess(Carries, multiprocessing.context.ForkProcess):
        """The same, always forked."""

    class ContextForkServerProcess(Carries, multiprocessing.context.ForkServerProcess):
        """The same, always from the fork server."""

    class _Forks(multiprocessing.context.ForkContext):
        Process = ContextForkProcess

    class _ForkServes(multiprocessing.context.ForkServerContext):
        Process = ContextForkServerProcess

    _contexts |= {"fork": _Forks, "forkserver": _ForkServes}


@functools.cache
def _context(method: str) -> Any:
    if method not in _contexts:
        return multiprocessing.get_context(method)  # which says what is wrong with it
    return _contexts[method]()


def get_context(method: str | None = None) -> Any:
    """As ``multiprocessing.get_context()``, with processes that carry the context.

    It can be given to a pool or an executor too (``mp_context=``): their workers then are
    configured, and ``carry()`` takes the context of a task there.

    Args:
        method: ``spawn``, ``fork``, ``forkserver``, or ``None`` for the start method that holds.

    Raises:
        ValueError: There is no such method here, as multiprocessing says it.
    """
    return _context(method or multiprocessing.get_start_method())
