"""Which instrumentations are installed, found without importing any of them.

``importlib.metadata`` answers that too, in 20 ms where this takes 2: it has to be imported, and
it parses every entry point of every distribution. So the few files are read here, as it would read
them; whatever is not plain directories (zip files, finders of others) is left to it.
"""

# Making a path object of each file takes longer than reading it.
# ruff: noqa: PTH113, PTH118, PTH119, PTH208

from __future__ import annotations

import functools
import importlib
import os
import re
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from importlib.metadata import Distribution, EntryPoint

INSTRUMENTORS = "opentelemetry_instrumentor"
BEFORE = "opentelemetry_pre_instrument"
AFTER = "opentelemetry_post_instrument"
_GROUPS = (INSTRUMENTORS, BEFORE, AFTER)


@dataclass(frozen=True, slots=True)
class Candidate:
    """One entry point.

    Attributes:
        group: For example ``opentelemetry_instrumentor``.
        name: What users call it, for example ``fastapi``.
        value: Module and class, with a colon between them.
        load: Imports it.
        metadata: The text of its distribution's ``METADATA``.
        distribution: Its distribution, or ``None`` where that is not known.
    """

    group: str
    name: str
    value: str
    load: Callable[[], Any]
    metadata: Callable[[], str]
    distribution: Callable[[], Distribution | None]

    @property
    def module(self) -> str:
        """The module that is imported to load it."""
        return self.value.partition(":")[0]


def installed() -> list[Candidate]:
    """Every entry point of the three groups, in the order of ``sys.path``."""
    return list(_scan()) if _is_plain() else _ask_importlib()


def candidate_of(entry_point: EntryPoint) -> Candidate:
    """The same for an entry point that somebody else has found."""
    distribution = getattr(entry_point, "dist", None)

    def metadata() -> str:
        if distribution is None:
            return ""
        return distribution.read_text("METADATA") or distribution.read_text("PKG-INFO") or ""

    return Candidate(
        entry_point.group,
        entry_point.name,
        entry_point.value,
        entry_point.load,
        metadata,
        lambda: distribution,
    )


def _is_plain() -> bool:
    """Whether everything that is installed lies in directories on ``sys.path``."""
    from importlib.machinery import PathFinder

    return not any(
        finder is not PathFinder and hasattr(finder, "find_distributions")
        for finder in sys.meta_path
    ) and not any(entry.endswith(".egg") or os.path.isfile(entry) for entry in sys.path)


def _ask_importlib() -> list[Candidate]:
    from importlib.metadata import entry_points

    return [candidate_of(found) for group in _GROUPS for found in entry_points(group=group)]


def _scan() -> Iterator[Candidate]:
    seen: set[str] = set()
    for entry in sys.path:
        for directory in _metadata_directories(entry or os.curdir):
            # The first one of a name counts, as it does for imports.
            name = os.path.basename(directory).partition("-")[0]
            known = re.sub(r"[-_.]+", "_", name).lower()
            if known not in seen:
                seen.add(known)
                yield from _candidates_in(directory)


def _metadata_directories(path: str) -> Iterator[str]:
    try:
        names = os.listdir(path)
    except OSError:
        return
    for name in names:
        if name.endswith((".dist-info", ".egg-info")):
            yield os.path.join(path, name)


def _candidates_in(directory: str) -> Iterator[Candidate]:
    text = _read(directory, "entry_points.txt")
    group = ""
    for line in text.splitlines() if "opentelemetry_" in text else ():
        stripped = line.strip()
        if stripped.startswith("[") and stripped.endswith("]"):
            group = stripped[1:-1].strip()
        elif group in _GROUPS and "=" in stripped and not stripped.startswith(("#", ";")):
            name, _, value = (part.strip() for part in stripped.partition("="))
            yield _candidate(group, name, value.partition("[")[0].strip(), directory)


def _candidate(group: str, name: str, value: str, directory: str) -> Candidate:
    return Candidate(
        group,
        name,
        value,
        functools.partial(_load, value),
        lambda: _read(directory, "METADATA") or _read(directory, "PKG-INFO"),
        functools.partial(_distribution, directory),
    )


def _read(directory: str, name: str) -> str:
    try:
        with open(os.path.join(directory, name), encoding="utf-8", errors="replace") as file:
            return file.read()
    except OSError:
        return ""


def _load(value: str) -> Any:
    module, _, attributes = value.partition(":")
    return functools.reduce(
        getattr, filter(None, attributes.split(".")), importlib.import_module(module)
    )


def _distribution(directory: str) -> Distribution:
    from importlib.metadata import Distribution

    return Distribution.at(directory)
