"""The LoggerProvider of the process: made once, armed by configure(), inert after rollback().

OpenTelemetry lets the global provider be set once, and every logger that was handed out holds on
to its provider. So this one stays for the whole process: its loggers look up resource, limits and
processors when they emit, in one tuple that ``arm()`` and ``disarm()`` exchange.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple, cast

from opentelemetry import metrics
from opentelemetry._logs import LogRecord
from opentelemetry.sdk import _logs
from opentelemetry.sdk._logs import LogRecordLimits, ReadWriteLogRecord
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.util.instrumentation import InstrumentationScope

from pepperpy_otel import _compat
from pepperpy_otel._owner import Asking
from pepperpy_otel.errors import report_internal
from pepperpy_otel.logging.attributes import clean_attributes, clean_value, exception_attributes
from pepperpy_otel.logging.fanout import FanOut
from pepperpy_otel.logging.fields import items_of, make_fit, usable_context
from pepperpy_otel.logging.values import safe_text

if TYPE_CHECKING:
    from collections.abc import Callable, MutableMapping, Sequence

    from opentelemetry._logs import SeverityNumber
    from opentelemetry.context import Context
    from opentelemetry.sdk._logs import LogRecordProcessor
    from opentelemetry.util.types import AnyValue, Attributes

#: Milliseconds that an owner is given when the caller names no limit, as in the SDK.
DEFAULT_TIMEOUT_MILLIS = 30000

# Every value is given, so that the SDK does not read (and raise for) the environment: what
# OTEL_ATTRIBUTE_COUNT_LIMIT says has been read and checked by the settings.
_DEFAULT_LIMITS = LogRecordLimits(
    max_attributes=128,
    max_attribute_length=LogRecordLimits.UNSET,
    max_log_record_attributes=128,
    max_log_record_attribute_length=LogRecordLimits.UNSET,
)


class _Armed(NamedTuple):
    """What a record gets from its provider."""

    resource: Resource
    limits: LogRecordLimits


class LoggerProvider(_logs.LoggerProvider):
    """A LoggerProvider that can be switched off and on again under the loggers it handed out.

    Attributes:
        owner: Called with ``"flush"`` or ``"shutdown"`` and milliseconds when the app calls
            ``force_flush()`` or ``shutdown()`` on this provider; without one only the processors
            are flushed or shut down. What the owner itself calls here reaches the processors.
    """

    def __init__(self) -> None:
        self._fan_out = FanOut()
        super().__init__(
            resource=Resource.get_empty(),
            shutdown_on_exit=False,
            multi_log_record_processor=self._fan_out,
            log_record_limits=_DEFAULT_LIMITS,
        )
        self.owner: Callable[[str, float], bool] | None = None
        self._armed: _Armed | None = None
        self._last_resource = Resource.get_empty()
        self._loggers: dict[tuple[str, str | None, str | None], Logger] = {}
        self._asking = Asking()

    def arm(
        self,
        *,
        resource: Resource,
        limits: LogRecordLimits | None = None,
        processors: Sequence[LogRecordProcessor] = (),
    ) -> None:
        """Let all loggers of this provider emit, those handed out before included.

        Args:
            resource: Who is speaking.
            limits: Of the attributes of a record; 128 attributes of any length by default.
            processors: Take the place of those that were there.
        """
        _compat.renew_logger_metrics(self, metrics.get_meter_provider())
        self._fan_out.replace(processors)
        self._last_resource = resource
        self._armed = _Armed(resource, limits if limits is not None else _DEFAULT_LIMITS)

    def disarm(self) -> None:
        """Make every logger of this provider do nothing; its processors are forgotten."""
        self._armed = None
        self._fan_out.replace(())

    def replace_resource(self, resource: Resource) -> None:
        """Speak as ``resource`` from now on: a forked process is another instance."""
        self._last_resource = resource
        if self._armed is not None:
            self._armed = self._armed._replace(resource=resource)

    @property
    def armed(self) -> _Armed | None:
        """Resource and limits, or ``None`` while this provider is inert."""
        return self._armed

    @property
    def recording(self) -> bool:
        """Whether a record would reach anybody."""
        return self._armed is not None and bool(self._fan_out.processors)

    @property
    def resource(self) -> Resource:
        """The resource of the last ``arm()``."""
        return self._last_resource

    @property
    def fan_out(self) -> FanOut:
        """The processors; the owner flushes and ends them without asking itself."""
        return self._fan_out

    def get_logger(
        self,
        name: str,
        version: str | None = None,
        schema_url: str | None = None,
        attributes: Attributes = None,
    ) -> Logger:
        """The logger of a scope: the same one for the same name, version and schema."""
        if attributes is not None:
            return self._make_logger(name, version, schema_url, attributes)
        key = (name, version, schema_url)
        try:
            return self._loggers[key]
        except KeyError:
            return self._loggers.setdefault(key, self._make_logger(name, version, schema_url))
        except Exception:  # not hashable, so no name either; versions are names, too
            return self.get_logger(*map(_name, (name, version, schema_url)))

    def _make_logger(
        self,
        name: str,
        version: str | None,
        schema_url: str | None,
        attributes: Attributes = None,
    ) -> Logger:
        cleaned = None if attributes is None else clean_attributes(items_of(attributes))[0]
        scope = InstrumentationScope(_name(name), _name(version), _name(schema_url), cleaned)
        logger = Logger(self, scope)
        _compat.track_logger(self, logger)
        return logger

    def add_log_record_processor(self, log_record_processor: LogRecordProcessor) -> None:
        """Add a processor, until this provider is disarmed."""
        self._fan_out.add_log_record_processor(log_record_processor)

    def force_flush(self, timeout_millis: int = DEFAULT_TIMEOUT_MILLIS) -> bool:
        """Deliver what is pending, through the owner; never raises.

        Returns:
            Whether everything accepted so far was delivered.
        """
        return self._ask("flush", timeout_millis, lambda: self._fan_out.force_flush(timeout_millis))

    def shutdown(self) -> None:
        """End telemetry, through the owner; never raises."""
        self._ask("shutdown", DEFAULT_TIMEOUT_MILLIS, self._fan_out.shutdown)

    def _ask(self, what: str, timeout_millis: float, without: Callable[[], Any]) -> bool:
        return self._asking.ask(self.owner, what, timeout_millis, without, "LoggerProvider")


_compat.replace_fork_hook(LoggerProvider)


class Logger(_logs.Logger):
    """A logger that asks its provider for everything, and whose ``emit`` never raises."""

    def __init__(self, provider: LoggerProvider, scope: InstrumentationScope) -> None:
        super().__init__(**_compat.sdk_logger_arguments(provider, scope))
        self._provider = provider

    @property
    def resource(self) -> Resource:
        """The provider's."""
        return self._provider.resource

    def enabled(
        self,
        *,
        context: Context | None = None,
        severity_number: SeverityNumber | None = None,
        event_name: str | None = None,
    ) -> bool:
        """Whether a record would be taken; ``False`` while the provider is inert."""
        if self._provider.armed is None:
            return False
        return super().enabled(
            context=context, severity_number=severity_number, event_name=event_name
        )

    def emit(
        self,
        record: LogRecord | None = None,
        *,
        timestamp: int | None = None,
        observed_timestamp: int | None = None,
        context: Context | None = None,
        severity_number: SeverityNumber | None = None,
        severity_text: str | None = None,
        body: AnyValue | None = None,
        attributes: Attributes = None,
        event_name: str | None = None,
        exception: BaseException | None = None,
    ) -> None:
        """Hand a record to the processors, with values that any of them can take."""
        armed = self._provider.armed
        if armed is None or not _compat.logger_is_enabled(self):
            return
        try:
            if record is None:
                record = LogRecord(
                    timestamp=timestamp,
                    observed_timestamp=observed_timestamp,
                    context=usable_context(context),
                    severity_number=severity_number,
                    severity_text=severity_text,
                    body=body,
                    attributes=attributes,
                    event_name=event_name,
                    exception=exception,
                )
            _compat.count_log_record(self._provider)
            self._provider.fan_out.on_emit(self._writable(record, armed))
        except Exception as error:
            report_internal("Logger.emit", error)

    def _writable(
        self, record: LogRecord | ReadWriteLogRecord, armed: _Armed
    ) -> ReadWriteLogRecord:
        """The record as processors get it."""
        if isinstance(record, ReadWriteLogRecord):
            inner = record.log_record
            attributes = cast("MutableMapping[str, AnyValue]", inner.attributes)
            if inner.exception is not None:
                for name, value in exception_attributes(inner.exception).items():
                    attributes.setdefault(name, value)
            inner.body = clean_value(inner.body)
            return record
        make_fit(record)
        given = items_of(record.attributes)
        if record.exception is not None:
            given = exception_attributes(record.exception) | given
        record.attributes = None
        record.body = clean_value(record.body)
        writable = ReadWriteLogRecord(
            record, armed.resource, self.instrumentation_scope, armed.limits
        )
        if given:
            limits = armed.limits
            cleaned, dropped = clean_attributes(
                given, limits.max_log_record_attributes, limits.max_log_record_attribute_length
            )
            _compat.fill_attributes(record.attributes, cleaned, dropped)
        return writable


def _name(given: Any) -> Any:
    """A scope's name, version or schema URL as text; none stays none."""
    return None if given is None else safe_text(given)
