from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pepperpy_otel.delivery import Outcome, QueueLimits
from pepperpy_otel.delivery.notices import MOST_LOSSES
from tests.delivery.fakes import FakeSender, ok, refused

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.delivery.fakes import ManualClock

WRONG = Outcome(retry=True, misconfigured=True, error="HTTP 404 Not Found")


class Bench:
    """A worker with senders for signals, stepped by hand."""

    def __init__(self, still_pipeline: Any, clock: ManualClock, *senders: Any, **options: Any):
        self.clock = clock
        self.pipeline, self.worker = still_pipeline(*senders, **options)

    def put(self, signal: str = "traces", count: int = 1) -> None:
        for _ in range(count):
            self.pipeline._lanes[signal][0].queue.append(object(), 1)

    def go(self, seconds: float = 40.0) -> None:
        self.clock.advance(seconds)
        self.worker.step()


def test_an_outage_is_one_line_when_it_starts_and_one_when_it_ends(
    still_pipeline: Callable[..., Any], clock: ManualClock, said: list[str]
) -> None:
    """Nothing in between; the first names URL and error, the last the counts."""
    sender = FakeSender("traces", refused())
    limits = {"traces": QueueLimits(max_items=3)}
    bench = Bench(still_pipeline, clock, sender, limits=limits)
    bench.put(count=3)
    for _ in range(5):
        bench.go()
    assert len(said) == 1
    assert "http://fake:4318/v1/traces" in said[0]
    assert "connection refused" in said[0]
    bench.put(count=2)
    sender.outcomes = []
    bench.go()
    assert len(said) == 2
    assert said[1].endswith(
        "delivery to http://fake:4318 works again after 200 s; "
        "3 items delivered since, 2 dropped meanwhile"
    )
    bench.put()
    bench.go()
    assert len(said) == 2


def test_signals_that_go_to_the_same_place_share_its_outage(
    still_pipeline: Callable[..., Any], clock: ManualClock, said: list[str]
) -> None:
    """Three signals down are one outage, over when all are through again."""
    senders = [FakeSender(signal, refused()) for signal in ("traces", "logs", "metrics")]
    bench = Bench(still_pipeline, clock, *senders)
    for sender in senders:
        bench.put(sender.signal)
    bench.go()
    assert len(said) == 1
    for sender in senders:
        assert "works again" not in said[-1]
        sender.outcomes = []
        bench.go()
    assert len(said) == 2
    assert "3 items delivered since" in said[1]


def test_places_that_differ_have_outages_of_their_own(
    still_pipeline: Callable[..., Any], clock: ManualClock, said: list[str]
) -> None:
    """Signals with endpoints of their own are told of one by one."""
    traces, logs = FakeSender("traces", refused()), FakeSender("logs", refused())
    logs.target = "elsewhere:4317"
    bench = Bench(still_pipeline, clock, traces, logs)
    bench.put("traces")
    bench.put("logs")
    bench.go()
    assert len(said) == 2
    logs.outcomes = []
    bench.go()
    assert len(said) == 3
    assert "elsewhere:4317 works again" in said[2]


def test_a_wrong_set_up_is_told_of_beside_an_outage(
    still_pipeline: Callable[..., Any], clock: ManualClock, said: list[str]
) -> None:
    """A path that does not exist stays told once, through an outage of the whole server."""
    traces, logs = FakeSender("traces"), FakeSender("logs", WRONG)
    bench = Bench(still_pipeline, clock, traces, logs)
    bench.put("traces")
    bench.put("logs")
    bench.go()
    assert len(said) == 1
    assert "logs to http://fake:4318/v1/logs: HTTP 404 Not Found; check" in said[0]
    traces.outcomes = [refused()]
    logs.outcomes = [refused()]
    bench.put("traces")
    bench.go()
    assert len(said) == 2
    traces.outcomes = [ok()]
    logs.outcomes = [WRONG]
    bench.go()
    assert len(said) == 3
    assert "works again" in said[2]
    bench.go()
    assert len(said) == 3
    logs.outcomes = [ok()]
    bench.go()
    assert len(said) == 4


