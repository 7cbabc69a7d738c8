"""One provider for the whole process: armed, inert, armed again, under the same tracers."""

from __future__ import annotations

import os
import pickle
from typing import Any

import pytest
from opentelemetry import trace as trace_api
from opentelemetry.context import Context
from opentelemetry.sdk import trace as sdk_trace
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import SpanLimits, SpanProcessor
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.sdk.trace.id_generator import RandomIdGenerator
from opentelemetry.sdk.trace.sampling import ALWAYS_OFF, ALWAYS_ON, DEFAULT_ON, Decision
from opentelemetry.trace import Link, NonRecordingSpan, SpanContext, SpanKind, TraceFlags

from pepperpy_otel.tracing.provider import TracerProvider
from tests.tracing.conftest import RESOURCE, Armed, Hostile

REMOTE = SpanContext(11, 12, is_remote=True, trace_flags=TraceFlags(TraceFlags.SAMPLED))
PARENT = trace_api.set_span_in_context(NonRecordingSpan(REMOTE), Context())


def test_it_is_an_sdk_provider() -> None:
    """Whoever looks for the SDK's finds it."""
    assert isinstance(TracerProvider(), sdk_trace.TracerProvider)


@pytest.mark.parametrize(
    "environ",
    [
        {"OTEL_SDK_DISABLED": "true"},
        {"OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT": "many"},
        {"OTEL_TRACES_SAMPLER": "no such sampler"},
    ],
    ids=str,
)
def test_the_environment_is_not_its_business(
    environ: dict[str, str], monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """The settings have read and checked it."""
    for name, value in environ.items():
        monkeypatch.setenv(name, value)
    armed = Armed()
    armed.tracer.start_span("x").end()
    assert armed.only.resource == RESOURCE
    assert caplog.records == []


def test_before_it_is_armed_nothing_is_made() -> None:
    """No ids, no spans; the parent's context goes on."""
    tracer = TracerProvider().get_tracer("early")
    assert tracer.start_span("x").get_span_context() == trace_api.INVALID_SPAN_CONTEXT
    child = tracer.start_span("x", PARENT)
    assert child.get_span_context() == REMOTE
    assert not child.is_recording()
    with tracer.start_as_current_span("x", PARENT):
        assert trace_api.get_current_span().get_span_context() == REMOTE


def test_tracers_handed_out_before_follow() -> None:
    """Arming, disarming and arming again is seen by each tracer at once."""
    armed = Armed()
    tracer = armed.tracer
    tracer.start_span("first").end()
    armed.provider.disarm()
    tracer.start_span("nothing").end()
    assert [span.name for span in armed.spans] == ["first"]
    again = InMemorySpanExporter()
    armed.arm(
        resource=Resource({"service.name": "again"}),
        processors=[SimpleSpanProcessor(again)],
        span_limits=SpanLimits(max_span_attributes=1),
        id_generator=RandomIdGenerator(),
    )
    tracer.start_span("second", attributes={"a": 1}).end()
    (second,) = again.get_finished_spans()
    assert second.resource.attributes["service.name"] == "again"
    assert len(armed.spans) == 1
    armed.arm(sampler=ALWAYS_OFF)
    assert not tracer.start_span("third").is_recording()


def test_the_app_s_processors_survive_a_rollback(armed: Armed) -> None:
    """They are not ours to remove, and get spans again after the next arming."""
    exporter = InMemorySpanExporter()
    armed.provider.add_span_processor(SimpleSpanProcessor(exporter))
    armed.provider.disarm()
    armed.tracer.start_span("nothing").end()
    armed.arm()
    armed.tracer.start_span("x").end()
    assert [span.name for span in exporter.get_finished_spans()] == ["x"]


def test_a_span_that_outlives_the_arming_harms_nobody(armed: Armed) -> None:
    """It ends where there is nobody any more to hand it to."""
    span = armed.tracer.start_span("long")
    armed.provider.disarm()
    span.set_attribute("a", 1)
    span.end()
    assert armed.spans == ()


def test_what_it_works_with_can_be_seen(armed: Armed) -> None:
    """The public attributes of the SDK's provider."""
    assert armed.provider.sampler is ALWAYS_ON
    assert isinstance(armed.provider.id_generator, RandomIdGenerator)
    assert armed.provider.resource == RESOURCE
    armed.provider.disarm()
    assert armed.provider.resource == RESOURCE


def test_the_resource_can_be_replaced(armed: Armed) -> None:
    """A forked process is another instance; nothing else changes, and inert stays inert."""
    other = Resource({"service.name": "child"})
    armed.provider.replace_resource(other)
    armed.tracer.start_span("x").end()
    assert armed.only.resource is other
    armed.provider.disarm()
    armed.provider.replace_resource(RESOURCE)
    assert armed.provider.resource is RESOURCE
    assert not armed.tracer.start_span("x").is_recording()


def test_one_tracer_for_one_scope(armed: Armed) -> None:
    """Same name, version, schema and attributes: same tracer."""
    get = armed.provider.get_tracer
    assert get("a", "1", "s", {"k": 1}) is get("a", "1", "s", {"k": 1})
    others = [get("a"), get("b"), get("a", "2"), get("a", "1", "t"), get("a", attributes={"k": 2})]
    assert len({id(tracer) for tracer in others}) == 5


def test_a_scope_says_who_made_the_span(armed: Armed) -> None:
    """Name, version, schema URL and attributes are in the data."""
    tracer = armed.provider.get_tracer("lib", "1.2", "https://schema", {"k": "v"})
    tracer.start_span("x").end()
    scope = armed.only.instrumentation_scope
    assert (scope.name, scope.version, scope.schema_url) == ("lib", "1.2", "https://schema")
    assert dict(scope.attributes or {}) == {"k": "v"}


def test_hostile_scopes_give_a_tracer(armed: Armed, monkeypatch: pytest.MonkeyPatch) -> None:
    """A name is text in the end; a missing one is said."""
    said: list[str] = []
    monkeypatch.setattr("pepperpy_otel.tracing.provider.warn", said.append)
    hostile: Any = Hostile()
    armed.provider.get_tracer(hostile, hostile, hostile, hostile).start_span("x").end()
    assert armed.only.instrumentation_scope.name == "<unprintable Hostile>"
    assert said == []
    armed.provider.get_tracer("").start_span("y").end()
    assert len(said) == 1
    assert "without a name" in said[0]


def test_a_span_has_what_it_was_started_with(armed: Armed) -> None:
    """Kind, attributes, links, time, parent."""
    link = Link(SpanContext(1, 2, is_remote=True), {"l": 1})
    armed.tracer.start_span(
        "x", PARENT, SpanKind.CLIENT, {"a": 1}, [link], 5, record_exception=False
    ).end(9)
    span = armed.only
    assert (span.name, span.kind, span.start_time, span.end_time) == ("x", SpanKind.CLIENT, 5, 9)
    assert (dict(span.attributes or {}), span.parent) == ({"a": 1}, REMOTE)
    assert span.context.trace_id == REMOTE.trace_id
    assert [found.context for found in span.links] == [link.context]


@pytest.mark.parametrize("flags", [None, 0, 1, 2, 3])
def test_ids_and_flags_are_the_sdk_s(flags: int | None) -> None:
    """Sampled and random, as the SDK sets them for roots and for children."""
    for remote in (True, False):
        parent = None
        if flags is not None:
            above = SpanContext(
                REMOTE.trace_id, 12, is_remote=remote, trace_flags=TraceFlags(flags)
            )
            parent = trace_api.set_span_in_context(NonRecordingSpan(above), Context())
        theirs = sdk_trace.TracerProvider(sampler=DEFAULT_ON, shutdown_on_exit=False)
        expected = theirs.get_tracer("x").start_span("x", parent).get_span_context()
        found = Armed(sampler=DEFAULT_ON).tracer.start_span("x", parent).get_span_context()
        assert found.trace_flags == expected.trace_flags
        assert (found.trace_id == REMOTE.trace_id) == (expected.trace_id == REMOTE.trace_id)
        assert found.is_valid
        assert not found.is_remote


@pytest.mark.parametrize(
    "arguments",
    [
        {"name": Hostile},
        {"name": "a\ud800"},
        {"attributes": Hostile},
        {"attributes": {"a": 1, "b": object()}},
        {"links": Hostile},
        {"links": [1, None]},
        {"links": None},
        {"start_time": "now"},
        {"context": 5},
        {"context": Hostile},
    ],
    ids=str,
)
def test_hostile_arguments_make_a_span(armed: Armed, arguments: dict[str, Any]) -> None:
    """What cannot be used is left out or replaced; a span without it is still one."""
    made = {key: value() if value is Hostile else value for key, value in arguments.items()}
    with armed.tracer.start_as_current_span("outer") as outer:
        armed.tracer.start_span(**{"name": "x", **made}).end()
    span = armed.spans[0]
    assert span.parent == outer.get_span_context()
    span.name.encode()
    assert type(span.start_time) is int


class Spoilt:
    """A current span that is none (another library's bug)."""

    def get_span_context(self) -> Any:
        return "context"


trace_api.Span.register(Spoilt)


def test_a_parent_that_is_none_costs_the_span(armed: Armed, lines: list[str]) -> None:
    """There is nothing to continue, and nothing raises."""
    context = trace_api.set_span_in_context(Spoilt(), Context())  # type: ignore[arg-type]
    for _ in range(2):
        armed.tracer.start_span("x", context).end()
    assert armed.spans == ()
    assert len(lines) == 1


def test_a_span_that_cannot_be_made_is_not_recorded(
    armed: Armed, lines: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever goes wrong inside, the app gets a span and the trace goes on."""

    def fail(*_: object, **__: object) -> None:
        raise RuntimeError("inside")

    monkeypatch.setattr("pepperpy_otel.tracing.durable.Span", fail)
    span = armed.tracer.start_span("x", PARENT)
    assert span.get_span_context() == REMOTE
    assert lines == ["internal error in starting a span (reported once): RuntimeError: inside"]


class Config:
    def __init__(self, is_enabled: bool) -> None:
        self.is_enabled = is_enabled


def test_a_tracer_configurator_switches_scopes_off(lines: list[str]) -> None:
    """It is asked once for each scope; a scope for which it raises records."""
    asked: list[str] = []

    def configurator(scope: Any) -> Config:
        asked.append(scope.name)
        if scope.name == "broken":
            raise RuntimeError("no")
        return Config(scope.name != "noisy")

    armed = Armed(tracer_configurator=configurator)
    for _ in range(2):
        for name in ("noisy", "fine", "broken"):
            armed.provider.get_tracer(name).start_span(name, PARENT).end()
    assert [span.name for span in armed.spans] == ["fine", "broken"] * 2
    assert sorted(asked) == ["broken", "fine", "noisy"]
    assert armed.provider.get_tracer("noisy").start_span("x", PARENT).get_span_context() == REMOTE
    assert len(lines) == 1
    armed.arm()
    assert armed.provider.get_tracer("noisy").start_span("x").is_recording()


class Owner:
    def __init__(self, provider: TracerProvider, answer: Any = True) -> None:
        self.provider, self.answer = provider, answer
        self.called: list[tuple[str, float]] = []

    def __call__(self, what: str, millis: float) -> bool:
        self.called.append((what, millis))
        if isinstance(self.answer, Exception):
            raise self.answer
        if what == "flush":
            return bool(self.answer and self.provider.force_flush(int(millis)))
        self.provider.shutdown()
        return bool(self.answer)


class Asked(SpanProcessor):
    def __init__(self) -> None:
        self.called: list[str] = []

    def force_flush(self, timeout_millis: int = 30000) -> bool:
        self.called.append("force_flush")
        return True

    def shutdown(self) -> None:
        self.called.append("shutdown")


def test_the_owner_flushes_and_shuts_down() -> None:
    """A call on the global provider reaches it; its own calls reach the processors."""
    processor = Asked()
    provider = Armed(processors=[processor]).provider
    provider.owner = owner = Owner(provider)
    assert provider.force_flush(50) is True
    provider.shutdown()
    assert owner.called == [("flush", 50), ("shutdown", 30_000)]
    assert processor.called == ["force_flush", "shutdown"]
    owner.answer = False
    assert provider.force_flush() is False


def test_without_an_owner_the_processors_are_asked() -> None:
    """As in the SDK."""
    processor = Asked()
    provider = Armed(processors=[processor]).provider
    assert provider.force_flush() is True
    provider.shutdown()
    assert processor.called == ["force_flush", "shutdown"]
    assert TracerProvider().force_flush() is True


def test_an_owner_that_raises_does_not_reach_the_app(lines: list[str]) -> None:
    """The flush has failed then."""
    provider = TracerProvider()
    provider.owner = Owner(provider, RuntimeError("no"))
    assert provider.force_flush() is False
    provider.shutdown()
    assert len(lines) == 2
    assert "TracerProvider.flush" in lines[0]


@pytest.mark.parametrize("asked", [True, False])
def test_span_metrics_of_the_sdk_are_counted(asked: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """``otel.sdk.span.*`` where the user asked for it, as with the SDK's provider."""
    reader = InMemoryMetricReader()
    meters = MeterProvider([reader], shutdown_on_exit=False)
    monkeypatch.setattr("opentelemetry.metrics.get_meter_provider", lambda: meters)
    if asked:
        monkeypatch.setenv("OTEL_PYTHON_SDK_INTERNAL_METRICS_ENABLED", "true")
    armed = Armed()
    armed.tracer.start_span("ended").end()
    armed.tracer.start_span("live")
    armed.arm(sampler=ALWAYS_OFF)
    armed.tracer.start_span("dropped")
    data: Any = reader.get_metrics_data()
    found = {
        metric.name: sum(point.value for point in metric.data.data_points)
        for resource in (data.resource_metrics if data else ())
        for scope in resource.scope_metrics
        for metric in scope.metrics
    }
    assert found == ({"otel.sdk.span.live": 1, "otel.sdk.span.started": 3} if asked else {})


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_a_fork_changes_nothing_by_itself() -> None:
    """The SDK's hook would run detectors and overwrite the user's ``service.instance.id``."""
    armed = Armed(resource=Resource({"service.instance.id": "pod-1"}))
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:  # pragma: no cover - runs in the child
        armed.tracer.start_span("x").end()
        detected: Any = sdk_trace.TracerProvider.resource.fget(armed.provider)  # type: ignore[attr-defined]
        resources = (armed.only.resource, armed.provider.resource, detected)
        os.write(writing, pickle.dumps([dict(resource.attributes) for resource in resources]))
        os._exit(0)
    os.close(writing)
    with os.fdopen(reading, "rb") as pipe:
        found = pickle.loads(pipe.read())
    os.waitpid(child, 0)
    assert found == [{"service.instance.id": "pod-1"}, {"service.instance.id": "pod-1"}, {}]


def test_decisions_of_the_sdk_are_known() -> None:
    """A fourth decision would have to be thought about."""
    assert [decision.name for decision in Decision] == ["DROP", "RECORD_ONLY", "RECORD_AND_SAMPLE"]
