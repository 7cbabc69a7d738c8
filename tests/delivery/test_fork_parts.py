"""What the delivery lets go of in a forked child; the real forks are in ``test_fork.py``."""

from __future__ import annotations

import os
import threading
import time
from typing import TYPE_CHECKING, Any

import pytest

from pepperpy_otel.delivery import OtlpEndpoint
from pepperpy_otel.delivery.connection import Connection
from pepperpy_otel.delivery.courier import Courier
from pepperpy_otel.delivery.http import HttpSender
from pepperpy_otel.delivery.ticket import Ticket
from tests.delivery.fakes import FakeSender, make_metrics, make_spans

if TYPE_CHECKING:
    from collections.abc import Callable


def is_open(descriptor: int) -> bool:
    try:
        os.fstat(descriptor)
    except OSError:
        return False
    return True


def test_a_child_closes_the_socket_and_says_nothing(http_sink: Any) -> None:
    """Where the parent goes on with it, as here with a second descriptor of it."""
    sink = http_sink()
    sender = HttpSender("traces", OtlpEndpoint(f"{sink.url}/v1/traces"))
    sender.let_go()  # there is none yet
    assert sender.send(make_spans("a"), 10).delivered == 1
    connection: Any = sender._connection
    parents = connection.sock.dup()
    childs = connection.sock.fileno()
    sender.let_go()
    sender.let_go()
    assert not is_open(childs)
    connection.sock = parents
    assert sender.send(make_spans("b"), 10).delivered == 1
    assert len({request.client for request in sink.requests}) == 1
    sender.close()


def test_a_socket_that_is_gone_already() -> None:
    """The parent was just closing it."""
    connection = Connection("127.0.0.1", 1, tls=None, proxy=None)

    class Closed:
        def detach(self) -> int:
            return -1

    connection._socket = Closed()  # type: ignore[assignment]
    connection.let_go()
    assert connection._socket is None


@pytest.mark.parametrize("fails", [False, True])
def test_the_parents_sender_is_let_go_of_and_kept(fails: bool) -> None:
    """Neither closed nor collected, which could say goodbye on the parent's connection."""

    class Sender(FakeSender):
        let_go_of = 0

        def let_go(self) -> None:
            self.let_go_of += 1
            if fails:
                raise RuntimeError("no")

    sender = Sender()
    courier = Courier(lambda: sender, time.monotonic)
    courier.after_fork()
    courier.prepare()
    courier.after_fork()
    assert (sender.let_go_of, sender.closed) == (1, 0)
    courier.prepare()
    assert courier._sender is sender


def test_who_waits_for_a_collection_goes_on(pipeline: Callable[..., Any]) -> None:
    """A fork in a signal handler may cut into a flush: in the child nobody collects for it."""
    entered, go_on = threading.Event(), threading.Event()

    def collect(_: float) -> Any:
        entered.set()
        go_on.wait(20)
        return make_metrics(a=1)

    running = pipeline([FakeSender("metrics")])
    running.set_metric_source(collect)
    thread = threading.Thread(target=running.flush, args=(15,))
    started = time.monotonic()
    thread.start()
    assert entered.wait(10)
    running.after_fork()
    thread.join(10)
    assert time.monotonic() - started < 10
    go_on.set()


def test_tickets_that_nobody_will_serve_are_finished(still_pipeline: Callable[..., Any]) -> None:
    """Likewise: those that lie in the parent's mailbox."""
    made, worker = still_pipeline(FakeSender())
    ticket = Ticket({}, 10.0)
    worker._mailbox.post(ticket)
    made.after_fork()
    assert ticket.finished
    assert not worker._mailbox.tickets


def test_a_callback_that_forks_in_the_middle_of_a_collection(
    pipeline: Callable[..., Any],
) -> None:
    """The lock that the child lets go of is the one that it was given."""
    running = pipeline([FakeSender("metrics")])
    collected: list[int] = []

    def collect(_: float) -> Any:
        running._metrics.after_fork()
        collected.append(1)
        return make_metrics(a=1)

    running.set_metric_source(collect)
    running._metrics.collect(10)
    running._metrics._next = 0.0
    running._metrics.collect_if_due()
    assert len(collected) == 2
    assert not running._metrics._lock.locked()
