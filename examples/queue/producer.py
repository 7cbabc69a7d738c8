"""Put orders into a directory that serves as a queue."""

from __future__ import annotations

import json
import sys
import uuid
from pathlib import Path

import pepperpy_otel
from pepperpy_otel.correlation import inject, use_correlation_id


def send(queue: Path, body: dict[str, int]) -> None:
    """Write one message; the context of here and now goes into its headers."""
    message = {"headers": inject(), "body": body}
    path = queue / f"{body['order']:06}-{uuid.uuid4().hex}"
    path.with_suffix(".part").write_text(json.dumps(message))
    path.with_suffix(".part").rename(path.with_suffix(".json"))


def main(queue: Path, count: int) -> None:
    """Send some orders, all in one trace and under one correlation id."""
    queue.mkdir(exist_ok=True)
    tracer = pepperpy_otel.get_tracer("producer")
    with use_correlation_id() as correlation_id, tracer.start_as_current_span("send orders"):
        for order in range(1, count + 1):
            send(queue, {"order": order})
    print(f"sent {count} orders as {correlation_id}")


if __name__ == "__main__":
    with pepperpy_otel.configure("queue-producer"):
        main(Path(sys.argv[1]), int(sys.argv[2]))
