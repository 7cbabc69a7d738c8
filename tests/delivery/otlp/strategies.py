"""Everything that the SDK can put into a span or a log record, for hypothesis."""

from __future__ import annotations

from typing import Any

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from opentelemetry._logs import LogRecord, SeverityNumber
from opentelemetry.attributes import BoundedAttributes
from opentelemetry.context import Context
from opentelemetry.sdk._logs import ReadableLogRecord
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import Event, ReadableSpan
from opentelemetry.sdk.util import BoundedList
from opentelemetry.sdk.util.instrumentation import InstrumentationScope
from opentelemetry.trace import Link, SpanContext, SpanKind, TraceFlags
from opentelemetry.trace.span import TraceState
from opentelemetry.trace.status import Status, StatusCode

#: For machines that are busy with something else.
PATIENT = settings(deadline=None, database=None, suppress_health_check=list(HealthCheck))

INT64 = st.integers(-(2**63), 2**63 - 1)
UINT64 = st.integers(0, 2**64 - 1)
#: Edges of one, two and ten bytes on the wire beside any.
NUMBERS = st.sampled_from([0, 1, 127, 128, 4095, 4096, -1, 2**35, 2**63 - 1, -(2**63)]) | INT64
TEXT = st.text(max_size=20) | st.sampled_from(["", "key", "\x00", "é", "😀" * 50, "x" * 5000])
SCALARS = (
    st.none()
    | st.booleans()
    | NUMBERS
    | st.floats()
    | st.sampled_from([0.0, -0.0, 1.0, float("nan"), float("inf")])
    | TEXT
    | st.binary(max_size=300)
)
VALUES = st.recursive(
    SCALARS,
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.lists(inner, max_size=4).map(tuple)
        | st.dictionaries(TEXT, inner, max_size=4)
    ),
    max_leaves=8,
)
ATTRIBUTES = st.dictionaries(TEXT, VALUES, max_size=5)
#: As the SDK keeps them, with some dropped, and as anybody may.
BOUNDED = st.builds(
    lambda given, most: BoundedAttributes(attributes=given, maxlen=most, immutable=False),
    ATTRIBUTES,
    st.sampled_from([None, 128, 2, 0]),
)
ANY_ATTRIBUTES = BOUNDED | ATTRIBUTES | st.none()
SCHEMA_URLS = st.sampled_from([None, "", "https://opentelemetry.io/schemas/1.37.0", "é"])

TRACE_STATES = st.none() | st.lists(
    st.tuples(
        st.from_regex(r"\A[a-z][a-z0-9_*/-]{0,5}\Z"), st.from_regex(r"\A[!-+\x2d-<>-~]{1,5}\Z")
    ),
    max_size=3,
    unique_by=lambda pair: pair[0],
).map(TraceState)
CONTEXTS = st.builds(
    SpanContext,
    trace_id=st.integers(0, 2**128 - 1),
    span_id=UINT64,
    is_remote=st.booleans(),
    trace_flags=st.integers(0, 255).map(TraceFlags),
    trace_state=TRACE_STATES,
)
PARENTS = st.none() | st.builds(
    SpanContext,
    trace_id=st.integers(1, 2**128 - 1),
    span_id=st.integers(1, 2**64 - 1),
    is_remote=st.booleans(),
)
STATUSES = st.builds(Status, st.sampled_from(list(StatusCode))) | st.builds(
    Status, st.just(StatusCode.ERROR), st.none() | TEXT
)
TIMES = st.none() | st.sampled_from([0, 1_763_800_000_000_000_000]) | UINT64
EVENTS = st.builds(Event, name=TEXT, attributes=ANY_ATTRIBUTES, timestamp=UINT64)
LINKS = st.builds(Link, CONTEXTS, ANY_ATTRIBUTES)


def bounded(items: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    """A few items as the SDK keeps them, of which it may have dropped some."""
    return st.builds(
        BoundedList.from_seq, st.sampled_from([None, 128, 1]), st.lists(items, max_size=3)
    )


RESOURCES = st.builds(Resource, BOUNDED, SCHEMA_URLS)


def scopes(number: int) -> st.SearchStrategy[InstrumentationScope | None]:
    """Scopes that differ in name: the stock encoder takes attributes 1 and True for equal."""
    return st.builds(
        lambda name, version, url, attributes: InstrumentationScope(
            f"{number}{name}", version, url, attributes
        ),
        TEXT,
        st.none() | TEXT,
        SCHEMA_URLS,
        BOUNDED | st.none(),
    )


@st.composite
def homes(draw: Any) -> tuple[list[Resource], list[InstrumentationScope | None]]:
    """Resources and scopes for one batch, with twins: other objects that are equal."""
    resources = draw(st.lists(RESOURCES, min_size=1, max_size=2))
    resources += [Resource(each.attributes, each.schema_url) for each in resources]
    found = [draw(scopes(number)) for number in range(draw(st.integers(1, 2)))]
    found += [
        InstrumentationScope(each.name, each.version, each.schema_url, each.attributes)
        for each in found
    ]
    return resources, [*found, None]


@st.composite
def spans(draw: Any) -> list[ReadableSpan]:
    """A batch; the index of each span begins its name."""
    resources, found = draw(homes())
    return [
        ReadableSpan(
            name=f"{index}:{draw(TEXT)}",
            context=draw(CONTEXTS),
            parent=draw(PARENTS),
            resource=draw(st.sampled_from(resources)),
            instrumentation_scope=draw(st.sampled_from(found)),
            attributes=draw(ANY_ATTRIBUTES),
            events=draw(bounded(EVENTS) | st.lists(EVENTS, max_size=2)),
            links=draw(bounded(LINKS) | st.lists(LINKS, max_size=2)),
            kind=draw(st.sampled_from(list(SpanKind))),
            status=draw(STATUSES),
            start_time=draw(TIMES),
            end_time=draw(TIMES),
        )
        for index in range(draw(st.integers(1, 4)))
    ]


@st.composite
def records(draw: Any) -> list[ReadableLogRecord]:
    """A batch of log records."""
    resources, found = draw(homes())
    batch = []
    for _ in range(draw(st.integers(1, 4))):
        record = LogRecord(
            timestamp=draw(TIMES),
            observed_timestamp=draw(UINT64),
            context=Context(),
            severity_text=draw(st.none() | TEXT),
            severity_number=draw(st.none() | st.sampled_from(list(SeverityNumber))),
            body=draw(VALUES),
            attributes=draw(ANY_ATTRIBUTES),
            event_name=draw(st.none() | TEXT),
        )
        record.trace_id = draw(st.just(0) | st.integers(1, 2**128 - 1))
        record.span_id = draw(st.just(0) | UINT64)
        record.trace_flags = TraceFlags(draw(st.integers(0, 255)))
        batch.append(
            ReadableLogRecord(
                record, draw(st.sampled_from(resources)), draw(st.sampled_from(found))
            )
        )
    return batch
