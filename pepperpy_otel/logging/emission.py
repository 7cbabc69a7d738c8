"""One record to telemetry and to the aggregators, from a source that is not the standard library.

Past the app's own handlers: the source shows by itself what it shows.
"""

from __future__ import annotations

import logging
import time
from typing import TYPE_CHECKING, Any

from pepperpy_otel import _current
from pepperpy_otel.delivery.guard import in_delivery
from pepperpy_otel.errors import report_internal
from pepperpy_otel.logging import bus
from pepperpy_otel.logging.attributes import clean_attributes, exception_attributes
from pepperpy_otel.logging.events import make_event
from pepperpy_otel.logging.guard import handling
from pepperpy_otel.logging.severity import severity_number, severity_text

if TYPE_CHECKING:
    from collections.abc import Mapping

    from opentelemetry.context import Context


def emit(
    *,
    logger: str,
    level: int,
    message: str,
    event: str,
    fields: Mapping[Any, Any],
    level_name: str | None = None,
    error: BaseException | None = None,
    context: Context | None = None,
    timestamp: int | None = None,
) -> None:
    """Tell the aggregators and emit a log record; never raises, never recurs.

    Args:
        logger: Name of the scope.
        level: As the standard library numbers them.
        message: Body of the record.
        event: What is counted together.
        fields: Attributes.
        level_name: The level as its source calls it.
        error: The exception that it is about.
        context: Where the span is found; the current one by default.
        timestamp: UNIX nanoseconds; now by default.
    """
    if handling.busy or in_delivery():
        return
    handling.busy = True
    try:
        _emit(logger, level, message, event, fields, level_name, error, context, timestamp)
    except Exception as failure:
        report_internal("a record for telemetry", failure)
    finally:
        handling.busy = False


def _emit(
    logger: str,
    level: int,
    message: str,
    event: str,
    fields: Mapping[Any, Any],
    level_name: str | None,
    error: BaseException | None,
    context: Context | None,
    timestamp: int | None,
) -> None:
    named = level_name or logging.getLevelName(level)
    if bus.listeners:
        bus.publish(
            make_event(
                level=named,
                is_error=level >= logging.ERROR,
                logger=logger,
                event=event,
                message=message,
                fields=fields,
                error=error,
                context=context,
            )
        )
    telemetry = _current.get()
    if telemetry is None or level < (telemetry.settings.log_level or logging.NOTSET):
        return
    raised = {} if error is None else exception_attributes(error)
    telemetry.logger_provider.get_logger(logger, "").emit(
        timestamp=time.time_ns() if timestamp is None else timestamp,
        observed_timestamp=time.time_ns(),
        context=context,
        severity_number=severity_number(level),
        severity_text=severity_text(named),
        body=message,
        attributes=clean_attributes({**raised, **fields})[0],
    )
