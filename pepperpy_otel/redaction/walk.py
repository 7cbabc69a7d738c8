"""One walk through a value and all that is in it: maps, lists, bytes, numbers, anybody's objects.

What is changed is a copy; a branch in which nothing is found is the very object that was given.
Bounded in depth and number: a list that holds itself has no end.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence, Set
from itertools import islice
from typing import TYPE_CHECKING, Any

from pepperpy_otel.delivery.otlp.values import text_of
from pepperpy_otel.redaction.cards import HIGHEST, LOWEST, is_card
from pepperpy_otel.redaction.keys import Verdict
from pepperpy_otel.redaction.marks import BY_DEPTH, mark

if TYPE_CHECKING:
    from pepperpy_otel.redaction.redactor import Redactor

#: Containers inside of one another, and values in all of them, that are looked through.
MAX_DEPTH = 32
MAX_VALUES = 100_000
#: A command line's option whose value is the next member.
_OPTION = re.compile(r"--?[A-Za-z][\w-]*")


class Walk:
    """Looks through one value.

    Args:
        redactor: Looks at texts and keys, and counts.
    """

    def __init__(self, redactor: Redactor) -> None:
        self._redactor = redactor
        self._left = MAX_VALUES

    def mapping(self, mapping: Mapping[Any, Any], depth: int) -> Mapping[Any, Any]:
        """A mapping, its keys included."""
        found: dict[Any, Any] = {}
        # A plain one is copied in one step: another thread may be at it.
        items = list(mapping.copy().items() if type(mapping) is dict else mapping.items())
        same = True
        for key, value in items:
            name = key if type(key) is str else text_of(key)
            shown, kept = self.member(name, value, depth)
            same = same and kept is value and shown == name
            into = key if shown == name else shown
            while into in found:
                into = f"{into}_"
            found[into] = kept
        return mapping if same else found

    def member(self, key: str, value: Any, depth: int) -> tuple[str, Any]:
        """One member of a mapping: its key and its value as they may be shown."""
        verdict, shown = self._redactor.key(key)
        if verdict is Verdict.ALLOWED or (verdict is Verdict.SECRET and _says_nothing(value)):
            return shown, value
        if verdict is Verdict.SECRET:
            self._redactor.count("key")
            return shown, mark("key")
        return shown, self._any(key, value, depth)

    def _any(self, key: str, value: Any, depth: int, *, listed: bool = False) -> Any:
        self._left -= 1
        if depth > MAX_DEPTH or self._left < 0:
            return self._redactor.withheld(BY_DEPTH)
        if isinstance(value, Mapping):
            return self.mapping(value, depth + 1)
        if isinstance(value, (str, bytes, bytearray, memoryview)) or not isinstance(
            value, (Sequence, Set)
        ):
            return self._leaf(key, value)
        return self._members(key, value, depth + 1, listed=listed)

    def _members(self, key: str, values: Any, depth: int, *, listed: bool) -> Any:
        given = list(islice(values, MAX_VALUES + 1))
        if len(given) > MAX_VALUES:
            return self._redactor.withheld(BY_DEPTH)
        # Headers as servers have them: pairs of name and value in a list.
        named = listed and len(given) == 2
        fields = getattr(values, "_fields", ()) if isinstance(values, tuple) else ()
        kept: list[Any] = []
        for place, value in enumerate(given):
            if place and self._names_secret(given[place - 1], option=not named):
                self._redactor.count("key")
                kept.append(mark("key"))
            elif len(fields) == len(given):  # a named tuple; what is encoded has no names
                kept.append(self.member(text_of(fields[place]), value, depth)[1])
            else:
                kept.append(self._any(key, value, depth, listed=True))
        if all(one is other for one, other in zip(given, kept, strict=True)):
            return values
        return tuple(kept) if isinstance(values, tuple) else kept

    def _names_secret(self, before: Any, *, option: bool) -> bool:
        if isinstance(before, bytes):
            before = before[:256].decode("latin-1")
        if not isinstance(before, str) or len(before) > 256:
            return False
        if option and not _OPTION.fullmatch(before):
            return False
        return self._redactor.key(before.lstrip("-"))[0] is Verdict.SECRET

    def _leaf(self, key: str, value: Any) -> Any:
        if value is None:
            return None
        called = self._redactor.called(key, value)
        kind = type(called)
        if kind is str:
            return self._text(called)
        if kind is bool or kind is float:
            return called
        if isinstance(called, int):
            return self._number(called)
        if isinstance(called, (bytes, bytearray, memoryview)):
            text = bytes(called).decode("latin-1")
            found = self._redactor.look(text)
            return called if found == text else found.encode("latin-1")
        if isinstance(called, (Mapping, Sequence, Set)) and not isinstance(called, str):
            raise TypeError("the user's function made a container of a value")
        return self._text(text_of(called))

    def _text(self, text: str) -> str:
        return self._redactor.look(text)

    def _number(self, number: int) -> Any:
        if self._redactor.cards and LOWEST <= number < HIGHEST and is_card(str(int(number))):
            self._redactor.count("card")
            return mark("card")
        return number


def _says_nothing(value: Any) -> bool:
    """Whether a value is no secret under any name: that there is none, or that there is one."""
    return value is None or isinstance(value, bool)
