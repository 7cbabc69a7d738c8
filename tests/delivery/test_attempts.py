from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from pepperpy_otel.delivery import Outcome
from pepperpy_otel.delivery.attempts import Progress, attempt
from pepperpy_otel.delivery.encoding import Encoder
from pepperpy_otel.delivery.outcome import TOO_LARGE
from pepperpy_otel.delivery.splitting import Part
from tests.delivery.fakes import make_spans, refused
from tests.delivery.test_splitting import request

if TYPE_CHECKING:
    from collections.abc import Callable

BAD = Outcome(error="HTTP 400 Bad Request", divisible=True)
LARGE = Outcome(error="HTTP 413", reason=TOO_LARGE, divisible=True)


class Judge:
    """A sender whose server looks at the names of the spans."""

    signal = "traces"

    def __init__(self, judge: Callable[[list[str]], Any]) -> None:
        self.judge = judge
        self.requests: list[list[str]] = []
        self.arrived: list[str] = []

    def transmit(self, body: bytes, count: int, timeout: float) -> Any:
        names = request(body).span_names()
        assert count == len(names)
        self.requests.append(names)
        outcome = self.judge(names)
        if outcome is None:
            self.arrived += names
            return Outcome(delivered=count)
        if isinstance(outcome, BaseException):
            raise outcome
        return outcome


def names(count: int, **others: str) -> list[str]:
    """Names of spans; some may be others."""
    return [others.get(f"_{number}", f"s{number}") for number in range(count)]


def send(judge: Judge, spans: list[str], left: float = 10.0, *, whole: bool = False) -> Progress:
    """Attempt to send one batch."""
    body = Encoder("traces").encode(make_spans(*spans)).body
    return attempt(judge, [Part(body, len(spans))], lambda: left, whole=whole)  # type: ignore[arg-type]


def test_a_batch_that_is_taken_is_one_request() -> None:
    """Nothing is divided that need not be."""
    judge = Judge(lambda _: None)
    progress = send(judge, names(5))
    assert (progress.delivered, progress.lost, progress.divided) == (5, {}, False)
    assert len(judge.requests) == 1


def test_a_batch_that_is_too_large_is_halved_until_it_fits() -> None:
    """All of it arrives, in order."""
    judge = Judge(lambda spans: LARGE if len(spans) > 3 else None)
    progress = send(judge, names(20))
    assert (progress.delivered, progress.lost, progress.rest) == (20, {}, [])
    assert judge.arrived == names(20)
    assert progress.outcome().error == "HTTP 413"


def test_one_item_that_is_too_large_is_dropped_alone() -> None:
    """The others arrive; the reason has a name."""
    judge = Judge(lambda spans: LARGE if "huge" in spans else None)
    progress = send(judge, names(64, _17="huge"))
    assert (progress.delivered, progress.lost) == (63, {"too_large": 1})
    assert progress.outcome() == Outcome(delivered=63, error="HTTP 413", reason="too_large", lost=1)


@pytest.mark.parametrize("where", [0, 255, 300, 511])
def test_a_poisonous_item_is_found_and_dropped_alone(where: int) -> None:
    """The other 511 arrive, and it takes two requests for each halving."""
    judge = Judge(lambda spans: BAD if "bad" in spans else None)
    progress = send(judge, names(512, **{f"_{where}": "bad"}))
    assert (progress.delivered, progress.lost) == (511, {"refused": 1})
    assert len(judge.requests) <= 19


def test_a_search_has_a_budget() -> None:
    """A batch that is half poison costs no request for each of its items; it adds up."""
    judge = Judge(lambda spans: BAD if any(name.endswith("bad") for name in spans) else None)
    spans = [f"s{number}" + ("bad" if number % 2 else "") for number in range(512)]
    progress = send(judge, spans)
    assert len(judge.requests) <= 40
    assert progress.delivered + progress.lost["refused"] == 512
    assert progress.delivered == len(judge.arrived) > 0


@pytest.mark.parametrize("verdict", [BAD, LARGE])
def test_a_server_that_refuses_everything_is_not_asked_for_each_item(verdict: Outcome) -> None:
    """Whatever the size: it gives up after some tries, and nothing is kept."""
    judge = Judge(lambda _: verdict)
    progress = send(judge, names(512))
    assert (progress.delivered, sum(progress.lost.values()), progress.divided) == (0, 512, True)
    assert len(judge.requests) < 80


def test_nothing_is_divided_when_that_did_not_help_the_last_time() -> None:
    """One request, one loss."""
    judge = Judge(lambda _: BAD)
    progress = send(judge, names(8), whole=True)
    assert (progress.lost, len(judge.requests)) == ({"refused": 8}, 1)


def test_other_refusals_are_final() -> None:
    """A 501 is not about the contents."""
    judge = Judge(lambda _: Outcome(error="HTTP 501"))
    assert send(judge, names(8)).lost == {"refused": 8}
    assert len(judge.requests) == 1


def test_what_is_not_settled_when_the_time_is_over_stays() -> None:
    """The parts that were not sent are kept as they are, the others are settled."""
    time = iter([10.0, 10.0, 10.0, 0.0])
    judge = Judge(lambda spans: LARGE if len(spans) > 2 else None)
    body = Encoder("traces").encode(make_spans(*names(8))).body
    progress = attempt(judge, [Part(body, 8)], lambda: next(time))  # type: ignore[arg-type]
    assert progress.delivered == 2
    assert progress.outcome().retry
    assert progress.outcome().delivered == 2
    assert [request(part.body).span_names() for part in progress.rest] == [
        ["s2", "s3"],
        ["s4", "s5", "s6", "s7"],
    ]


def test_an_outage_in_the_middle_keeps_the_rest() -> None:
    """What arrived is not sent again."""
    answers = [LARGE, None, refused()]
    judge = Judge(lambda _: answers.pop(0))
    progress = send(judge, names(4))
    assert (progress.delivered, [part.items for part in progress.rest]) == (2, [2])
    assert progress.failure == refused()


def test_partial_success_in_parts_is_added_up() -> None:
    """Rejected items of all parts, under their own name."""
    judge = Judge(
        lambda spans: LARGE if len(spans) > 2 else Outcome(delivered=1, rejected=1, error="no")
    )
    progress = send(judge, names(4))
    assert (progress.delivered, progress.lost) == (2, {"rejected": 2})
    assert progress.outcome().rejected == 2


@pytest.mark.parametrize("answer", [ValueError("boom"), SystemExit(), "nonsense"])
def test_nothing_that_a_sender_does_gets_past(answer: Any) -> None:
    """An exception or nonsense costs the part that it was about."""
    answers = [LARGE, answer, None]
    judge = Judge(lambda _: answers.pop(0))
    progress = send(judge, names(4))
    assert (progress.delivered, progress.lost) == (2, {"error": 2})
