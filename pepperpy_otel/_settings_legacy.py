"""What did the job before, and what has to be seen: values that parts above know how to read."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from pepperpy_otel._settings_given import can, nearest, one_line, one_of
from pepperpy_otel._settings_names import words

if TYPE_CHECKING:
    from pepperpy_otel._settings_given import Given

#: What an object has that is a function, a handler of logging, or a registry.
_METHODS = ("__call__", "handle", "collect")
#: Types by name, since nothing above is imported here.
_TYPES = frozenset({"Legacy", "PurePath"})
#: What can be expected to be seen, as ``telemetry.expect()`` has it.
KINDS = ("metrics", "operations", "log_events", "components")


def hooks(given: Given) -> Any:
    """Things to switch off: objects from an argument, else references or a table of them."""
    raw = given.raw
    if isinstance(raw, dict):
        return raw
    if given.source.kind == "argument" and not isinstance(raw, str):
        if isinstance(raw, (list, tuple)) or any(can(raw, (method,)) for method in _METHODS):
            return raw
        if any(base.__name__ in _TYPES for base in type(raw).__mro__):
            return raw
        raise given.reject(
            "is nothing that can be switched off", "pass functions, handlers, pairs or a Legacy"
        )
    found = []
    for word in words(given):
        module, _, name = word.partition(":")
        if module and name:
            found.append(word)
        else:
            given.complain("is not a reference", "write package.module:name", value=word)
    return tuple(found)


def expectations(given: Given) -> dict[str, tuple[str, ...]]:
    """What has to be seen: a table of lists, or the same in JSON."""
    raw: Any = given.raw
    if isinstance(raw, str):
        try:
            raw = json.loads(raw)
        except ValueError as error:
            fix = 'write {"operations": ["checkout"]}'
            raise given.reject(f"is no JSON ({one_line(error)})", fix) from None
    if not isinstance(raw, dict):
        raise given.reject("is not a table", f"give lists under {one_of(KINDS)}")
    found: dict[str, tuple[str, ...]] = {}
    for kind, names in raw.items():
        if kind not in KINDS:
            meant = nearest(str(kind), KINDS)
            fix = f"did you mean {meant!r}?" if meant else f"use {one_of(KINDS)}"
            given.complain("cannot be expected", fix, value=kind)
        elif isinstance(names, list) and all(isinstance(name, str) for name in names):
            found[kind] = tuple(names)
        else:
            given.complain("is not a list of names", "give a list", value=names)
    return found
