"""The user's own processors, readers and views: objects, or references to them as text."""

from __future__ import annotations

import importlib
import inspect
from typing import TYPE_CHECKING, Any

from pepperpy_otel._settings_given import can, one_line
from pepperpy_otel._settings_names import words

if TYPE_CHECKING:
    from pepperpy_otel._settings_given import Given

#: What each must be able to do. Duck typing, since nothing of the SDK is imported for it.
_METHODS = {
    "span_processors": ("on_start", "on_end", "shutdown", "force_flush"),
    "log_record_processors": ("on_emit", "shutdown", "force_flush"),
    "metric_readers": ("collect", "shutdown", "force_flush"),
    "views": (),
}
_WHAT = {
    "span_processors": "a span processor",
    "log_record_processors": "a log record processor",
    "metric_readers": "a metric reader",
    "views": "a metric view",
}


def objects(given: Given) -> tuple[Any, ...]:
    """The objects; a bad one is one complaint, and the good ones stay."""
    if given.source.kind == "argument":
        if not isinstance(given.raw, (list, tuple)):
            raise given.reject(f"is not a list of {given.name}", "pass a list")
        found = list(given.raw)
        return tuple(item for item in found if _fits(given, item, item))
    loaded = []
    for reference in words(given):
        loaded += [item for item in _load(given, reference) if _fits(given, item, reference)]
    return tuple(loaded)


def _load(given: Given, reference: str) -> list[Any]:
    """What a reference stands for: an object, a list of them, or what makes either."""
    module, colon, name = reference.partition(":")
    if not (colon and module and name):
        given.complain("is not a reference", "write package.module:name", value=reference)
        return []
    try:
        found: Any = importlib.import_module(module)
        for part in name.split("."):
            found = getattr(found, part)
        if inspect.isclass(found) or inspect.isroutine(found):
            found = found()
    except Exception as error:  # whatever the user's module does when it is imported
        given.complain(
            f"cannot be loaded ({type(error).__name__}: {one_line(error)})",
            "write package.module:name of an object, or of what makes one without arguments",
            value=reference,
        )
        return []
    return list(found) if isinstance(found, (list, tuple)) else [found]


def _fits(given: Given, item: object, shown: object) -> bool:
    what = _WHAT[given.name]
    if inspect.isclass(item):
        given.complain("is a class", f"pass {what}, made of it", value=shown)
        return False
    if given.name == "views":
        fits = any(base.__name__ == "View" for base in type(item).__mro__)
    else:
        fits = can(item, _METHODS[given.name])
    if not fits:
        given.complain(f"is not {what}", f"pass {what}", value=shown)
    return fits
