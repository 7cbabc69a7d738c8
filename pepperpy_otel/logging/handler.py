"""The bridge: a record of the standard library becomes an OpenTelemetry log record.

The SDK's ``LoggingHandler`` is deprecated; contrib's is what this one is compared with, attribute
by attribute, in the tests. What differs, and why:

- The code attributes are always there (contrib: when OTEL_PYTHON_LOG_CODE_ATTRIBUTES asks).
- A bad format string, a raising ``__str__`` or filter costs that value, never the app
  (contrib lets it up into ``logger.info()``).
- No lock is taken: nothing here is shared that needs one.
- Records that the pipeline may cause itself are not taken, or one log line of the exporter's HTTP
  client would be exported for ever
  (https://github.com/open-telemetry/opentelemetry-python/issues/4688): those of the loggers
  ``opentelemetry`` and ``pepperpy_otel`` and what lies below them, those of our delivery threads,
  and those made while instrumentation is suppressed.
- ``flush()`` does nothing: contrib's starts a thread, which fails while the interpreter ends.
"""

from __future__ import annotations

import logging
from time import time_ns
from typing import TYPE_CHECKING, Any

from opentelemetry._logs import LogRecord
from opentelemetry.context import get_current

from pepperpy_otel import _compat
from pepperpy_otel.errors import report_internal
from pepperpy_otel.logging import bus
from pepperpy_otel.logging.attributes import clean_attributes, stacktrace
from pepperpy_otel.logging.guard import handling
from pepperpy_otel.logging.records import extras, message_of, nanoseconds_of, own_exc_info
from pepperpy_otel.logging.severity import severity_number, severity_text
from pepperpy_otel.logging.values import class_name, safe_text

if TYPE_CHECKING:
    from collections.abc import Callable

    from opentelemetry._logs import Logger, LoggerProvider
    from opentelemetry.context import Context

#: Loggers whose records are about telemetry, with everything below them.
OWN_LOGGERS = ("opentelemetry", "pepperpy_otel")
#: Attributes that name the event instead of describing it, the stable one first.
EVENT_NAMES = ("otel.event.name", "event.name")


def _never() -> bool:
    return False


class TelemetryHandler(logging.Handler):
    """Sends records of the standard library's loggers to a ``LoggerProvider``.

    Args:
        logger_provider: Where the records go; the logger's name becomes the scope's.
        level: Records below it are not taken.
        skip: Answers whether the current thread is one that delivers telemetry.
    """

    def __init__(
        self,
        logger_provider: LoggerProvider,
        *,
        level: int = logging.NOTSET,
        skip: Callable[[], bool] = _never,
    ) -> None:
        super().__init__(level)
        self._provider: Any = logger_provider
        self._skip = skip
        # Ours says at once when nobody listens, and makes values fit by itself; a foreign
        # provider, adopted, does neither.
        self._ours = hasattr(logger_provider, "recording")
        self._loggers: dict[str, Logger | None] = {}
        self._suppression = _compat.suppression_keys()

    def createLock(self) -> None:
        """Have no lock: there is nothing to protect, so no thread ever waits here."""
        self.lock = None

    def handle(self, record: logging.LogRecord) -> bool:
        """Take a record that passes this handler's filters; never raises.

        Returns:
            Whether it was taken.
        """
        if handling.busy or (handling.bridged is not None and _is_bridged(record)):
            return False
        handling.busy = True
        try:
            kept: Any = self.filter(record)
            if not kept:
                return False
            return self._take(kept if isinstance(kept, logging.LogRecord) else record)
        except Exception as error:
            report_internal("the logging handler", error)
            return False
        finally:
            handling.busy = False

    def emit(self, record: logging.LogRecord) -> None:
        """Take a record; the same as ``handle()``."""
        self.handle(record)

    def flush(self) -> None:
        """Nothing to do: records are with the provider's processors already."""

    def handleError(self, record: logging.LogRecord) -> None:
        """Print nothing: an error of ours is reported once, in one line."""

    def accepts(self, record: logging.LogRecord) -> bool:
        """Whether the record comes from the application and not from telemetry itself."""
        return self._logger_for(record.name) is not None and not self._unwanted(get_current())

    def _take(self, record: logging.LogRecord) -> bool:
        logger = self._logger_for(record.name)
        context = get_current()
        if logger is None or self._unwanted(context):
            return False
        if bus.listeners:
            _publish(record, context)
        if self._ours and not self._provider.recording:
            return False
        logger.emit(self._translate(record, context))
        return True

    def _unwanted(self, context: Context) -> bool:
        if context:
            for key in self._suppression:
                if context.get(key):
                    return True
        return self._skip()

    def _logger_for(self, name: str) -> Logger | None:
        try:
            return self._loggers[name]
        except KeyError:
            # An empty version, as the API's get_logger() gives it to contrib's handler.
            logger = None if is_own(name) else self._provider.get_logger(name, "")
            return self._loggers.setdefault(name, logger)

    def _translate(self, record: logging.LogRecord, context: Context) -> LogRecord:
        attributes = extras(record)
        event_name = None
        if attributes:
            for name in EVENT_NAMES:
                value = attributes.pop(name, None)
                event_name = value if event_name is None else event_name
        attributes["code.file.path"] = record.pathname
        attributes["code.function.name"] = record.funcName
        attributes["code.line.number"] = record.lineno
        if record.exc_info:
            _add_exception(record, attributes)
        if not self._ours:
            attributes = clean_attributes(attributes)[0]
        return LogRecord(
            timestamp=nanoseconds_of(record),
            observed_timestamp=time_ns(),
            context=context,
            severity_text=severity_text(record.levelname),
            severity_number=severity_number(record.levelno),
            body=message_of(record),
            attributes=attributes,
            event_name=event_name if event_name is None else safe_text(event_name),
        )


def _publish(record: logging.LogRecord, context: Context) -> None:
    """Tell the aggregators; what that takes is imported once there is one."""
    from pepperpy_otel.logging.events import event_of

    bus.publish(event_of(record, context))


def _is_bridged(record: logging.LogRecord) -> bool:
    from pepperpy_otel.logging.bridges import is_bridged

    return is_bridged(record)


def is_own(name: str) -> bool:
    """Whether a logger speaks about telemetry itself."""
    return name.partition(".")[0] in OWN_LOGGERS


def _add_exception(record: logging.LogRecord, attributes: dict[str, Any]) -> None:
    """The three attributes as contrib names and fills them."""
    kind, error, trace = own_exc_info(record)
    if kind is not None:
        attributes["exception.type"] = class_name(kind)
    if error is not None and error.args:
        attributes["exception.message"] = safe_text(error.args[0])
    if trace is not None:
        attributes["exception.stacktrace"] = stacktrace(kind, error, trace)
