"""Take orders out of a directory that serves as a queue."""

from __future__ import annotations

import json
import logging
import sys
from pathlib import Path
from typing import Any

from opentelemetry.trace import SpanKind, format_trace_id

import pepperpy_otel
from pepperpy_otel.correlation import correlation_id, extract

logger = logging.getLogger("consumer")


def handle(message: dict[str, Any]) -> None:
    """Handle one message in the context of who sent it, and only this one."""
    tracer = pepperpy_otel.get_tracer("consumer")
    with (
        extract(message["headers"]),
        tracer.start_as_current_span("handle order", kind=SpanKind.CONSUMER) as span,
    ):
        order = message["body"]["order"]
        logger.warning("order %d is handled", order)
        trace_id = format_trace_id(span.get_span_context().trace_id)
        print(f"order {order} of {correlation_id()}, trace {trace_id}")


def main(queue: Path) -> None:
    """Handle what is there."""
    for path in sorted(queue.glob("*.json")):
        handle(json.loads(path.read_text()))
        path.unlink()


if __name__ == "__main__":
    with pepperpy_otel.configure("queue-consumer"):
        main(Path(sys.argv[1]))
