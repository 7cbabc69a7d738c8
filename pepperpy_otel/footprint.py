"""A picture of everything in the process that telemetry could touch, to hold a later one against.

Objects are kept, not their ids: an id may come again. Modules that only telemetry loads, and what
is our own or OpenTelemetry's, are no trace that somebody else would see.
"""

from __future__ import annotations

import gc
import logging
import os
import signal
import sys
import threading
import warnings
from types import BuiltinFunctionType, FunctionType, MethodType, ModuleType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

#: Modules that may look different: ours and OpenTelemetry's providers and instrumentors live on.
_OURS = ("pepperpy_otel", "opentelemetry")


class Footprint:
    """What is where at the moment in which it is made.

    Attributes:
        parts: What is looked at: name of a thing → the thing.
    """

    def __init__(self) -> None:
        self.parts: dict[str, Any] = {}
        for name, value in (*_loggers(), *_hooks(), *_environment(), *_threads(), *_modules()):
            self.parts[name] = value

    def differences(self, later: Footprint) -> list[str]:
        """What is otherwise later, a line each; modules that were loaded since do not count."""
        found = []
        for name, before in self.parts.items():
            if name not in later.parts:
                if not name.startswith("thread "):  # the app's own come and go
                    found.append(f"{name} is gone")
            elif not _same(before, later.parts[name]):
                found.append(f"{name} is another one")
        found += [f"{name} is new" for name in later.parts if self._counts(name)]
        return sorted(found)

    def _counts(self, name: str) -> bool:
        """Whether it is new, and not by itself: libraries make loggers and load lazily."""
        if name in self.parts:
            return False
        kind = name.partition(" ")[0]
        owner = self.parts.get(name.rpartition(".")[0])
        return kind in ("thread", "variable") or (kind == "attribute" and isinstance(owner, type))


def _same(before: Any, later: Any) -> bool:
    if isinstance(before, (tuple, list)) and type(before) is type(later):
        return len(before) == len(later) and all(map(_same, before, later))
    if isinstance(before, (str, int)):
        return bool(before == later)
    if isinstance(before, MethodType):  # bound anew at each look
        return bool(before == later)
    return before is later


def _loggers() -> Iterator[tuple[str, Any]]:
    known: Mapping[str, Any] = logging.Logger.manager.loggerDict
    for logger in (logging.getLogger(), *list(known.values())):
        if not isinstance(logger, logging.Logger) or logger.name.startswith(_OURS):
            continue
        what = f"logger {logger.name}:"
        yield f"{what} level", logger.level
        yield f"{what} handlers", [*list.__iter__(logger.handlers)]
        yield f"{what} list of handlers", type(logger.handlers)
        yield f"{what} filters", list(logger.filters)
        yield f"{what} propagate", logger.propagate
        yield f"{what} disabled", bool(logger.disabled)
        yield f"{what} class", type(logger)
        yield f"{what} own methods", sorted(k for k, v in vars(logger).items() if callable(v))
        for number, handler in enumerate(list.__iter__(logger.handlers)):
            yield f"{what} level of handler {number}", handler.level
            yield f"{what} formatter of handler {number}", handler.formatter


def _hooks() -> Iterator[tuple[str, Any]]:
    yield "hook sys.excepthook", sys.excepthook
    yield "hook sys.unraisablehook", sys.unraisablehook
    yield "hook threading.excepthook", threading.excepthook
    yield "hook warnings.showwarning", warnings.showwarning
    yield "hook sys.meta_path", list(sys.meta_path)
    yield "hook sys.path_hooks", list(sys.path_hooks)
    yield "hook gc.callbacks", list(gc.callbacks)
    yield "hook logging.lastResort", logging.lastResort
    yield "hook log record factory", logging.getLogRecordFactory()
    yield "hook class of loggers", logging.getLoggerClass()
    yield "hook logging.disable", logging.root.manager.disable
    for number in signal.valid_signals():
        yield f"hook signal {int(number)}", signal.getsignal(number)
    structlog = sys.modules.get("structlog")
    if structlog is not None:
        for name, value in structlog.get_config().items():
            yield f"hook structlog {name}", value
    propagate = sys.modules.get("opentelemetry.propagate")
    if propagate is not None:
        kinds = propagate.get_global_textmap()
        yield "hook propagator", sorted(kinds.fields)


def _environment() -> Iterator[tuple[str, Any]]:
    for name, value in os.environ.items():
        yield f"variable {name}", value


def _threads() -> Iterator[tuple[str, Any]]:
    for thread in threading.enumerate():
        yield f"thread {thread.name} {thread.ident}", thread


def _modules() -> Iterator[tuple[str, Any]]:
    """Functions and classes of every module, and the methods of the classes that are its own."""
    for name, module in list(sys.modules.items()):
        if type(module) is not ModuleType or name.startswith(_OURS):
            continue
        for attribute, value in list(vars(module).items()):
            if not isinstance(value, (FunctionType, BuiltinFunctionType, type)):
                continue
            yield f"attribute {name}.{attribute}", value
            # Past a metaclass that raises: type's own look-up, not the class's.
            if issubclass(type(value), type) and _module_of(value) == name:
                for method, function in list(type.__dict__["__dict__"].__get__(value).items()):
                    if isinstance(function, (FunctionType, staticmethod, classmethod, property)):
                        yield f"attribute {name}.{attribute}.{method}", function


def _module_of(kind: Any) -> object:
    return type.__dict__["__dict__"].__get__(kind).get("__module__")
