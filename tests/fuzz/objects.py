"""Objects that no sane app passes to telemetry: each has been seen to hurt something upstream."""

from __future__ import annotations

import collections
import collections.abc
import dataclasses
import enum
import sys
from typing import Any


class Raising:
    """Raises whatever is asked of it."""

    def _raise(self, *_: Any, **__: Any) -> Any:
        raise RuntimeError("hostile")

    __str__ = __repr__ = __format__ = __bytes__ = __len__ = __iter__ = __next__ = _raise
    __bool__ = __int__ = __float__ = __index__ = __call__ = __getitem__ = __contains__ = _raise
    __lt__ = __le__ = __gt__ = __ge__ = __add__ = __radd__ = __enter__ = __exit__ = _raise
    __eq__ = __ne__ = __hash__ = __sizeof__ = __reduce_ex__ = __copy__ = __deepcopy__ = _raise

    def __getattr__(self, name: str) -> Any:
        raise RuntimeError("hostile attribute")


class RaisingText:
    """Looks harmless until it is printed."""

    def __str__(self) -> str:
        raise ValueError("no text")

    __repr__ = __str__


class Recursing(RaisingText):
    """Its text is endless."""

    def __str__(self) -> str:
        return f"{self}"

    __repr__ = __str__


class NoText(RaisingText):
    """Its text is no text."""

    def __str__(self) -> str:
        return 5  # type: ignore[return-value]

    __repr__ = __str__


class Liar:
    """Says that it is of another type."""

    def __init__(self, kind: type) -> None:
        self._kind = kind

    @property  # type: ignore[misc]
    def __class__(self) -> type:
        return self._kind


class ClassRaises:
    """Cannot even be asked what it is."""

    @property  # type: ignore[misc]
    def __class__(self) -> type:
        raise RuntimeError("no class")


class Lazy:
    """As of Django and friends: becomes something when looked at, or does not."""

    def __getattr__(self, name: str) -> Any:
        raise LookupError(f"database is gone ({name})")

    def __str__(self) -> str:
        raise LookupError("database is gone")


class HostileText(str):
    """A string whose methods raise."""

    def _raise(self, *_: Any, **__: Any) -> Any:
        raise RuntimeError("hostile string")

    __str__ = __repr__ = __len__ = __iter__ = __eq__ = __getitem__ = __format__ = _raise
    encode = isascii = strip = lower = startswith = translate = split = _raise
    __hash__ = str.__hash__


class HostileInt(int):
    """A number whose methods raise."""

    def _raise(self, *_: Any, **__: Any) -> Any:
        raise RuntimeError("hostile number")

    __str__ = __repr__ = __int__ = __float__ = __index__ = __lt__ = __le__ = __gt__ = _raise
    __ge__ = __eq__ = __add__ = __radd__ = __neg__ = __bool__ = bit_length = _raise
    __hash__ = int.__hash__


class HostileFloat(float):
    """The same in floating point."""

    __str__ = __repr__ = __int__ = __float__ = __lt__ = __le__ = __gt__ = HostileInt._raise
    __ge__ = __eq__ = __add__ = __radd__ = __bool__ = HostileInt._raise  # type: ignore[assignment]
    __hash__ = float.__hash__


class HostileBytes(bytes):
    """And in bytes."""

    __str__ = __repr__ = __len__ = __iter__ = __getitem__ = HostileInt._raise  # type: ignore[assignment]
    decode = HostileInt._raise  # type: ignore[assignment]


class HostileMapping(collections.abc.Mapping):  # type: ignore[type-arg]
    """A mapping that raises when it is read."""

    def __getitem__(self, key: Any) -> Any:
        raise RuntimeError("no item")

    def __iter__(self) -> Any:
        yield "a"
        raise RuntimeError("no more keys")

    def __len__(self) -> int:
        return -1


class OddItems(collections.abc.Mapping):  # type: ignore[type-arg]
    """A mapping whose items are no pairs."""

    def __getitem__(self, key: Any) -> Any:
        return 1

    def __iter__(self) -> Any:
        return iter(())

    def __len__(self) -> int:
        return 3

    def items(self) -> Any:
        return [1, (1, 2, 3), None]


class HostileSequence(collections.abc.Sequence):  # type: ignore[type-arg]
    """A sequence that says anything of its length, and never ends."""

    def __getitem__(self, index: Any) -> Any:
        if index == 7:
            raise RuntimeError("no item")
        return index

    def __len__(self) -> int:
        return sys.maxsize


class Endless(collections.abc.Sequence):  # type: ignore[type-arg]
    """A sequence that never ends, indeed."""

    def __getitem__(self, index: Any) -> Any:
        return "x"

    def __len__(self) -> int:
        return 1


class Meta(type):
    """A metaclass whose classes raise."""

    def __repr__(cls) -> str:
        raise RuntimeError("no class text")

    def __getattribute__(cls, name: str) -> Any:
        if name in ("__name__", "__qualname__", "__module__"):
            raise RuntimeError("no name")
        return super().__getattribute__(name)


class OfMeta(metaclass=Meta):
    """An instance of such a class."""


class Color(enum.Enum):
    RED = "red"


class Number(enum.IntEnum):
    ONE = 1


@dataclasses.dataclass
class Data:
    field: Any = None


class Broken(Exception):
    """Its arguments were lost, and it cannot say what happened."""

    def __init__(self, *args: Any) -> None:
        self.args = (Raising(),)

    def __str__(self) -> str:
        raise RuntimeError("no message")


class BrokenCause(Exception):
    """Its cause and context lead in a circle."""

    def __init__(self) -> None:
        super().__init__("circle")
        other = Broken()
        self.__cause__ = other
        other.__context__ = self
