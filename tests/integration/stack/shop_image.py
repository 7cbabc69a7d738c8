"""The shop's image as its Dockerfile would make it, from the Python that runs the tests.

No base image can be pulled and nothing is downloaded: the interpreter with its shared libraries,
what the package and its extra ``demo`` require, the package itself, and the shop's files.
"""

from __future__ import annotations

import importlib.metadata
import os
import re
import subprocess
import sys
import sysconfig
from pathlib import Path
from typing import TYPE_CHECKING

from tests.integration.launch import DISTRIBUTION, REPOSITORY

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.integration.stack.tree import Tree

SKIPPED = {"test", "tests", "idlelib", "ensurepip", "turtledemo", "__pycache__", "lib2to3"}


def fill(tree: Tree) -> None:
    """Write all of it: Python where it is on this machine, packages in /venv, the shop in /shop."""
    python = Path(sys.executable).resolve()
    # Python finds its library relative to itself, so it stays where it is on this machine.
    _as_here(tree, python)
    for path in _files(Path(sysconfig.get_path("stdlib"))):
        if "site-packages" not in path.parts:
            _as_here(tree, path)
    for name in sorted(_requirements(DISTRIBUTION, {"demo"})):
        for file in importlib.metadata.distribution(name).files or ():
            path = Path(str(file.locate()))
            if path.is_file() and ".." not in file.parts and "__pycache__" not in file.parts:
                tree.copy(f"venv/{file}", path)
                _with_libraries(tree, path)
    for path in _files(REPOSITORY / "pepperpy_otel"):
        tree.copy(f"venv/{path.relative_to(REPOSITORY)}", path)
    for path in _files(REPOSITORY / "examples" / "shop"):
        tree.copy(f"shop/{path.name}", path)
    tree.directory("bin")
    tree.link("bin/python", str(python))


def _as_here(tree: Tree, path: Path) -> None:
    tree.copy(str(path).lstrip("/"), path)
    _with_libraries(tree, path)


def _with_libraries(tree: Tree, path: Path) -> None:
    """The shared libraries of the system that a binary wants, its loader included."""
    if path.suffix != ".so" and not os.access(path, os.X_OK):
        return
    told = subprocess.run(["ldd", str(path)], capture_output=True, text=True, check=False).stdout
    for library in re.findall(r"(/\S+) \(0x", told):
        if "site-packages" not in library:
            tree.copy(library.lstrip("/"), Path(library))


def _files(directory: Path) -> Iterator[Path]:
    for root, directories, names in os.walk(directory):
        directories[:] = sorted(set(directories) - SKIPPED)
        yield from (Path(root, name) for name in sorted(names) if not name.endswith(".pyc"))


def _requirements(name: str, extras: set[str]) -> set[str]:
    """A distribution and all that it needs, by name."""
    from packaging.requirements import Requirement

    found: set[str] = set()
    waiting = [(name, frozenset(extras))]
    while waiting:
        name, chosen = waiting.pop()
        if name in found:
            continue
        found.add(name)
        for text in importlib.metadata.requires(name) or ():
            needed = Requirement(text)
            environments = [{"extra": extra} for extra in chosen or {""}]
            if needed.marker is None or any(needed.marker.evaluate(e) for e in environments):
                waiting.append((needed.name, frozenset(needed.extras)))
    return found
