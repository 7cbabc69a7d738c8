"""What did this job before: switched off while telemetry runs, on again by ``rollback()``.

Named with ``configure(legacy=…)``, so that an application moves over without two of everything,
and back again with one call. ``backup()`` keeps what the old parts know.
"""

from __future__ import annotations

import functools
import importlib
import inspect
import logging
import os
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from typing import TYPE_CHECKING, Any

from pepperpy_otel.errors import warn
from pepperpy_otel.ledger import StaysBehind

if TYPE_CHECKING:
    from collections.abc import Callable

    from pepperpy_otel.ledger import Ledger

    Switch = tuple[Callable[[], object], Callable[[], object]]


@dataclass(frozen=True, slots=True)
class Legacy:
    """The old parts of an application.

    Attributes:
        functions: Old monitoring and health: functions and methods that do nothing and return
            ``None`` while telemetry runs, wherever a module knows them; or ``package.module:name``.
        handlers: Old logging: handlers that are taken from every logger that has them, and put
            back where they were; or ``package.module:name``.
        switches: Pairs of functions, the first switches something off and the second on again.
        registry: A ``prometheus_client`` registry whose samples ``backup()`` keeps.
        log_files: Files whose lines ``backup()`` keeps as log records.
        span_files: Files with a span in JSON on each line, kept as spans.
        health: A function whose answer ``backup()`` keeps, or several by component.
    """

    functions: Sequence[Callable[..., Any] | str] = ()
    handlers: Sequence[logging.Handler | str] = ()
    switches: Sequence[Switch] = ()
    registry: Any = None
    log_files: Sequence[str | os.PathLike[str]] = ()
    span_files: Sequence[str | os.PathLike[str]] = ()
    health: Callable[[], Any] | Mapping[str, Callable[[], Any]] | None = None

    def __post_init__(self) -> None:
        """One thing stands for a list of one."""
        for name in ("functions", "handlers", "switches", "log_files", "span_files"):
            given = getattr(self, name)
            text = isinstance(given, (str, os.PathLike))
            if text or not isinstance(given, Iterable) or (name == "switches" and _is_pair(given)):
                object.__setattr__(self, name, (given,))

    @classmethod
    def of(cls, given: Any, complain: Callable[..., object] = warn) -> Legacy:
        """What ``configure(legacy=…)`` was given: one of these, a mapping, a list, one thing.

        Args:
            given: In a list, handlers, functions, pairs of functions, registries, paths and
                references are told apart by what they are.
            complain: Takes a ``%`` format and its arguments for each thing that is none of these.
        """
        if isinstance(given, cls):
            return given
        if isinstance(given, Mapping):
            known = {field.name for field in fields(cls)}
            for name in sorted(set(given) - known, key=str):
                complain("legacy: %r is unknown; use %s", name, ", ".join(sorted(known)))
            return cls(**{name: given[name] for name in known & set(given)})
        many = isinstance(given, Sequence) and not isinstance(given, str) and not _is_pair(given)
        legacy = cls()
        for item in given if many else () if given is None else (given,):
            legacy = legacy._with(item, complain)
        return legacy

    def _with(self, item: Any, complain: Callable[..., object]) -> Legacy:
        if isinstance(item, logging.Handler):
            return replace(self, handlers=(*self.handlers, item))
        if _is_pair(item):
            return replace(self, switches=(*self.switches, tuple(item)))
        if isinstance(item, os.PathLike):
            return replace(self, log_files=(*self.log_files, item))
        if callable(getattr(item, "collect", None)) and hasattr(item, "register"):
            return replace(self, registry=item)
        if callable(item) or (isinstance(item, str) and ":" in item):
            return replace(self, functions=(*self.functions, item))
        complain("legacy: %r is no function, handler, pair of functions or registry", item)
        return self


def _is_pair(item: Any) -> bool:
    return isinstance(item, (tuple, list)) and len(item) == 2 and all(map(_is_switch, item))


def _is_switch(item: Any) -> bool:
    return callable(item) and not isinstance(item, type)


def switch_off(legacy: Legacy, ledger: Ledger) -> None:
    """Switch everything off that can be; what cannot is one warning line and goes on working.

    Args:
        legacy: The old parts.
        ledger: Takes how each is switched on again.
    """
    for pair in legacy.switches:
        _attempt(_name(pair), lambda pair=pair: _switch(pair, ledger))  # type: ignore[misc]
    for item in (*legacy.handlers, *legacy.functions):
        _attempt(_name(item), lambda item=item: _silence(item, ledger))  # type: ignore[misc]


