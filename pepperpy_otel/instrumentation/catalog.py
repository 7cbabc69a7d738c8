"""Which instrumentations are installed, found without importing any of them.

``importlib.metadata`` answers that too, in 20 ms where this takes 2: it has to be imported, and
it parses every entry point of every distribution. So the few files are read here, as it would read
them; whatever is not plain directories (zip files, finders of others) is left to it.
"""

# Making a path object of each file takes longer than reading it.
# ruff: noqa: PTH113, PTH118, PTH208

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

_directories: dict[str, str] = {}


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
    return list(_scan()) if is_plain() else _ask_importlib()


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


def is_plain() -> bool:
    """Whether everything that is installed lies in directories on ``sys.path``."""
    return not any(
        hasattr(finder, "find_distributions") and not _looks_at_the_path(finder)
        for finder in sys.meta_path
    ) and not any(entry.endswith(".egg") or os.path.isfile(entry) for entry in _path())


def _path() -> list[str]:
    """``sys.path`` without what the import system ignores there."""
    return [entry for entry in sys.path if isinstance(entry, str)]


def _looks_at_the_path(finder: Any) -> bool:
    """Python's own finder, and that of the package ``importlib_metadata``."""
    from importlib.machinery import PathFinder

    return finder is PathFinder or type(finder).__module__.startswith("importlib_metadata")


def _ask_importlib() -> list[Candidate]:
    from importlib.metadata import entry_points

    return [candidate_of(found) for group in _GROUPS for found in entry_points(group=group)]


def normalized(name: str) -> str:
    """A distribution's name as a key: lower case, underscores."""
    return re.sub(r"[-_.]+", "_", name).lower()


def directory_of(distribution: str) -> str | None:
    """Where the metadata of a distribution lies, as of the last look at what is installed."""
    return (_directories or _look()).get(distribution)


def _look() -> dict[str, str]:
    """Where the metadata of each distribution lies, by its normalized name."""
    global _directories
    found: dict[str, str] = {}
    for entry in _path():
        path = entry or os.curdir
        try:
            names = os.listdir(path)
        except OSError:
            continue
        for name in names:
            if name.endswith((".dist-info", ".egg-info")):
                known = normalized(name.rpartition(".")[0].partition("-")[0])
                # The first one of a name counts, as it does for imports.
                found.setdefault(known, os.path.join(path, name))
    _directories = found
    return found


def read(directory: str, name: str) -> str:
    """The text of a metadata file, empty where there is none."""
    try:
        with open(os.path.join(directory, name), encoding="utf-8", errors="replace") as file:
            return file.read()
    except OSError:
        return ""


def _scan() -> Iterator[Candidate]:
    for directory in _look().values():
        yield from _candidates_in(directory)


def _candidates_in(directory: str) -> Iterator[Candidate]:
    text = read(directory, "entry_points.txt")
    group = ""
    for line in text.splitlines() if "opentelemetry_" in text else ():
        stripped = line.strip()
        if stripped.startswith("[") and stripped.endswith("]"):
            group = stripped[1:-1]
        elif group in _GROUPS and "=" in stripped and not stripped.startswith("#"):
            name, _, value = (part.strip() for part in stripped.partition("="))
            yield _candidate(group, name, value.partition("[")[0].strip(), directory)


def _candidate(group: str, name: str, value: str, directory: str) -> Candidate:
    return Candidate(
        group,
        name,
        value,
        functools.partial(_load, value),
        lambda: read(directory, "METADATA") or read(directory, "PKG-INFO"),
        functools.partial(_distribution, directory),
    )


def _load(value: str) -> Any:
    module, _, attributes = value.partition(":")
    return functools.reduce(
        getattr, filter(None, attributes.split(".")), importlib.import_module(module)
    )


def _distribution(directory: str) -> Distribution:
    from importlib.metadata import Distribution

    return Distribution.at(directory)
