"""Silences what the stock exporters log while they work for us, and only that.

They log each retry, each failure and each attribute that they cannot encode, on loggers of their
own; we say one line for an outage instead. An exporter that the app uses by itself, in its own
threads, keeps its voice.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from pepperpy_otel import errors
from pepperpy_otel.delivery.guard import in_delivery

if TYPE_CHECKING:
    from collections.abc import Callable

#: Everything below is theirs.
PREFIX = "opentelemetry.exporter."
#: Where they log from; a filter on a logger does not see what the loggers below it log.
LOGGERS = tuple(
    PREFIX + name
    for name in (
        "otlp.common._aggregation",
        "otlp.common.http",
        "otlp.proto.common._internal",
        "otlp.proto.common._internal.metrics_encoder",
        "otlp.proto.common._internal.trace_encoder",
        "otlp.proto.grpc.exporter",
        "otlp.proto.grpc.metric_exporter",
        "otlp.proto.grpc.trace_exporter",
        "otlp.proto.http._common",
        "otlp.proto.http._log_exporter",
        "otlp.proto.http.metric_exporter",
        "otlp.proto.http.trace_exporter",
    )
)
_ENCODERS = f"{PREFIX}otlp.proto.common"


class NoiseFilter(logging.Filter):
    """Drops records that are made in one of our workers while it delivers."""

    def __init__(self) -> None:
        super().__init__()
        self._told = False

    def filter(self, record: logging.LogRecord) -> bool:
        """Whether the record may go on."""
        if not in_delivery():
            return True
        if record.name.startswith(_ENCODERS) and not self._told:
            # The encoder leaves the attribute out and sends the rest: a loss, so it is told of.
            self._told = True
            errors.warn("left out of what was sent (said once): %s", record.getMessage())
        return False


def install_noise_filter(record: Callable[[str, Callable[[], None]], None]) -> None:
    """Silence the stock exporters in our workers.

    Args:
        record: Takes what was changed, in words, and what undoes it.
    """
    noise = NoiseFilter()
    known = list(logging.Logger.manager.loggerDict)  # a copy: other threads make loggers
    names = {*LOGGERS, *(name for name in known if name.startswith(PREFIX))}
    loggers = [logging.getLogger(name) for name in names]
    for logger in loggers:
        logger.addFilter(noise)

    def undo() -> None:
        for logger in loggers:
            logger.removeFilter(noise)

    record("a filter on the loggers of the stock exporters", undo)
