"""Drivers that answer what the test says: modules laid into ``sys.modules``."""

from __future__ import annotations

import sys
from types import ModuleType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pytest


def module(monkeypatch: pytest.MonkeyPatch, name: str, **members: Any) -> ModuleType:
    """A stub of a module (and of the packages above it), until the end of the test."""
    parent: ModuleType | None = None
    parts = name.split(".")
    for depth in range(1, len(parts) + 1):
        full = ".".join(parts[:depth])
        known = sys.modules.get(full)
        made = known if getattr(known, "IS_STUB", False) else ModuleType(full)
        assert made is not None
        made.IS_STUB = True  # type: ignore[attr-defined]
        made.__path__ = []
        monkeypatch.setitem(sys.modules, full, made)
        if parent is not None:
            setattr(parent, parts[depth - 1], made)
        parent = made
    assert parent is not None
    for key, value in members.items():
        setattr(parent, key, value)
    return parent


def missing(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    """A module that cannot be imported, until the end of the test."""
    monkeypatch.setitem(sys.modules, name, None)


class Calls:
    """An object of a driver's: every method is recorded and does what ``answers`` says.

    Args:
        home: The module that its class says it comes from.
        answers: Method → what it returns, or the exception that it raises.
    """

    def __new__(cls, home: str = "app", **answers: Any) -> Calls:
        kind = type("Client", (cls,), {"__module__": home})
        return object.__new__(kind)

    def __init__(self, home: str = "app", **answers: Any) -> None:
        self.calls: list[tuple[str, tuple[Any, ...], dict[str, Any]]] = []
        for name, answer in answers.items():
            setattr(self, name, self._method(name, answer))

    @property
    def names(self) -> list[str]:
        """The names of the methods called, in order."""
        return [name for name, _, _ in self.calls]

    def _method(self, name: str, answer: Any) -> Any:
        def method(*arguments: Any, **keywords: Any) -> Any:
            self.calls.append((name, arguments, keywords))
            if isinstance(answer, BaseException):
                raise answer
            return answer

        return method


class Slowly:
    """Makes the methods of a ``Calls`` awaitable."""

    def __init__(self, answer: Any = None) -> None:
        self.answer = answer

    def __await__(self) -> Any:
        if isinstance(self.answer, BaseException):
            raise self.answer
        return self.answer
        yield
