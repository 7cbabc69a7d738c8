"""Errors, the lines that we print about them, and the guard that keeps them out of the app.

Everything of ours that a person reads goes through the logger ``pepperpy_otel``: one line each, on
stderr whatever the app did to its own logging, and never into the telemetry pipeline.
"""

from __future__ import annotations

import contextlib
import functools
import logging
import sys
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from typing_extensions import ParamSpec

    P = ParamSpec("P")

T = TypeVar("T")

#: Name of the logger for everything that we say; the telemetry handler never takes its records.
LOGGER_NAME = "pepperpy_otel"

logger = logging.getLogger(LOGGER_NAME)


class ConfigurationError(ValueError):
    """A setting that cannot be used.

    Args:
        setting: The exact name as the user wrote it: an environment variable, an argument, or a
            pyproject key (``tool.pepperpy_otel.protocol``).
        value: The offending value as text, already masked where it may be a secret.
        source: Where it came from: ``argument``, ``environment``, ``pyproject.toml``.
        problem: What is wrong, as a phrase that follows the value (``is not a protocol``).
        fix: What to write instead, as a phrase.
    """

    def __init__(self, setting: str, value: object, source: str, problem: str, fix: str) -> None:
        self.setting = setting
        self.value = value
        self.source = source
        self.problem = problem
        self.fix = fix
        super().__init__(f"{setting}={_shown(value)} ({source}) {problem}; {fix}")


def _shown(value: object) -> str:
    """The value in one bounded line: a pasted certificate must not become a page of warnings."""
    try:
        text = repr(value)
    except Exception:
        text = f"<unprintable {type(value).__name__}>"
    return text if len(text) <= 120 else f"{text[:117]}..."


class Problems:
    """Collects what is wrong with the settings: raises at once when strict, else remembers.

    Nothing is printed before ``report()``, so that a configuration that is given up half-way
    (strict) has disturbed nothing.
    """

    def __init__(self, *, strict: bool = False) -> None:
        self.strict = strict
        self.errors: list[ConfigurationError] = []
        self._reported = 0

    def add(self, error: ConfigurationError) -> None:
        """Take note of one bad setting; the caller goes on with the default.

        Raises:
            ConfigurationError: The very same, when strict.
        """
        if self.strict:
            raise error
        if str(error) not in map(str, self.errors):
            self.errors.append(error)

    def report(self) -> None:
        """Print one warning line for each problem that was not printed yet."""
        for error in self.errors[self._reported :]:
            warn("%s", error)
        self._reported = len(self.errors)


class _StderrHandler(logging.Handler):
    """Shows our own lines on stderr unless another handler shows them there already.

    The app may have no logging set up at all, or send everything to a file; a warning about a
    setting that nobody sees is no warning. Decided for each record, since apps call
    ``basicConfig()`` after us as often as before.
    """

    def emit(self, record: logging.LogRecord) -> None:
        if _shown_elsewhere(record, self):
            return
        with contextlib.suppress(Exception):  # a closed stderr is not the app's problem
            sys.stderr.write(f"{LOGGER_NAME}: {record.getMessage()}\n")


def _shown_elsewhere(record: logging.LogRecord, ours: logging.Handler) -> bool:
    current: logging.Logger | None = logging.getLogger(record.name)
    while current is not None:
        for handler in current.handlers:
            stream = getattr(handler, "stream", None)
            if (
                handler is not ours
                and stream is not None
                and stream in (sys.stderr, sys.__stderr__)
                and record.levelno >= handler.level
            ):
                return True
        current = current.parent if current.propagate else None
    return False


_stderr_handler = _StderrHandler()


def install_stderr_handler() -> Callable[[], None]:
    """Make our lines visible; returns what undoes it. Called by configure() and the console."""
    level = logger.level
    if _stderr_handler not in logger.handlers:
        logger.addHandler(_stderr_handler)
    if level == logging.NOTSET:
        # An app whose root stands at ERROR still has to hear that a setting is wrong.
        logger.setLevel(logging.WARNING)

    def undo() -> None:
        logger.removeHandler(_stderr_handler)
        logger.setLevel(level)

    return undo


def warn(message: str, *args: object) -> None:
    """Say one line on stderr, also before configure() has installed anything."""
    with contextlib.suppress(Exception):
        if logger.handlers:
            logger.warning(message, *args)
            return
        undo = install_stderr_handler()
        try:
            logger.warning(message, *args)
        finally:
            undo()


#: No lock around it: one held by another thread at a fork would hang the child for ever.
_seen: set[tuple[str, str]] = set()


def report_internal(where: str, error: BaseException) -> None:
    """Say once for each place and type of error that something of ours failed inside."""
    key = (where, type(error).__name__)
    if key in _seen:
        return
    _seen.add(key)
    warn("internal error in %s (reported once): %s: %s", where, type(error).__name__, _text(error))


def _text(error: BaseException) -> str:
    """What the error says, whatever its ``__str__`` does; logging would print a traceback."""
    try:
        return str(error)
    except Exception:
        return "<no text>"


@contextlib.contextmanager
def guarded(where: str) -> Iterator[None]:
    """Keep an error of ours out of the app: reported once, then swallowed."""
    try:
        yield
    except Exception as error:
        report_internal(where, error)


def never_raises(where: str, default: T) -> Callable[[Callable[P, T]], Callable[P, T]]:
    """Decorate a function of ours that the app calls: an error of ours becomes ``default``."""

    def decorate(function: Callable[P, T]) -> Callable[P, T]:
        @functools.wraps(function)
        def call(*args: P.args, **kwargs: P.kwargs) -> T:
            try:
                return function(*args, **kwargs)
            except Exception as error:
                report_internal(where, error)
                return default

        return call

    return decorate