def _attempt(what: str, act: Callable[[], object]) -> None:
    try:
        act()
    except Exception as error:  # whatever the application's own code does
        warn("legacy: %s stays on (%s: %s)", what, type(error).__name__, error)


def _name(item: Any) -> str:
    item = item[0] if _is_pair(item) else item
    return item if isinstance(item, str) else str(getattr(item, "__qualname__", repr(item)))


def _switch(pair: Switch, ledger: Ledger) -> None:
    off, on = pair
    off()
    ledger.record(f"legacy: {_name(off)}, undone by {_name(on)}", lambda: (on(), None)[1])


def _silence(item: Any, ledger: Ledger) -> None:
    place = None
    if isinstance(item, str):
        place, item = _resolve(item)
    if isinstance(item, logging.Handler):
        _detach(item, ledger)
    else:
        _replace(item, place, ledger)


def _resolve(reference: str) -> tuple[tuple[Any, str], Any]:
    """Where a reference leads: the object that has it and its name there, and what is there."""
    module, _, path = reference.partition(":")
    owner: Any = importlib.import_module(module)
    *way, name = path.split(".")
    for part in way:
        owner = getattr(owner, part)
    return (owner, name), getattr(owner, name)


def _detach(handler: logging.Handler, ledger: Ledger) -> None:
    known = [logging.getLogger(), *logging.Logger.manager.loggerDict.values()]
    loggers = [each for each in known if isinstance(each, logging.Logger)]
    found = [(each, each.handlers.index(handler)) for each in loggers if handler in each.handlers]
    if not found:
        raise LookupError("no logger has it")
    for logger, position in found:
        logger.removeHandler(handler)
        ledger.record(
            f"legacy: handler {handler!r} of logger {logger.name}",
            functools.partial(_attach, logger, position, handler),
        )


def _attach(logger: logging.Logger, position: int, handler: logging.Handler) -> None:
    if handler not in logger.handlers:
        logger.handlers.insert(position, handler)


def _replace(function: Any, place: tuple[Any, str] | None, ledger: Ledger) -> None:
    if not callable(function):
        raise TypeError("it is neither a function nor a handler")
    places = _places(function)
    if place is not None and not any(place[0] is owner for owner, _ in places):
        places.append(place)
    if not places:
        raise LookupError("no module has it under a name; give a pair of functions instead")
    silent = _silent(function)
    for owner, name in places:
        before = vars(owner).get(name, _MISSING)
        setattr(owner, name, staticmethod(silent) if isinstance(before, staticmethod) else silent)
        now = vars(owner)[name]
        ledger.record(
            f"legacy: {getattr(owner, '__name__', repr(owner))}.{name}",
            functools.partial(_restore, owner, name, now, before),
        )


_MISSING = object()


def _restore(owner: Any, name: str, ours: Any, before: Any) -> None:
    if vars(owner).get(name) is not ours:
        raise StaysBehind(f"legacy: {name} of {owner!r} was replaced by somebody else since")
    if before is _MISSING:
        delattr(owner, name)
    else:
        setattr(owner, name, before)


def _places(function: Any) -> list[tuple[Any, str]]:
    """Every module that has the function under a name, and its class or object."""
    instance = getattr(function, "__self__", None)
    if instance is not None and not isinstance(instance, type) and hasattr(instance, "__dict__"):
        return [(instance, function.__name__)]
    found: list[tuple[Any, str]] = [
        (module, name)
        for module in {id(each): each for each in list(sys.modules.values())}.values()
        for name, value in list(getattr(module, "__dict__", {}).items())
        if value is function
    ]
    owner: Any = sys.modules.get(getattr(function, "__module__", None) or "")
    *way, name = str(getattr(function, "__qualname__", "")).split(".")
    for part in way:
        owner = getattr(owner, part, None)
    if way and isinstance(owner, type) and name in vars(owner):
        found.append((owner, name))
    return found


def _silent(function: Callable[..., Any]) -> Callable[..., Any]:
    """The same to look at, and nothing happens when it is called."""
    silent: Callable[..., Any]
    if inspect.iscoroutinefunction(function):

        async def silent(*args: Any, **kwargs: Any) -> None:
            pass

    elif inspect.isgeneratorfunction(function):

        def silent(*args: Any, **kwargs: Any) -> Any:
            yield from ()

    else:

        def silent(*args: Any, **kwargs: Any) -> None:
            pass

    return functools.wraps(function)(silent)
