"""The TracerProvider of the process: made once, armed by configure(), inert after rollback().

OpenTelemetry lets the global provider be set once, and libraries keep the tracers that they were
given. So this one stays, and its tracers ask it, for each span, what applies now (``durable.py``).
It is an SDK TracerProvider for everybody who looks, with spans that no value makes raise
(``span.py``) and processors that cannot hurt each other (``processors.py``).
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, cast

from opentelemetry import metrics
from opentelemetry.sdk import trace
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import SpanLimits
from opentelemetry.sdk.trace.id_generator import RandomIdGenerator
from opentelemetry.sdk.trace.sampling import DEFAULT_ON
from opentelemetry.sdk.util.instrumentation import InstrumentationScope

from pepperpy_otel import _compat
from pepperpy_otel._owner import Asking
from pepperpy_otel.errors import report_internal, warn
from pepperpy_otel.tracing import values
from pepperpy_otel.tracing.durable import Armed, DurableTracer
from pepperpy_otel.tracing.guards import safe_id_generator, safe_sampler
from pepperpy_otel.tracing.processors import FanOut

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from opentelemetry.sdk.trace import SpanProcessor
    from opentelemetry.sdk.trace.id_generator import IdGenerator
    from opentelemetry.sdk.trace.sampling import Sampler
    from opentelemetry.util.types import Attributes

#: Milliseconds that an owner is given when the caller names no limit, as in the SDK.
DEFAULT_TIMEOUT_MILLIS = 30_000

# Every value is given, so that the SDK does not read (and raise for) the environment: what
# OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT and its kin say has been read and checked by the settings.
_DEFAULT_LIMITS = SpanLimits(
    max_attributes=128,
    max_events=128,
    max_links=128,
    max_span_attributes=128,
    max_event_attributes=128,
    max_link_attributes=128,
    max_attribute_length=SpanLimits.UNSET,
    max_span_attribute_length=SpanLimits.UNSET,
)


class TracerProvider(trace.TracerProvider):
    """A TracerProvider that can be switched off and on again under the tracers it handed out.

    Attributes:
        armed: What tracers work with, or ``None`` while this provider is inert.
        owner: Called with ``"flush"`` or ``"shutdown"`` and milliseconds when the app calls
            ``force_flush()`` or ``shutdown()`` on this provider; without one only the processors
            are flushed or shut down. What the owner itself calls here reaches the processors.
    """

    armed: Armed | None
    owner: Callable[[str, float], bool] | None

    def __init__(self) -> None:
        _compat.silence_fork_hook(self)
        self._fan_out = FanOut()
        super().__init__(
            sampler=DEFAULT_ON,
            resource=Resource.get_empty(),
            shutdown_on_exit=False,
            active_span_processor=cast("Any", self._fan_out),
            id_generator=RandomIdGenerator(),
            span_limits=_DEFAULT_LIMITS,
        )
        self.armed = None
        self.owner = None
        self._last_resource = Resource.get_empty()
        self._by_scope: dict[InstrumentationScope, DurableTracer] = {}
        self._asking = Asking()

    def arm(
        self,
        *,
        sampler: Sampler,
        resource: Resource,
        id_generator: IdGenerator | None = None,
        span_limits: SpanLimits | None = None,
        processors: Sequence[SpanProcessor] = (),
        tracer_configurator: Callable[[InstrumentationScope], Any] | None = None,
    ) -> None:
        """Let all tracers of this provider record, those handed out before included.

        Args:
            sampler: Decides about every span; one that raises is replaced for that span.
            resource: Who is speaking.
            id_generator: Random ids by default.
            span_limits: The specification's defaults by default.
            processors: Take the place of those that were armed before; what the app added with
                ``add_span_processor()`` stays.
            tracer_configurator: Says for a scope, in ``.is_enabled``, whether it records.
        """
        self.sampler = sampler
        generator = RandomIdGenerator() if id_generator is None else id_generator
        self.id_generator = cast("Any", generator)  # typed too narrowly there
        self._last_resource = resource
        self._fan_out.replace(processors)
        self.armed = Armed(
            sampler=safe_sampler(sampler),
            resource=resource,
            id_generator=safe_id_generator(generator),
            limits=span_limits or _DEFAULT_LIMITS,
            metrics=_compat.tracer_metrics(metrics.get_meter_provider()),
            enabled=None if tracer_configurator is None else _asking(tracer_configurator),
        )

    def disarm(self) -> None:
        """Make every tracer hand on its parent's context, no more; forget our processors."""
        self.armed = None
        self._fan_out.replace(())

    def replace_resource(self, resource: Resource) -> None:
        """Speak as ``resource`` from now on: a forked process is another instance."""
        self._last_resource = resource
        armed = self.armed
        if armed is not None:
            self.armed = replace(armed, resource=resource)

    @property
    def resource(self) -> Resource:
        """The resource of the last ``arm()``."""
        return self._last_resource

    @property
    def processor(self) -> FanOut:
        """All processors as one; the owner flushes and ends them without asking itself."""
        return self._fan_out

    def get_tracer(
        self,
        instrumenting_module_name: str,
        instrumenting_library_version: str | None = None,
        schema_url: str | None = None,
        attributes: Attributes = None,
    ) -> DurableTracer:
        """The tracer of a scope: the same one for the same name, version, schema and attributes."""
        name, version, schema = (
            "" if given is None else values.text(given)
            for given in (instrumenting_module_name, instrumenting_library_version, schema_url)
        )
        if not name:
            warn("get_tracer() was called without a name; its spans will not say who made them")
        scope = InstrumentationScope(
            name,
            version,
            schema,
            values.plain_attributes(attributes),
        )
        try:
            return self._by_scope[scope]
        except KeyError:
            return self._by_scope.setdefault(scope, DurableTracer(self, scope))

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
        return self._asking.ask(self.owner, what, timeout_millis, without, "TracerProvider")


def _asking(configurator: Callable[[InstrumentationScope], Any]) -> Callable[..., bool]:
    """The configurator's answer as a bool; a scope for which it raises records, as in the SDK."""

    def enabled(scope: InstrumentationScope) -> bool:
        try:
            return bool(configurator(scope).is_enabled)
        except Exception as error:
            report_internal("tracer configurator", error)
            return True

    return enabled
