"""The program that test_differences.py runs under two distros: all of telemetry.

It does the same thing each time it is run, one step after the other, and ends at once. What is
different by nature (ports, ids, times) is replaced by facts.py.
"""

import asyncio
import logging
import os
import sys

if os.environ.get("COMPARED_CONFIGURE"):
    import pepperpy_otel

    pepperpy_otel.configure()

import compared_web
from opentelemetry import baggage, context, metrics, propagate, trace
from opentelemetry._logs import LogRecord, SeverityNumber, get_logger
from opentelemetry.trace import Link, SpanKind, Status, StatusCode

SCHEMA = "https://example.test/schema"
ATTRIBUTES = {
    "text": "ünïcödé \N{GRINNING FACE}",
    "long": "x" * 25000,
    "flag": True,
    "whole": 42,
    "large": 2**62,
    "real": 0.25,
    "texts": ["a", "b"],
    "flags": [True, False],
    "wholes": [1, 2],
    "reals": [0.5, 1.5],
    "empty": "",
    "nothing": [],
}


class ShopError(RuntimeError):
    """Has a module, a qualified name and two arguments, which telemetry may tell or not."""


# ---------------------------------------------------------------------------------------- traces


def spans() -> None:
    tracer = trace.get_tracer("app.traces", "1.2.3", schema_url=f"{SCHEMA}/1", attributes={"t": 7})
    with tracer.start_as_current_span("kinds"):
        for kind in SpanKind:
            tracer.start_span(f"kind {kind.name}", kind=kind).end()
    with tracer.start_as_current_span("attributes", attributes=ATTRIBUTES) as span:
        span.set_attribute("later", "yes")
        span.set_attributes({"later": "again", "more": 1})
        span.update_name("attributes, renamed")
        tracer.start_span("without anything", record_exception=False).end()
    with tracer.start_as_current_span("invalid attributes") as span:
        for key, value in (("none", None), ("object", object()), ("mixed", [1, "a"]), ("", "key")):
            span.set_attribute(key, value)
    with tracer.start_as_current_span("events") as span:
        span.add_event("simple")
        span.add_event("with attributes", ATTRIBUTES)
        span.add_event("with time", {"n": 1}, timestamp=1_700_000_000_000_000_000)
        try:
            raise ShopError("first", "second")
        except ShopError as error:
            span.record_exception(error, {"extra": "yes"}, escaped=False)
    with tracer.start_as_current_span("linked") as span:
        here = span.get_span_context()
        links = [Link(here, {"why": "followed"}), Link(here)]
        tracer.start_span("links", links=links, context=context.Context()).end()
    try:
        with tracer.start_as_current_span("raises"), tracer.start_as_current_span("inner"):
            raise ShopError("it is broken")
    except ShopError:
        pass
    with tracer.start_as_current_span("raises quietly", set_status_on_exception=False) as span:
        span.set_status(Status(StatusCode.ERROR, "said so"))
        span.set_status(StatusCode.OK)
        span.set_status(StatusCode.ERROR, "too late")
    with tracer.start_as_current_span("ok", end_on_exit=False) as span:
        span.set_status(Status(StatusCode.OK))
    span.end(end_time=1_600_000_000_000_000_000)
    span.set_attribute("after the end", True)
    tracer.start_span("old", start_time=1_700_000_000_000_000_000).end(1_700_000_000_000_000_005)
    many(tracer)
    remote_parents(tracer)
    decorated(tracer)


def many(tracer: trace.Tracer) -> None:
    """More of everything than the limits of the specification allow."""
    with tracer.start_as_current_span("many", attributes={f"a{n}": n for n in range(130)}) as span:
        for number in range(130):
            span.add_event(f"event {number}")
    here = span.get_span_context()
    tracer.start_span("many links", links=[Link(here, {"n": n}) for n in range(130)]).end()


def remote_parents(tracer: trace.Tracer) -> None:
    trace_id, span_id = "5b8aa5a2d2c872e8321cf37308d69df2", "5fb397be34d26b51"
    for flags in ("01", "00", "03"):
        carrier = {
            "traceparent": f"00-{trace_id}-{span_id}-{flags}",
            "tracestate": "vendor=value,other=1",
            "baggage": "user=alice,plan=free%20tier",
        }
        token = context.attach(propagate.extract(carrier))
        with tracer.start_as_current_span(f"remote parent, flags {flags}") as span:
            span.set_attribute("baggage.user", str(baggage.get_baggage("user")))
            logging.getLogger("app.remote").error("with flags %s", flags)
            injected: dict[str, str] = {}
            propagate.inject(injected)
            span.set_attribute("injected", sorted(injected))
            tracer.start_span("child of it").end()
        context.detach(token)


def decorated(tracer: trace.Tracer) -> None:
    @tracer.start_as_current_span("decorated")
    def work() -> None:
        tracer.start_span("in decorated").end()

    @tracer.start_as_current_span("decorated async")
    async def async_work() -> None:
        await asyncio.sleep(0)

    async def both() -> None:
        with tracer.start_as_current_span("gather"):
            await asyncio.gather(async_work(), async_work())

    work()
    asyncio.run(both())


# --------------------------------------------------------------------------------------- metrics


