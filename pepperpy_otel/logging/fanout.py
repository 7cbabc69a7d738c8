"""Several processors of log records behind one: each gets every record, none hurts another.

The SDK's own stops at the first processor that raises, in the middle of the app's ``logger.info``.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from opentelemetry.sdk._logs import SynchronousMultiLogRecordProcessor

from pepperpy_otel.errors import report_internal

if TYPE_CHECKING:
    from collections.abc import Sequence

    from opentelemetry._logs import SeverityNumber
    from opentelemetry.context import Context
    from opentelemetry.sdk._logs import LogRecordProcessor, ReadWriteLogRecord
    from opentelemetry.sdk.util.instrumentation import InstrumentationScope


class FanOut(SynchronousMultiLogRecordProcessor):
    """The processors of a provider, in the order in which they were added.

    Attributes:
        processors: Read without a lock: the tuple is replaced, never changed.
    """

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.processors: tuple[LogRecordProcessor, ...] = ()

    def add_log_record_processor(self, log_record_processor: LogRecordProcessor) -> None:
        """Add one at the end."""
        self.processors = (*self.processors, log_record_processor)

    def replace(self, processors: Sequence[LogRecordProcessor]) -> None:
        """Take these instead of what was there."""
        self.processors = tuple(processors)

    def on_emit(self, log_record: ReadWriteLogRecord) -> None:
        """Hand the record to each."""
        for processor in self.processors:
            try:
                processor.on_emit(log_record)
            except Exception as error:
                report_internal(_name(processor, "on_emit"), error)

    def enabled(
        self,
        *,
        context: Context | None = None,
        instrumentation_scope: InstrumentationScope | None = None,
        severity_number: SeverityNumber | None = None,
        event_name: str | None = None,
    ) -> bool:
        """Whether any of them would take such a record; one that raises would."""
        for processor in self.processors:
            try:
                if processor.enabled(
                    context=context,
                    instrumentation_scope=instrumentation_scope,
                    severity_number=severity_number,
                    event_name=event_name,
                ):
                    return True
            except Exception as error:
                report_internal(_name(processor, "enabled"), error)
                return True
        return False

    def shutdown(self) -> None:
        """Shut each of them down."""
        for processor in self.processors:
            try:
                processor.shutdown()
            except Exception as error:
                report_internal(_name(processor, "shutdown"), error)

    def force_flush(self, timeout_millis: int = 30000) -> bool:
        """Flush one after the other until the time is up.

        Returns:
            Whether all of them said that they did.
        """
        deadline = time.monotonic() + timeout_millis / 1000
        flushed = True
        for processor in self.processors:
            left = int((deadline - time.monotonic()) * 1000)
            if left <= 0:
                return False
            try:
                flushed = processor.force_flush(left) is not False and flushed
            except Exception as error:
                report_internal(_name(processor, "force_flush"), error)
                flushed = False
        return flushed


def _name(processor: object, method: str) -> str:
    return f"log record processor {type(processor).__name__}.{method}"
