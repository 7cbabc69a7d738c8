"""What is said when the end comes while an answer is waited for."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

from pepperpy_otel.delivery import Destination, Outcome
from tests.delivery.fakes import FakeOtlpSender, FakeSender, FakeSpool, refused
from tests.delivery.sinks import wait_for

if TYPE_CHECKING:
    from collections.abc import Callable

    from pepperpy_otel.delivery import Pipeline

    Pipelines = Callable[..., Pipeline]


class Hanging(FakeSender):
    """Answers nothing until it is interrupted, and then that there is no answer."""

    def __init__(self) -> None:
        super().__init__("traces", refused(error="no answer within 10 s"))
        self.gate = threading.Event()


def put(pipeline: Any, *names: str) -> None:
    for name in names:
        pipeline._lanes["traces"][0].queue.append(name, 1)


def test_an_end_without_an_answer_says_what_is_not_delivered(
    pipeline: Pipelines, said: list[str]
) -> None:
    """A program shorter than a request's limit would lose all of it without a word."""
    sender = Hanging()
    made = pipeline([sender])
    put(made, "a", "b")
    made.shutdown(0.1)
    wait_for(lambda: sender.closed)
    assert [line.partition(": ")[2] for line in said] == [
        "no answer from http://fake:4318/v1/traces up to the end; 2 items are not delivered"
    ]


def test_an_end_in_an_outage_is_no_news(pipeline: Pipelines, said: list[str]) -> None:
    """One line told of it when it began."""
    sender = FakeSender("traces", refused())
    made = pipeline([sender])
    put(made, "a")
    made.flush(10)
    wait_for(lambda: said)
    sender.gate = threading.Event()
    made.shutdown(0.1)
    wait_for(lambda: sender.closed)
    assert len(said) == 1


def test_what_is_safe_on_disk_is_not_lamented(pipeline: Pipelines, said: list[str]) -> None:
    """The next start delivers it."""
    sender = FakeOtlpSender("traces", Outcome(retry=True, error="no answer within 10 s"))
    sender.gate = threading.Event()
    made = pipeline(Destination("fake", {"traces": sender}, FakeSpool()))
    put(made, "a", "b")
    assert made.shutdown(0.1).spooled.traces == 2
    wait_for(lambda: sender.closed)
    assert not [line for line in said if "not delivered" in line]
