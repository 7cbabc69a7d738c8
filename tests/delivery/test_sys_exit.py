"""``sys.exit()`` in code of the app's or of a plugin's, in a thread of ours, ends that thread not.

It would end silently: Python says nothing when ``SystemExit`` ends a thread.
"""

from __future__ import annotations

import sys
import threading
from typing import TYPE_CHECKING, Any

from pepperpy_otel.delivery import Destination
from tests.delivery.fakes import FakeOtlpSender, FakeSender, FakeSpool
from tests.delivery.sinks import wait_for

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.delivery.conftest import Bench


def leave(*_: Any) -> Any:
    sys.exit("no")


def test_a_metric_source_that_leaves_ends_no_worker(
    pipeline: Callable[..., Any], said: list[str]
) -> None:
    """What is collected later is delivered."""
    made = pipeline([FakeSender("metrics")], metric_interval=0.01)
    made.set_metric_source(leave)
    wait_for(lambda: said)
    made.set_metric_source(None)
    made._lanes["metrics"][0].queue.append_many("data", 1, 1)
    assert made.flush(10).delivered.metrics == 1
    assert "the delivery worker" in said[0]


def test_a_sender_that_leaves_while_it_is_made_or_closed_ends_no_worker(
    pipeline: Callable[..., Any],
) -> None:
    """It is made ahead of time; what waits is kept, and nobody waits for an end in vain."""
    made = pipeline(Destination("fake", {"traces": leave}))
    worker = made._workers[0]
    worker._prepare_at = 0.0
    worker.wake()
    wait_for(lambda: worker._prepare_at)
    made._lanes["traces"][0].queue.append("a", 1)
    assert made.flush(10).pending.traces == 1
    sender = FakeSender()
    sender.close = leave  # type: ignore[method-assign]
    ends = pipeline([sender])
    ends._lanes["traces"][0].queue.append("a", 1)
    assert ends.shutdown(10)
    wait_for(lambda: ends._workers[0]._gone)


def test_an_encoder_that_leaves_costs_the_spooler_neither_items_nor_life(
    bench: Callable[..., Bench], pipeline: Callable[..., Any], said: list[str]
) -> None:
    """The batch stays in memory, for the worker to tell of."""
    sender = FakeOtlpSender()
    sender.encode = leave  # type: ignore[method-assign]
    made = bench(sender)
    made.put("a")
    assert made.lane().spool_batch() is None
    assert made.lane().waiting()
    running = pipeline(Destination("fake", {"traces": FakeOtlpSender()}, FakeSpool()))
    spooler = running._workers[0]._spooler
    ticks = threading.Event()
    spooler.step = lambda: (ticks.set(), leave())
    spooler.wake()
    assert ticks.wait(10)
    wait_for(lambda: said)
    assert spooler._thread.is_alive()
    del spooler.step
