"""Puts the telemetry handler on the root logger, and all that belongs to it.

Four changes to the process at most, each recorded with its undoing: ``root.handlers`` shows our
handler and a hook feeds it (``root.py``); with ``log_level`` the root logger's level is ours
(``level.py``); and our own loggers cannot be disabled by the app's ``dictConfig()``.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

from pepperpy_otel.delivery.guard import in_delivery
from pepperpy_otel.errors import LOGGER_NAME
from pepperpy_otel.logging.level import RootLevel
from pepperpy_otel.logging.root import RootHandler, RootHook

if TYPE_CHECKING:
    from collections.abc import Callable

    from opentelemetry._logs import LoggerProvider

    Record = Callable[[str, Callable[[], None]], None]


def install(
    logger_provider: LoggerProvider,
    *,
    log_level: int | None,
    console_logs: str,
    service_name: str | None,
    record: Record,
) -> None:
    """Send the records of the standard library to ``logger_provider``.

    Args:
        logger_provider: Ours or a foreign one.
        log_level: Records from this level on reach the telemetry, whatever the root logger's
            level; every handler of the app shows what it showed before. ``None`` leaves levels
            alone.
        console_logs: ``json`` or ``text`` for one line a record on stderr, in place of Python's
            last-resort handler; else ``none``.
        service_name: For the JSON lines; ``None`` takes what the resource says.
        record: Takes what was changed and its undoing.
    """
    keep_own_loggers_enabled(record)
    telemetry = RootHandler(logger_provider, level=log_level or logging.NOTSET, skip=in_delivery)
    console = _console(console_logs, service_name)
    level = None if log_level is None else RootLevel(logging.getLogger(), log_level)
    RootHook(telemetry, console, level).install(record)
    if level is not None:
        level.install(record)


def keep_own_loggers_enabled(record: Record) -> None:
    """Let no ``disable_existing_loggers`` (the default of ``dictConfig()``) silence our warnings.

    The attribute is set from inside of ``logging.config``, under any name by which the app calls
    it; so the loggers become of a class that does not take it.
    """
    known = list(logging.Logger.manager.loggerDict)
    below = [name for name in known if name.startswith(f"{LOGGER_NAME}.")]
    for name in (LOGGER_NAME, *below):
        _keep_enabled(logging.getLogger(name), record)


def _keep_enabled(logger: Any, record: Record) -> None:
    before = type(logger)
    kept = type("KeptLogger", (before,), {"disabled": property(_false, _ignore), "__slots__": ()})
    logger.__class__ = kept

    def undo() -> None:
        if type(logger) is kept:
            logger.__class__ = before

    record(f"logger {logger.name}", undo)


def _false(logger: logging.Logger) -> bool:
    return False


def _ignore(logger: logging.Logger, disabled: bool) -> None:
    """Stay enabled."""


def _console(console_logs: str, service_name: str | None) -> logging.Handler | None:
    if console_logs not in ("json", "text"):
        return None
    from pepperpy_otel.logging.console import ConsoleHandler
    from pepperpy_otel.logging.formatter import JsonFormatter, TextFormatter

    if console_logs == "text":
        return ConsoleHandler(TextFormatter())
    return ConsoleHandler(JsonFormatter(service_name=service_name))
