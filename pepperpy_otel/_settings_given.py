"""What a parser is handed: one value somebody gave, and how to say that it is bad.

Loaded only when something was given at all.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from pepperpy_otel._settings_table import TABLE
from pepperpy_otel._settings_values import MASK
from pepperpy_otel.environment import PREFIX
from pepperpy_otel.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from pepperpy_otel._settings_row import Row
    from pepperpy_otel._settings_values import Source
    from pepperpy_otel.errors import Problems

#: Names listed in one message at most: a page of installed instrumentations helps nobody.
MAX_LISTED = 12
_SELF = object()


class Rejected(Exception):
    """The value was reported as bad; what comes next in the order of precedence counts."""


class Given:
    """One value from one source.

    Args:
        name: The name of the row.
        raw: The value as it was given.
        source: Where it was given.
        problems: Where complaints go.
    """

    __slots__ = ("name", "problems", "raw", "source")

    def __init__(self, name: str, raw: object, source: Source, problems: Problems) -> None:
        self.name = name
        self.raw = raw
        self.source = source
        self.problems = problems

    @property
    def from_environment(self) -> bool:
        """Whether it is text because environment variables can be nothing else."""
        return self.source.kind == "environment"

    def complain(
        self, problem: str, fix: str, *, value: object = _SELF, setting: str | None = None
    ) -> None:
        """Note a problem and go on with the rest of the value.

        Args:
            problem: A phrase that follows the value.
            fix: What to write instead.
            value: What to show for the value: the value itself unless it may be a secret.
            setting: The name to show, where it is not the whole setting that is bad.
        """
        shown = self.raw if value is _SELF else value
        self.problems.add(
            ConfigurationError(setting or self.source.name, shown, self.source.kind, problem, fix)
        )

    def remark(self, observation: str, advice: str) -> None:
        """Have one line said about a value that is good but may mean something else.

        It is no problem, so a strict configuration goes on.
        """
        line = ConfigurationError(self.source.name, self.raw, self.source.kind, observation, advice)
        if str(line) not in map(str, self.problems.errors):
            self.problems.errors.append(line)

    def reject(self, problem: str, fix: str, *, value: object = _SELF) -> Rejected:
        """Note a problem and make what the parser raises: nothing of the value can be used."""
        self.complain(problem, fix, value=value)
        return Rejected()


def parse(row: Row, given: Given) -> Any:
    """Run the parser that the row names.

    Raises:
        Rejected: The value cannot be used.
        ConfigurationError: The same, when strict.
    """
    module, function = row.parser.split(".")
    parser = getattr(importlib.import_module(f"pepperpy_otel._settings_{module}"), function)
    return parser(given, **row.options)


def can(value: object, methods: Iterable[str]) -> bool:
    """Whether an object has the methods, whatever it does when it is asked."""
    try:
        return all(callable(getattr(value, method, None)) for method in methods)
    except Exception:
        return False


def one_line(error: BaseException) -> str:
    """What an exception says, in one bounded line."""
    try:
        text = " ".join(str(error).split())
    except Exception:
        text = ""
    return text[:200] or type(error).__name__


def quoted(name: str) -> str:
    """A name in quotes, bounded: somebody may have pasted a file into a variable."""
    return repr(name) if len(name) <= 60 else f"{name[:57]!r}…"


def nearest(word: str, names: Iterable[str], cutoff: float = 0.6) -> str | None:
    """The name that was probably meant."""
    from difflib import get_close_matches

    by_lower = {name.lower(): name for name in names}
    matches = get_close_matches(word.lower(), by_lower, n=1, cutoff=cutoff)
    return by_lower[matches[0]] if matches else None


def one_of(names: Sequence[str], word: str = "") -> str:
    """``'a', 'b' or 'c'``, what was probably meant first."""
    meant = nearest(word, names)
    ordered = sorted(names, key=lambda name: name != meant)
    quoted = [repr(name) for name in ordered[:MAX_LISTED]]
    if len(ordered) > MAX_LISTED:
        return ", ".join(quoted) + " …"
    return " or ".join([", ".join(quoted[:-1]), quoted[-1]] if len(quoted) > 1 else quoted)


def check_variables(unknown: Iterable[str], problems: Problems) -> None:
    """Note each variable with our prefix that was meant for a setting.

    Only those: tools around us may have variables with the prefix too.
    """
    for name in unknown:
        meant = _meant(name.removeprefix(PREFIX).lower())
        if meant is not None:
            fix = f"use {TABLE[meant].variable}"
            problems.add(ConfigurationError(name, MASK, "environment", "is not a setting", fix))


def _meant(guess: str) -> str | None:
    if guess in TABLE:  # an argument whose variable is the specification's
        return guess
    longer = [name for name in TABLE if name.startswith(guess)] if len(guess) >= 5 else []
    return longer[0] if longer else nearest(guess, TABLE, cutoff=0.8)
