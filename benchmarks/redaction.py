"""What ``redact=True`` costs inside of the app's ``end()`` and ``logger.info()``.

    python benchmarks/redaction.py

Each figure is the best of several rounds, in microseconds for one span or record: with values that
were seen before, as most are, with values that are new each time, and with one secret in it.
"""

from __future__ import annotations

import itertools
import time
from typing import TYPE_CHECKING, Any

from opentelemetry.sdk.trace import TracerProvider

from pepperpy_otel.redaction import Redactor

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from opentelemetry.sdk.trace import ReadableSpan

ROUNDS, CALLS = 7, 2000


def attributes(number: int, secret: str = "GET") -> dict[str, str | int]:
    """Eight attributes as a web service has them, two of them new each time."""
    return {
        "http.request.method": secret,
        "url.full": f"https://shop.example.com/api/v1/orders/{number}?page=2",
        "http.response.status_code": 200,
        "server.address": "shop.example.com",
        "server.port": 443,
        "user_agent.original": "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36",
        "db.query.text": "SELECT id, name FROM orders WHERE id = $1",
        "order.id": f"9f1c2f0e-7a5b-4b3d-9a58-{number:012x}",
    }


def all_new(number: int) -> dict[str, str | int]:
    """Eight attributes of which every text is new."""
    return {
        key: f"{value} {number:x}" if isinstance(value, str) else value
        for key, value in attributes(number).items()
    }


def spans(make: Callable[[int], dict[str, str | int]], first: Iterator[int]) -> list[ReadableSpan]:
    """Finished spans."""
    tracer = TracerProvider(shutdown_on_exit=False).get_tracer("benchmark")
    made = []
    for _ in range(CALLS):
        span = tracer.start_span("GET /orders", attributes=make(next(first)))
        span.end()
        made.append(span._readable_span())  # type: ignore[attr-defined]
    return made


def best(prepare: Callable[[], list[Any]], call: Callable[[Any], object]) -> float:
    """Microseconds for one call, in the best round."""
    times = []
    for _ in range(ROUNDS):
        items = prepare()
        start = time.perf_counter()
        for item in items:
            call(item)
        times.append((time.perf_counter() - start) / CALLS)
    return min(times) * 1e6


def main() -> None:
    """Print the figures."""
    numbers = itertools.count(100_000)
    look = Redactor().spans
    same = spans(lambda _: attributes(7), numbers)
    report = {
        "span, 8 attributes seen before": best(lambda: same, look),
        "span, 8 attributes, 2 of them new": best(lambda: spans(attributes, numbers), look),
        "span, 8 attributes, all new": best(lambda: spans(all_new, numbers), look),
        "span, 8 attributes, one a secret": best(
            lambda: spans(lambda number: attributes(number, "password=hunter2"), numbers), look
        ),
    }
    text = Redactor().text
    lines = iter(f"order {number} of customer {number * 7} was placed" for number in numbers)
    texts = [[next(lines) for _ in range(CALLS)] for _ in range(ROUNDS)]
    rounds = iter(texts)
    report["log message, new each time"] = best(lambda: next(rounds), text)
    for name, microseconds in report.items():
        print(f"{name:40} {microseconds:8.2f} us")


if __name__ == "__main__":
    main()
