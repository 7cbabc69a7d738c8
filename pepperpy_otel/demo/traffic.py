"""Real requests to the storefront, for some seconds: orders that go well and some that do not."""

from __future__ import annotations

import http.client
import json
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

PAUSE = 0.12
TIMEOUT = 10.0
#: One round: what a shop's day looks like. There is no moon to sell, and the teapot's shelf jams.
ROUND: tuple[dict[str, Any] | None, ...] = (
    None,
    {"sku": "mug", "quantity": 4},
    {"sku": "plate", "quantity": 1},
    {"sku": "moon", "quantity": 1},
    {"sku": "spoon", "quantity": 6},
    {"sku": "teapot", "quantity": 1},
)


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back: the HTTP status (0: nothing did) and the trace that the shop named."""

    status: int
    trace_id: str = ""


def drive(
    address: tuple[str, int],
    seconds: float,
    on_answer: Callable[[Answer], None],
    *,
    pause: float = PAUSE,
) -> list[Answer]:
    """Send requests one after the other; every kind at least once, however short the time.

    Args:
        address: Host and port of the storefront.
        seconds: How long.
        on_answer: Told of each answer, for a display.
        pause: Seconds between two requests.
    """
    answers: list[Answer] = []
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline or len(answers) < len(ROUND):
        answers.append(_send(address, ROUND[len(answers) % len(ROUND)]))
        on_answer(answers[-1])
        time.sleep(pause)
    return answers


def _send(address: tuple[str, int], order: dict[str, Any] | None) -> Answer:
    connection = http.client.HTTPConnection(*address, timeout=TIMEOUT)
    try:
        if order is None:
            connection.request("GET", "/products")
        else:
            body = json.dumps(order)
            connection.request("POST", "/orders", body, {"Content-Type": "application/json"})
        response = connection.getresponse()
        response.read()
        return Answer(response.status, response.headers.get("X-Trace-Id", ""))
    except (OSError, http.client.HTTPException):
        return Answer(0)
    finally:
        connection.close()
