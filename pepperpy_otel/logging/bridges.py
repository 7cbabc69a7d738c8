"""structlog and loguru: one line of the app's set-up, and their records are telemetry too.

    structlog.configure(processors=[…, pepperpy_otel.logging.structlog_processor(), JSONRenderer()])
    loguru.logger.add(pepperpy_otel.logging.loguru_sink())

Neither library is imported here: both hand over plain dictionaries. What they print stays as it
was.
"""

from __future__ import annotations

import json
import logging
import sys
from datetime import datetime
from typing import TYPE_CHECKING, Any

from pepperpy_otel.errors import never_raises
from pepperpy_otel.logging.emission import emit
from pepperpy_otel.logging.guard import handling
from pepperpy_otel.logging.values import safe_text

if TYPE_CHECKING:
    from collections.abc import Callable, MutableMapping

    StructlogProcessor = Callable[[Any, str, MutableMapping[str, Any]], MutableMapping[str, Any]]

#: Methods of structlog's loggers that are not called as their level is.
_METHODS = {
    "warn": "warning",
    "err": "error",
    "exception": "error",
    "fatal": "critical",
    "failure": "critical",
    "msg": "info",
    "log": "info",
    "notset": "debug",
}
#: What structlog's own processors add, and the record has a field for.
_NAMES = ("logger", "logger_name")
_DROPPED = ("event", "level", "level_number", "exc_info", "_record", "_from_structlog", *_NAMES)
DEFAULT_NAME = "structlog"


def structlog_processor(name: str = DEFAULT_NAME) -> StructlogProcessor:
    """A processor for ``structlog.configure()``, to stand right before the renderer.

    Hands on what it was given. Where structlog logs through the standard library, the rendered
    line is not taken a second time.

    Args:
        name: Of the logger, for events that do not name theirs.
    """

    def process(
        logger: Any, method: str, event_dict: MutableMapping[str, Any]
    ) -> MutableMapping[str, Any]:
        _take_event(logger, method, event_dict, name)
        return event_dict

    return process


@never_raises("structlog_processor", None)
def _take_event(logger: Any, method: str, values: MutableMapping[str, Any], name: str) -> None:
    level = _level(values.get("level", method))
    named = next((values[key] for key in _NAMES if values.get(key)), None)
    handling.bridged = None
    if isinstance(logger, logging.Logger):
        named = named or logger.name
        if not logger.isEnabledFor(level):
            return
        handling.bridged = (logger.name, safe_text(values.get("event")))
    text = safe_text(values.get("event"))
    emit(
        logger=safe_text(named or name),
        level=level,
        message=text,
        event=text,
        fields={key: value for key, value in values.items() if key not in _DROPPED},
        error=_raised(values.get("exc_info"), method),
    )


def is_bridged(record: logging.LogRecord) -> bool:
    """Whether the record is what structlog made of an event that was taken already."""
    bridged = handling.bridged
    if bridged is None or bridged[0] != record.name:
        return False
    handling.bridged = None
    event, shown = bridged[1], safe_text(record.msg)
    return event in shown or any(form in shown for form in _forms(event))


def _forms(event: str) -> tuple[str, ...]:
    """The event as renderers write it that escape: in JSON, as Python shows it."""
    return (
        json.dumps(event)[1:-1],
        json.dumps(event, ensure_ascii=False)[1:-1],
        repr(event)[1:-1],
    )


def _level(name: Any) -> int:
    text = safe_text(name).lower()
    level = logging.getLevelName(_METHODS.get(text, text).upper())
    return level if isinstance(level, int) else logging.INFO


def _raised(given: Any, method: str) -> BaseException | None:
    if isinstance(given, BaseException):
        return given
    if isinstance(given, tuple):
        return given[1] if len(given) == 3 and isinstance(given[1], BaseException) else None
    return sys.exc_info()[1] if given or method == "exception" else None


def loguru_sink() -> Callable[[Any], None]:
    """A sink for ``loguru.logger.add()``; levels and filters are those given to ``add()``."""
    return _take_message


@never_raises("loguru_sink", None)
def _take_message(message: Any) -> None:
    record = message.record
    level, raised, time = record["level"], record["exception"], record["time"]
    emit(
        logger=safe_text(record["name"] or "loguru"),
        level=level.no,
        level_name=level.name,
        message=safe_text(record["message"]),
        event=safe_text(record["message"]),
        fields={
            **record["extra"],
            "code.file.path": record["file"].path,
            "code.function.name": record["function"],
            "code.line.number": record["line"],
        },
        error=None if raised is None else raised.value,
        timestamp=int(time.timestamp() * 1e9) if isinstance(time, datetime) else None,
    )
