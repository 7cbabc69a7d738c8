"""Calls back when a module has been imported, before anybody can take a name from it.

``from fastapi import FastAPI`` must find the instrumented class, so the callback runs between the
end of the module's own code and the return of its import, in the importing thread. This is what
``wrapt.register_post_import_hook`` does. It is not used, because importing wrapt takes 50 ms (it
imports asyncio) where all of our start may take less; because it calls back in the middle of other
imports (below); because before 1.15 it does so with a lock held that every import needs (two
importing threads can block each other for ever); and because it cannot be undone.
Instrumentations import wrapt themselves when their turn comes.

Libraries import each other: wrapt asyncio, FastAPI Starlette, a hand-written import of an
instrumentation its library. A callback in the middle of that would find half of wrapt, or replace
the class that FastAPI is about to inherit from. So callbacks wait until the outermost import that
matters, or the callback that is running, is done. That is still before its importer goes on.

No lock here: two threads may import, register and undo at the same time, and a fork may happen.
"""

from __future__ import annotations

import contextlib
import importlib
import sys
import threading
from collections import deque
from typing import TYPE_CHECKING, Any

from pepperpy_otel.errors import guarded

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from importlib.machinery import ModuleSpec
    from types import ModuleType

#: Callbacks by module; each is called once. The names stay, which is how many libraries there are.
_waiting: dict[str, deque[Callable[[], None]]] = {}

#: What instrumentations are made of: not to be disturbed while it is being imported.
_FOUNDATIONS = "opentelemetry."
_foundations = {"wrapt"}


class _Thread(threading.local):
    """What one thread is at.

    Attributes:
        depth: How many imports that matter, and callbacks, it is inside of.
        postponed: What is to be called when it is out of them.
        searching: Names that it is asking the other finders for.
    """

    def __init__(self) -> None:
        self.depth = 0
        self.postponed: deque[tuple[str, Callable[[], None]]] = deque()
        self.searching: set[str] = set()


_thread = _Thread()


def when_imported(name: str, callback: Callable[[], None]) -> None:
    """Call back once, when the module has been imported; now, if it has been.

    Args:
        name: The module's full name.
        callback: Called in the thread that imports the module. What it raises is reported and
            does not reach the importer.
    """
    _waiting.setdefault(name, deque()).append(callback)
    _install()
    module = sys.modules.get(name)
    if module is not None and _is_ready(module, name):
        with undisturbed:
            _postpone(name)


def forget(name: str, callback: Callable[[], None]) -> None:
    """Take back a callback, if it is still waiting; behind the last one the hook goes too."""
    with contextlib.suppress(ValueError):
        _waiting.get(name, deque()).remove(callback)
    if _finder in sys.meta_path and not any(_waiting.values()):
        # Another list, not this one without it: a thread that is going through the finders right
        # now would miss the one that moves up into the gap.
        sys.meta_path = [finder for finder in sys.meta_path if finder is not _finder]
        if any(_waiting.values()):  # registered in this very moment
            _install()


def protect(name: str) -> None:
    """Let no callback run while this module is being imported, since one may need all of it."""
    _foundations.add(name)


class _Undisturbed:
    """A block in which no callback of this thread runs; those that come up run behind it."""

    def __enter__(self) -> None:
        _thread.depth += 1

    def __exit__(self, *_: object) -> None:
        try:
            while _thread.depth == 1 and _thread.postponed:
                name, callback = _thread.postponed.popleft()
                with guarded(f"what follows the import of {name}"):
                    callback()
        finally:
            _thread.depth -= 1


undisturbed = _Undisturbed()


def _postpone(name: str) -> None:
    """Have everything that waits for the module called as soon as this thread is out of it all."""
    callbacks = _waiting.get(name, deque())
    with contextlib.suppress(IndexError):  # none is left, or another thread was faster
        while True:
            _thread.postponed.append((name, callbacks.popleft()))


def _matters(name: str) -> bool:
    return bool(_waiting.get(name)) or name in _foundations or name.startswith(_FOUNDATIONS)


def _install() -> None:
    if _finder not in sys.meta_path:
        sys.meta_path.insert(0, _finder)


def _is_ready(module: ModuleType, name: str) -> bool:
    """Whether the module's code has run; waits for another thread that is just running it."""
    spec = getattr(module, "__spec__", None)
    if getattr(spec, "_initializing", False):
        try:
            importlib.import_module(name)
        except Exception:  # the other thread is told; the next import gets another chance
            return False
    return True


class _Finder:
    """First on ``sys.meta_path``; finds nothing itself, and has a word to say on what is found."""

    def find_spec(
        self, fullname: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """What the other finders find, if it matters, to be loaded with our words behind it."""
        if fullname in _thread.searching or not _matters(fullname):
            return None
        _thread.searching.add(fullname)  # another finder may ask all of them again
        try:
            spec = self._ask_the_others(fullname, path, target)
            if spec is not None and hasattr(spec.loader, "exec_module"):
                spec.loader = _Loader(spec.loader, fullname)  # type: ignore[assignment]
        except Exception:  # the others are asked again behind us, and tell the importer themselves
            return None
        finally:
            _thread.searching.discard(fullname)
        return spec

    def _ask_the_others(self, *asked: Any) -> ModuleSpec | None:
        for finder in sys.meta_path:
            if finder is not self and hasattr(finder, "find_spec"):
                spec = finder.find_spec(*asked)
                if spec is not None:
                    return spec
        return None


class _Loader:
    """Loads as the true loader does, which it gives its place back to, and then calls back."""

    def __init__(self, loader: Any, name: str) -> None:
        self._loader = loader
        self._name = name

    @property  # type: ignore[misc]
    def __class__(self) -> Any:  # whoever asks for the spec only sees the true loader
        return type(self._loader)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._loader, name)

    def create_module(self, spec: ModuleSpec) -> Any:
        """The true loader's, where it has one."""
        create = getattr(self._loader, "create_module", None)
        return None if create is None else create(spec)

    def exec_module(self, module: ModuleType) -> None:
        """Run the module's code, then what waits for it."""
        # The module's own code may look at its loader, to find its files.
        if getattr(module.__spec__, "loader", None) is self:
            module.__spec__.loader = self._loader  # type: ignore[union-attr]
        if getattr(module, "__loader__", None) is self:
            module.__loader__ = self._loader
        with undisturbed:
            self._loader.exec_module(module)
            _postpone(self._name)


_finder: Any = _Finder()
