"""Puts texts into every place of telemetry where text can be."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

from opentelemetry.trace import Link, SpanContext, Status, StatusCode, TraceFlags, TraceState

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pepperpy_otel.telemetry import Telemetry

LOGGER = "tests.redaction.telling"
#: The instrument of which a view takes away all attributes: they stay on its exemplars.
FILTERED = "told.filtered"


def tell(
    telemetry: Telemetry,
    texts: Sequence[str],
    *,
    states: Sequence[str] = (),
    binary: bool = True,
    keys: bool = True,
) -> None:
    """Record each text as everything that a text can be."""
    for text in texts:
        key = text if keys else "key"
        _span(telemetry, text, key, binary=binary)
        _log(telemetry, text, key, binary=binary)
    for state in states:
        _traced(telemetry, state)
    _metrics(telemetry, texts)


def _span(telemetry: Telemetry, text: str, key: str, *, binary: bool) -> None:
    tracer = telemetry.tracer_provider.get_tracer(
        "told", text, f"https://schema.example.com/{text}", {"note": text}
    )
    linked = SpanContext(1, 2, is_remote=True, trace_flags=TraceFlags(1))
    values: dict[str, Any] = {
        "note": text,
        "url.full": f"https://h.example.com/x?q={text}",
        "list": ["a", text],
        "nested": {"deep": [{"note": text}, text]},
        "bytes": text.encode() if binary else text,
        key: "a key",
    }
    with tracer.start_as_current_span(
        f"told {text}", attributes=values, links=[Link(linked, {"note": text})]
    ) as span:
        span.add_event(f"event {text}", {"note": text})
        span.record_exception(RuntimeError(text))
        span.set_status(Status(StatusCode.ERROR, text))
        logging.getLogger(LOGGER).warning("inside: %s", text)


def _log(telemetry: Telemetry, text: str, key: str, *, binary: bool) -> None:
    logger = logging.getLogger(LOGGER)
    logger.error("told %s", text, extra={"note": text, "nested": {"deep": [text, {"a": text}]}})
    try:
        raise ValueError(text)
    except ValueError:
        logger.exception("failed")
    telemetry.logger_provider.get_logger("told", text, None, {"note": text}).emit(
        body={"deep": [text, {key: text.encode() if binary else text}]},
        attributes={"note": text, "list": [text]},
        severity_text=text,
        event_name=f"told {text}",
    )


def _traced(telemetry: Telemetry, state: str) -> None:
    context = SpanContext(
        1, 2, is_remote=True, trace_flags=TraceFlags(1), trace_state=TraceState([("v", state)])
    )
    tracer = telemetry.tracer_provider.get_tracer("told")
    tracer.start_span("traced", links=[Link(context)]).end()


def _metrics(telemetry: Telemetry, texts: Sequence[str]) -> None:
    meter = telemetry.meter_provider.get_meter("told", attributes={"note": texts[0]})
    counter = meter.create_counter("told.count", description=texts[0])
    latency = meter.create_histogram("told.latency")
    filtered = meter.create_counter(FILTERED)
    tracer = telemetry.tracer_provider.get_tracer("told")
    for text in texts:
        with tracer.start_as_current_span("measuring"):
            counter.add(1, {"note": text})
            latency.record(0.1, {"note": text, "same": "x"})
            filtered.add(1, {"note": text})