def instruments() -> None:
    meter = metrics.get_meter(
        "app.metrics", "4.5.6", schema_url=f"{SCHEMA}/2", attributes={"m": "x"}
    )
    tracer = trace.get_tracer("app.metrics")
    counter = meter.create_counter("app.counter", "{thing}", "Counts things")
    up_down = meter.create_up_down_counter("app.up_down", "By", "Goes up and down")
    histogram = meter.create_histogram("app.histogram", "ms", "A distribution")
    advised = meter.create_histogram(
        "app.advised", "s", "With advice", explicit_bucket_boundaries_advisory=[0.1, 1.0, 10.0]
    )
    gauge = meter.create_gauge("app.gauge", "Cel", "A temperature")
    with tracer.start_as_current_span("measures"):
        counter.add(1, {"kind": "int"})
        histogram.record(7, {"route": "/a"})
    counter.add(2, {"kind": "int"})
    counter.add(0.5, {"kind": "float"})
    counter.add(-1, {"kind": "negative"})
    counter.add(3)
    counter.add(1, ATTRIBUTES)
    up_down.add(5, {"pool": "a"})
    up_down.add(-7, {"pool": "a"})
    up_down.add(2, {"pool": "b"})
    for value in (0, 3, 30, 300, 3000, 30000, 2.5):
        histogram.record(value, {"route": "/a"})
    histogram.record(1, {"route": "/b"})
    histogram.record(-4, {"route": "/c"})
    for value in (0.05, 0.5, 5.0, 50.0):
        advised.record(value)
    gauge.set(20.5, {"room": "a"})
    gauge.set(21.5, {"room": "a"})
    gauge.set(-3, {"room": "b"})
    meter.create_observable_counter("app.observed.counter", [lambda _: pairs(10)], "1", "Seen")
    meter.create_observable_up_down_counter("app.observed.up_down", [lambda _: pairs(-4)])
    meter.create_observable_gauge("app.observed.gauge", [lambda _: pairs(1.5)], "1", "Level")
    meter.create_observable_gauge("app.observed.raises", [raises, lambda _: pairs(1)])
    meter.create_observable_gauge("app.observed.nothing", [lambda _: []])
    meter.create_counter("app.unused")
    again = metrics.get_meter("app.metrics.other").create_counter("app.counter", "{thing}")
    again.add(100, {"kind": "int"})
    meter.create_counter("app.counter", "{thing}", "Counts things").add(10, {"kind": "int"})
    flood = meter.create_counter("app.flood")
    for number in range(2100):
        flood.add(1, {"n": number})


def pairs(value: float) -> list[metrics.Observation]:
    return [metrics.Observation(value, {"n": 1}), metrics.Observation(value * 2, {"n": 2})]


def raises(options: metrics.CallbackOptions) -> list[metrics.Observation]:
    raise ShopError("the callback is broken")


# ------------------------------------------------------------------------------------------ logs


class Unprintable:
    """As an attribute of a log record."""

    def __repr__(self) -> str:
        return "Unprintable()"


def records() -> None:
    log = logging.getLogger("app.logs")
    log.setLevel(1)
    logging.addLevelName(25, "NOTICE")
    for level in (1, 5, 10, 20, 25, 30, 35, 40, 50, 60):
        log.log(level, "level %s", level)
    log.info("arguments %s %d %.2f", "text", 3, 2.5)
    log.info("named %(one)s", {"one": 1})
    log.info({"a": "mapping"})
    log.info(["a", "list"])
    log.info(None)
    log.info("")
    log.info("long %s", "x" * 3000)
    log.info("many\nlines")
    log.info("extra", extra={f"extra.{key}": value for key, value in ATTRIBUTES.items()})
    log.info(
        "odd extra",
        extra={
            "none": None,
            "mapping": {"a": 1, "b": {"c": [1, 2]}},
            "mixed": [1, "a", None],
            "bytes": b"\x00\xff",
            "object": Unprintable(),
            "set": {1},
            "tuple": (1, 2),
            "nan": float("nan"),
            "huge": 2**80,
        },
    )
    log.info("event", extra={"otel.event.name": "app.happened", "detail": 1})
    tracer = trace.get_tracer("app.logs")
    with tracer.start_as_current_span("logged"):
        log.warning("inside")
        with tracer.start_as_current_span("deeper"):
            log.warning("inside, deeper")
    try:
        raise ShopError("first", "second")
    except ShopError:
        log.exception("handled")
    try:
        try:
            raise KeyError("cause")
        except KeyError as cause:
            raise ShopError from cause
    except ShopError as error:
        log.error("without message", exc_info=error)
    log.error("no exception", exc_info=True)
    log.info("with stack", stack_info=True)
    logging.getLogger("app.logs.child").info("from a child")
    logging.getLogger().warning("from the root")
    logging.getLogger("app.quiet").info("below the level of the root")
    api = get_logger("app.api", "7.8.9", schema_url=f"{SCHEMA}/3", attributes={"l": True})
    api.emit(
        LogRecord(
            timestamp=1_700_000_000_000_000_000,
            severity_number=SeverityNumber.INFO2,
            severity_text="CUSTOM",
            body={"nested": ["value", 1, {"deep": True}]},
            attributes={"attribute": "yes", "nested": {"a": [1]}},
            event_name="app.event",
        )
    )
    api.emit(body="only a body")


def main() -> int:
    for step in (spans, instruments, records, compared_web.database, compared_web.web):
        step()
    return 0


if __name__ == "__main__":
    sys.exit(main())
