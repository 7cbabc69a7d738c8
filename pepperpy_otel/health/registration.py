"""What is registered, and what is refused: a check that cannot work is an error at once."""

from __future__ import annotations

import inspect
import math
import re
from dataclasses import dataclass
from numbers import Real
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    Check = Callable[[], Any]

LIVE, READY, STARTUP = "live", "ready", "startup"
GROUPS = frozenset({LIVE, READY, STARTUP})
#: Seconds.
INTERVAL = 10.0
LONGEST_TIMEOUT = 2.0
#: Failures in a row that make a healthy component unhealthy, and successes that make it well again.
FAIL_AFTER = 3
RECOVER_AFTER = 2
#: How often the interval passes without a result until the verdict means nothing any more.
EXPIRY_INTERVALS = 3
_NAME = re.compile(r"[A-Za-z0-9._-]+")


@dataclass(frozen=True, slots=True)
class Registration:
    """One component and its check; seconds throughout."""

    name: str
    check: Check
    critical: bool = True
    groups: frozenset[str] = frozenset({READY})
    interval: float = INTERVAL
    timeout: float = LONGEST_TIMEOUT
    fail_after: int = FAIL_AFTER
    recover_after: int = RECOVER_AFTER
    isolated: bool = False

    @property
    def expiry(self) -> float:
        """Seconds after which a verdict means nothing any more."""
        return EXPIRY_INTERVALS * self.interval + self.timeout


def registration(
    name: str,
    check: Check,
    *,
    critical: bool,
    groups: Iterable[str],
    interval: float,
    timeout: float | None,
    fail_after: int,
    recover_after: int,
    local: bool | None,
    isolation: str | None,
) -> Registration:
    """Check what was given; see ``HealthChecker.register``.

    Raises:
        ValueError: Names the component and what is wrong with it.
        TypeError: The check cannot be called.
    """
    check_name(name)
    if not callable(check):
        raise TypeError(f"health check {name!r}: {type(check).__name__} cannot be called")
    named = _named(name, groups)
    _check_groups(name, named, getattr(check, "local", False) if local is None else local)
    _check_seconds(name, "interval", interval)
    limit = min(LONGEST_TIMEOUT, interval / 2) if timeout is None else timeout
    _check_seconds(name, "timeout", limit)
    if limit >= interval:
        raise ValueError(
            f"health check {name!r}: timeout {limit:g} s is not below the interval {interval:g} s"
        )
    for times in (fail_after, recover_after):
        if not (isinstance(times, int) and times >= 1):
            raise ValueError(
                f"health check {name!r}: fail_after and recover_after are whole numbers from 1 on, "
                f"not {times!r}"
            )
    _check_isolation(name, check, isolation)
    return Registration(
        name, check, critical, named, interval, limit, fail_after, recover_after, bool(isolation)
    )


def check_name(name: str) -> None:
    """Refuse what is no name: names are path segments, attribute values and labels.

    Raises:
        ValueError: Names it.
    """
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        raise ValueError(f"health check name {name!r} may hold letters, digits, '-', '_' and '.'")


def _named(name: str, groups: Iterable[str]) -> frozenset[str]:
    try:
        return frozenset((groups,) if isinstance(groups, str) else groups)
    except TypeError:
        raise TypeError(
            f"health check {name!r}: groups={groups!r} are no names; use any of {sorted(GROUPS)}"
        ) from None


def _check_seconds(name: str, what: str, value: Any) -> None:
    number = isinstance(value, Real) and not isinstance(value, bool)
    if not (number and math.isfinite(value) and value > 0):
        raise ValueError(f"health check {name!r}: {what}={value!r} is no time in seconds above 0")


def _check_groups(name: str, groups: frozenset[str], local: bool) -> None:
    if not groups:
        raise ValueError(f"health check {name!r} is in no group; use {sorted(GROUPS)}")
    for group in groups:
        if group not in GROUPS:
            raise ValueError(
                f"health check {name!r}: unknown group {group!r}; use {sorted(GROUPS)}"
            )
    if LIVE in groups and not local:
        # A database that is down would have every process killed that depends on it.
        raise ValueError(
            f"health check {name!r}: the group 'live' takes local checks only, no dependency; "
            "pass local=True if it asks nothing outside of this process"
        )


def _check_isolation(name: str, check: Check, isolation: str | None) -> None:
    if isolation is None:
        return
    if isolation != "process":
        raise ValueError(f"health check {name!r}: isolation={isolation!r}; use 'process' or None")
    import pickle

    try:
        pickle.dumps(check)
    except Exception as error:
        raise ValueError(
            f"health check {name!r}: isolation='process' needs a check that another process can "
            f"import by its name ({error})"
        ) from error


def is_async(check: Any) -> bool:
    """Whether calling it takes no time and what it gives is to be awaited."""
    return inspect.iscoroutinefunction(check) or inspect.iscoroutinefunction(
        getattr(type(check), "__call__", None)  # noqa: B004
    )


def unknown(what: str, name: str, known: Iterable[str]) -> KeyError:
    """The error for a name that nobody knows, with the near ones."""
    import difflib

    near = difflib.get_close_matches(str(name), list(known))
    hint = f"; did you mean {', '.join(map(repr, near))}?" if near else ""
    return KeyError(f"no health {what} {name!r}{hint}")
