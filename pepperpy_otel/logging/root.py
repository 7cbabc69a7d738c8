"""Our handler on the root logger, without what a handler there does to everybody else.

A handler in ``root.handlers`` is seen by more than the records. With one there,
``logging.basicConfig()`` does nothing, Python's last-resort handler is silent
(open-telemetry/opentelemetry-python-contrib#2793), werkzeug and Flask no longer show their lines
(they look for a handler of the right level), Celery leaves its logging unset; and it is gone after
``dictConfig()``, ``fileConfig()``, ``basicConfig(force=True)`` or ``root.handlers = []``.

What was weighed:

- *Wrapping the configuration functions*, as contrib does, misses ``from logging import
  basicConfig`` before us, ``DictConfigurator(…).configure()``, and everybody who looks at
  ``root.handlers`` or assigns to it.
- *A list that says it is empty* helps against ``basicConfig()`` only.
- *A hook on* ``Logger.callHandlers``, the one place that every record passes, as Sentry's and New
  Relic's agents have it: the record goes through the app's handlers as if we were not there, then
  to ours. Whatever the app does to handlers, before or after, by whichever name it imported the
  functions, has the effect that it has without us. It costs one Python call for each record.

So it is the hook; and since our handler should be found where a reader looks for it,
``root.handlers`` becomes a list that shows it to who iterates, but neither counts it nor gives it
away in a slice, which is how the functions above decide and remove.
"""

from __future__ import annotations

import itertools
import logging
import sys
import threading
from typing import TYPE_CHECKING, Any

from pepperpy_otel.logging.handler import TelemetryHandler
from pepperpy_otel.logging.records import is_at_least

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from pepperpy_otel.logging.level import RootLevel

#: A level that no record has: who asks for a handler that shows something does not mean ours.
UNREACHABLE = sys.maxsize


class _Calling(threading.local):
    """Whether this thread is in the standard library's ``callHandlers``, which counts handlers."""

    on = False


_calling = _Calling()


class RootHandler(TelemetryHandler):
    """The telemetry handler of the root logger; fed by the hook, not by the list it is in."""

    threshold: int

    @property
    def level(self) -> int:
        """Out of reach; ``setLevel()`` sets the threshold of the telemetry."""
        return UNREACHABLE

    @level.setter
    def level(self, level: int) -> None:
        self.threshold = level

    def handle(self, record: logging.LogRecord) -> bool:
        """Take nothing from who got this handler out of ``root.handlers``: it comes twice."""
        return False

    def take(self, record: logging.LogRecord) -> None:
        """Take a record from the hook."""
        super().handle(record)

    def _take(self, record: logging.LogRecord) -> bool:
        if self.threshold and not is_at_least(record, self.threshold):
            return False
        return super()._take(record)

    def __repr__(self) -> str:
        return f"<pepperpy_otel root handler ({logging.getLevelName(self.threshold)})>"


class RootHandlers(list[logging.Handler]):
    """``root.handlers``: the app's handlers, and ours for who iterates or asks for it.

    Ours cannot be removed from it; ``rollback()`` does that. Code that clears the root logger's
    handlers means those that print.

    Args:
        handlers: The app's.
        telemetry: Not shown to ``callHandlers``, so that the last-resort handler works.
        console: Shown to everybody, since it is one that prints; or ``None``.
    """

    def __init__(
        self,
        handlers: list[logging.Handler],
        telemetry: RootHandler,
        console: logging.Handler | None,
    ) -> None:
        super().__init__(handlers)
        self._counted = () if console is None else (console,)
        self._ours = (telemetry, *self._counted)

    def __iter__(self) -> Iterator[logging.Handler]:
        ours = self._counted if _calling.on else self._ours
        return itertools.chain(super().__iter__(), ours)

    def __contains__(self, handler: object) -> bool:
        return super().__contains__(handler) or any(handler is one for one in self._ours)

    def __repr__(self) -> str:
        return repr([*self])

    def remove(self, handler: logging.Handler) -> None:
        """Take out a handler of the app."""
        if not any(handler is one for one in self._ours):
            super().remove(handler)


class RootHook:
    """Gives each record that reaches the root logger to our handler, after the app's.

    Args:
        telemetry: Our handler.
        console: Our console handler, if the user wants one.
        level: What is known of the root logger's level, if it is ours.
    """

    def __init__(
        self,
        telemetry: RootHandler,
        console: logging.Handler | None = None,
        level: RootLevel | None = None,
    ) -> None:
        self._root = logging.getLogger()
        self._telemetry = telemetry
        self._console = console
        self._level = level
        self._active = True

    def install(self, record: Callable[[str, Callable[[], None]], None]) -> None:
        """Put the handler where it is seen and the hook where every record passes."""
        self._show(record)
        hooked = logging.Logger.callHandlers
        hook = self._hook(hooked)
        _set_call_handlers(hook)

        def undo() -> None:
            self._active = False
            # Who has hooked in after us keeps calling ours, which only passes on by now.
            if logging.Logger.callHandlers is hook:
                _set_call_handlers(hooked)

        record("hook on Logger.callHandlers", undo)

    def _show(self, record: Callable[[str, Callable[[], None]], None]) -> None:
        root, before = self._root, self._root.handlers
        root.handlers = shown = RootHandlers(before, self._telemetry, self._console)

        def undo() -> None:
            if root.handlers is shown:
                before[:] = shown[:]
                root.handlers = before

        record("root logger's handlers", undo)

    def _hook(self, call_handlers: Callable[[Any, Any], None]) -> Callable[[Any, Any], None]:
        telemetry, level = self._telemetry, self._level

        def callHandlers(logger: logging.Logger, record: logging.LogRecord) -> None:
            if not self._active:
                call_handlers(logger, record)
                return
            if level is not None and level.hides(logger, record):
                self._only_ours(logger, record)
                return
            _calling.on = True
            try:
                call_handlers(logger, record)
            finally:
                _calling.on = False
                if self._reached_from(logger):
                    telemetry.take(record)

        return callHandlers

    def _reached_from(self, logger: logging.Logger) -> bool:
        while logger.propagate and logger.parent is not None:
            logger = logger.parent
        return logger is self._root

    def _only_ours(self, logger: logging.Logger, record: logging.LogRecord) -> None:
        """A record that is not there for the app's handlers."""
        if not self._reached_from(logger):
            return
        console = self._console
        if (
            console is not None
            and console in self._root.handlers
            and is_at_least(record, console.level)
            and self._telemetry.accepts(record)
        ):
            console.handle(record)
        self._telemetry.take(record)


def _set_call_handlers(function: Any) -> None:
    logging.Logger.callHandlers = function  # type: ignore[method-assign]