def test_a_server_that_comes_back_wrongly_set_up_is_not_called_well(
    still_pipeline: Callable[..., Any], clock: ManualClock, said: list[str]
) -> None:
    """Refused, then 404: the second line says what is wrong now, none says that it works."""
    bench = Bench(still_pipeline, clock, FakeSender("traces", refused(), WRONG))
    bench.put()
    bench.go()
    bench.go()
    assert len(said) == 2
    assert "HTTP 404" in said[1]


def test_one_signal_set_up_wrongly_leaves_the_others_outage_open(
    still_pipeline: Callable[..., Any], clock: ManualClock, said: list[str]
) -> None:
    """The outage goes on for those that still cannot be delivered."""
    traces, logs = FakeSender("traces", refused()), FakeSender("logs", refused(), WRONG)
    bench = Bench(still_pipeline, clock, traces, logs)
    bench.put("traces")
    bench.put("logs")
    bench.go()
    bench.go()
    assert ["works again" in line for line in said] == [False, False]


def test_a_refusal_is_told_of_once(
    still_pipeline: Callable[..., Any], clock: ManualClock, said: list[str]
) -> None:
    """A server that says 400 to every batch gets one line."""
    bench = Bench(
        still_pipeline, clock, FakeSender("traces", Outcome(error="HTTP 400 Bad Request"))
    )
    for _ in range(3):
        bench.put()
        bench.go()
    assert len(said) == 1
    assert "spans dropped on the way to http://fake:4318/v1/traces: HTTP 400" in said[0]


def test_a_partial_success_is_told_of_once(
    still_pipeline: Callable[..., Any], clock: ManualClock, said: list[str]
) -> None:
    """The server's message is shown, once."""
    some = Outcome(delivered=1, rejected=1, error="partial success: no room")
    limits = {"logs": QueueLimits(batch_size=2)}
    bench = Bench(still_pipeline, clock, FakeSender("logs", some), limits=limits)
    for _ in range(3):
        bench.put("logs", 2)
        bench.go()
    assert len(said) == 1
    assert "log records dropped" in said[0]
    assert "no room" in said[0]


def test_a_remark_on_a_full_success_is_no_loss(
    still_pipeline: Callable[..., Any], clock: ManualClock, said: list[str]
) -> None:
    """A warning of a server that took everything says so."""
    remark = Outcome(delivered=1, error="deprecated attribute")
    bench = Bench(still_pipeline, clock, FakeSender("traces", remark))
    bench.put()
    bench.go()
    assert "spans arrived with a warning" in said[0]


def test_a_server_with_ever_new_words_is_not_listened_to_for_ever(
    still_pipeline: Callable[..., Any], clock: ManualClock, said: list[str]
) -> None:
    """Different messages are told of up to a bound."""
    outcomes = [Outcome(error=f"HTTP 400: request {number}") for number in range(40)]
    bench = Bench(still_pipeline, clock, FakeSender("traces", *outcomes))
    for _ in range(40):
        bench.put()
        bench.go()
    assert len(said) == MOST_LOSSES


def test_a_queue_that_overflows_without_an_outage_is_told_of_once(
    still_pipeline: Callable[..., Any], clock: ManualClock, said: list[str]
) -> None:
    """Losing spans to a burst is a line of its own, which names the bound."""
    limits = {"traces": QueueLimits(max_items=2)}
    bench = Bench(still_pipeline, clock, FakeSender("traces"), limits=limits)
    for _ in range(3):
        bench.put(count=5)
        bench.go()
    assert len(said) == 1
    assert "3 spans dropped" in said[0]
    assert "at most 2 are kept" in said[0]


def test_a_sender_without_a_target_is_called_by_its_destination(
    still_pipeline: Callable[..., Any], clock: ManualClock, said: list[str]
) -> None:
    """The name stands in for the URL."""
    sender = FakeSender("traces", refused())
    sender.target = ""
    bench = Bench(still_pipeline, clock, sender)
    bench.put()
    bench.go()
    assert "cannot deliver traces to fake: connection refused" in said[0]
