"""Values that no sane app passes to telemetry, and that some app does one day.

``pick(random)`` gives one: plain, odd, or hostile. Nothing here is a secret weapon; each kind has
been seen to raise, hang or eat memory somewhere upstream.
"""

from __future__ import annotations

import array
import collections
import datetime
import decimal
import fractions
import itertools
import pathlib
import sys
import types
import uuid
import weakref
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable
    from random import Random

from tests.fuzz.objects import (
    Broken,
    BrokenCause,
    ClassRaises,
    Color,
    Data,
    Endless,
    HostileBytes,
    HostileFloat,
    HostileInt,
    HostileMapping,
    HostileSequence,
    HostileText,
    Lazy,
    Liar,
    NoText,
    Number,
    OddItems,
    OfMeta,
    Raising,
    RaisingText,
    Recursing,
)


def _recursive_list() -> Any:
    made: list[Any] = [1]
    made.append(made)
    return made


def _recursive_dict() -> Any:
    made: dict[str, Any] = {"a": 1}
    made["self"] = [made]
    return made


def _deep(levels: int, wrap: Callable[[Any], Any]) -> Any:
    value: Any = "bottom"
    for _ in range(levels):
        value = wrap(value)
    return value


def _shared() -> Any:
    """Small in memory, large when it is written out; larger ones hang ``str()`` itself."""
    value: Any = ["lol"] * 10
    for _ in range(5):
        value = [value] * 10
    return value


def _dead_proxy() -> Any:
    return weakref.proxy(Data())


def _raised(error: BaseException) -> BaseException:
    try:
        raise error
    except BaseException as caught:
        return caught


def _generator() -> Any:
    yield 1
    raise RuntimeError("in the middle")


_NAMESPACE = types.SimpleNamespace(a=1)
_PLAIN: tuple[Any, ...] = (
    None, True, False, 0, 1, -1, 42, 1.5, -0.0, "", "a", "http.method", "größe", "x" * 300,
    b"", b"raw", (), ("a", "b"), (1, 2), (1.5, None), ["a", 1], {"a": 1}, {"a": {"b": [1, 2]}},
)  # fmt: skip
_ODD: tuple[Callable[[], Any], ...] = (
    lambda: 2**63,
    lambda: -(2**63) - 1,
    lambda: _BIG,
    lambda: float("nan"),
    lambda: float("inf"),
    lambda: float("-inf"),
    lambda: 1e308,
    lambda: "\ud800 lone",
    lambda: "\x00\x1f\x7f\u2028",
    lambda: "\U0001f600" * 10,
    lambda: "y" * 20_000,
    lambda: "%s %d {} {0[x]} %",
    lambda: b"\xff\xfe",
    lambda: bytearray(b"mutable"),
    lambda: memoryview(b"view"),
    lambda: 1 + 2j,
    lambda: decimal.Decimal("NaN"),
    lambda: decimal.Decimal("sNaN"),
    lambda: decimal.Decimal("1.10"),
    lambda: fractions.Fraction(1, 3),
    lambda: datetime.datetime(2026, 1, 1),
    lambda: datetime.timedelta(1),
    lambda: uuid.UUID(int=5),
    lambda: pathlib.PurePosixPath("/a"),
    lambda: Color.RED,
    lambda: Number.ONE,
    lambda: Data(Data()),
    lambda: _NAMESPACE,
    lambda: range(5),
    lambda: {1, "a"},
    lambda: frozenset(("a",)),
    lambda: collections.deque([1]),
    lambda: collections.defaultdict(int, a=1),
    lambda: collections.ChainMap({"a": 1}),
    lambda: types.MappingProxyType({"a": 1}),
    lambda: collections.namedtuple("Point", "x y")(1, 2),
    lambda: array.array("d", [1.0]),
    lambda: object(),
    lambda: object,
    lambda: type,
    lambda: Data,
    lambda: len,
    lambda: lambda: 1,
    lambda: sys,
    lambda: NotImplemented,
    lambda: ...,
    lambda: {None: 1, 5: 2, (1, 2): 3, "": 4, b"k": 5},
    lambda: [None] * 300,
    lambda: {"a": None, "b": [None, {"c": ()}]},
    lambda: ValueError("plain"),
    lambda: _raised(KeyError("k")),
)
_HOSTILE: tuple[Callable[[], Any], ...] = (
    Raising,
    RaisingText,
    Recursing,
    NoText,
    ClassRaises,
    Lazy,
    OfMeta,
    HostileMapping,
    OddItems,
    HostileSequence,
    Broken,
    BrokenCause,
    lambda: OfMeta,
    lambda: _raised(Broken()),
    lambda: _raised(BrokenCause()),
    lambda: Liar(str),
    lambda: Liar(dict),
    lambda: Liar(int),
    lambda: Liar(tuple),
    lambda: Liar(BaseException),
    lambda: HostileText("text"),
    lambda: HostileInt(5),
    lambda: HostileFloat(5.5),
    lambda: HostileBytes(b"b"),
    lambda: {HostileText("k"): HostileText("v")},
    lambda: {"a": Raising(), "b": "kept"},
    lambda: [Raising(), "kept"],
    lambda: (RaisingText(), HostileInt(7)),
    _recursive_list,
    _recursive_dict,
    _dead_proxy,
    _generator,
    lambda: itertools.count(),
    lambda: iter([1, 2]),
    lambda: _DEEP_LIST,
    lambda: _DEEP_DICT,
    lambda: _DEEP_TUPLE,
)
_BIG = 10**5000
_DEEP_LIST = _deep(60, lambda value: [value])
_DEEP_DICT = _deep(60, lambda value: {"k": value})
_DEEP_TUPLE = _deep(3000, lambda value: (value,))
#: Those that take milliseconds, or megabytes, and are therefore rare.
_HEAVY: tuple[Callable[[], Any], ...] = (
    lambda: _HUGE,
    lambda: (_HUGE, _HUGE),
    lambda: {"a": _HUGE},
    lambda: _HUGE_BYTES,
    Endless,
    _shared,
    lambda: range(10**12),
    lambda: [0] * 200_000,
    lambda: dict.fromkeys(map(str, range(20_000)), 1),
)
_HUGE = "h" * 50_000_000
_HUGE_BYTES = b"h" * 50_000_000


def pick(random: Random) -> Any:
    """One value: every second one plain, every few thousandth huge."""
    chance = random.random()
    if chance < 0.5:
        return random.choice(_PLAIN)
    if chance < 0.75:
        return random.choice(_ODD)()
    if chance < 0.9998:
        return random.choice(_HOSTILE)()
    return random.choice(_HEAVY)()


def pick_attributes(random: Random) -> Any:
    """Mostly a mapping, of anything to anything; sometimes anything."""
    if random.random() < 0.1:
        return pick(random)
    made: dict[Any, Any] = {}
    for _ in range(random.choice((0, 1, 1, 2, 4))):
        name = random.choice(("a", "b", "http.method", "", "\ud800", None))
        if name is None:
            name = pick(random)
        try:
            made[name] = pick(random)
        except Exception:  # not every value can be a key
            continue
    return made
