"""Log records without secrets: body, attributes, event name, severity text, resource, scope.

What it is given is the pipeline's own copy (``delivery/processors.py``), which shares body and
attributes with the record that other processors see: these are exchanged, never changed.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pepperpy_otel.redaction.records import Headers, bounded, plain

if TYPE_CHECKING:
    from opentelemetry.sdk._logs import ReadableLogRecord

    from pepperpy_otel.redaction.redactor import Redactor


class LogRedactor:
    """Makes log records fit to leave.

    Args:
        redactor: Looks at bodies and attributes.
    """

    def __init__(self, redactor: Redactor) -> None:
        self._redactor = redactor
        self._headers = Headers(redactor)

    def __call__(self, item: ReadableLogRecord) -> ReadableLogRecord | None:
        """The same object without secrets; ``None`` if it cannot be looked through.

        Args:
            item: The caller's own, with a ``log_record`` of its own.
        """
        try:
            self._redact(item.log_record)
            fields = vars(item)  # a frozen dataclass, of which this is the only owner
            fields["resource"] = self._headers.resource(item.resource)
            fields["instrumentation_scope"] = self._headers.scope(item.instrumentation_scope)
        except Exception as error:  # what it says may quote the record
            self._redactor.failed("a log record", error)
            return None
        return item

    def _redact(self, record: Any) -> None:
        redactor = self._redactor
        body = record.body
        if type(body) is str:
            record.body = redactor.text(body, "log.body")
        elif body is not None:
            record.body = redactor.value(body, "body")
        given = record.attributes
        if given:
            attributes = plain(given)
            shown = redactor.attributes(attributes)
            if shown is not attributes:
                record.attributes = bounded(shown, getattr(given, "dropped", 0))
        if record.event_name:
            record.event_name = redactor.text(record.event_name, "event.name")
        if record.severity_text:
            record.severity_text = redactor.text(record.severity_text, "severity.text")
