"""Between a signal that ends the process and its end: whatever is there leaves at once."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from pepperpy_otel.delivery import QueueLimits
from tests.delivery.fakes import FakeOtlpSender, FakeSender, refused
from tests.delivery.sinks import wait_for
from tests.delivery.test_pipeline import LIMITS, put

if TYPE_CHECKING:
    from collections.abc import Callable

    from pepperpy_otel.delivery import Pipeline
    from tests.delivery.conftest import Bench
    from tests.delivery.fakes import ManualClock


def test_what_waits_and_what_comes_leaves_at_once(pipeline: Callable[..., Pipeline]) -> None:
    """Without a flush, a full batch or the schedule's time, for every signal."""
    traces, logs = FakeSender("traces"), FakeSender("logs")
    made = pipeline([traces, logs], limits=LIMITS)
    put(made, count=2)
    made.hurry()
    wait_for(lambda: len(traces.items) == 2)
    for count in range(3, 6):
        put(made)
        wait_for(lambda count=count: len(traces.items) == count)
    put(made, "logs")
    wait_for(lambda: logs.items)


def test_a_backoff_is_ignored_once(still_pipeline: Callable[..., Any], clock: ManualClock) -> None:
    """The destination may be back: one try now, and then at the usual pace."""
    sender = FakeSender("traces", refused())
    made, worker = still_pipeline(sender)
    put(made)
    clock.advance(5)
    for _ in range(5):
        clock.advance(worker.step())
    tries = len(sender.batches)
    worker.step()
    tries += 1
    assert len(sender.batches) == tries
    made.hurry()
    assert worker.step() > 1
    assert len(sender.batches) == tries + 1
    worker._mailbox.wakeup.is_set = False
    put(made)
    assert not worker._mailbox.wakeup.is_set  # it is down: nobody runs for each item
    worker.step()
    assert len(sender.batches) == tries + 1


def test_with_the_destination_down_everything_goes_to_disk_at_once(
    bench: Callable[..., Bench],
) -> None:
    """Each item as it comes: the process may be killed in the next moment."""
    made = bench(
        FakeOtlpSender("traces", refused(retry_after=60.0)),
        limits={"traces": QueueLimits(schedule_delay=3600)},
    )
    made.put("a")
    made.pipeline.hurry()
    made.work()
    assert made.spool.items() == ["a"]
    wakeup = made.spooler._wakeup
    wakeup.is_set = False
    made.put("b")
    assert wakeup.is_set
    made.tidy()
    assert made.spool.items() == ["a", "b"]


def test_with_a_send_that_hangs_everything_goes_to_disk_soon(bench: Callable[..., Bench]) -> None:
    """Nobody waits for a second any more."""
    sender = FakeOtlpSender()
    made = bench(sender, limits={"traces": QueueLimits(schedule_delay=3600)})
    made.pipeline.hurry()
    seen: list[Any] = []

    def look() -> None:
        sender.during = None
        made.put("b")
        seen.extend([made.tidy(), made.spool.items(), made.tidy(0.1), made.spool.items()])

    sender.during = look
    made.put("a")
    made.work()
    assert seen == [0.1, [], 1.0, ["b"]]


def test_a_forked_child_is_in_no_hurry(still_pipeline: Callable[..., Any]) -> None:
    """It is another process, with a life of its own."""
    sender = FakeSender()
    made, worker = still_pipeline(sender)
    made.hurry()
    made.after_fork()
    worker._running = False
    put(made)
    worker.step()
    assert sender.batches == []


#: Hurries from a signal handler that cuts into appends and flushes of the same thread.
INTERRUPTED = """
import signal, time
from pepperpy_otel.delivery import Destination, Pipeline, QueueLimits
from tests.delivery.fakes import FakeSender, make_spans

sender = FakeSender("traces")
pipeline = Pipeline([Destination("fake", {"traces": sender})], {}, 3600, 30)
pipeline.start()
processor, span = pipeline.span_processor(), make_spans("s")[0]
calls = []
signal.signal(signal.SIGALRM, lambda *_: calls.append(pipeline.hurry()))
signal.setitimer(signal.ITIMER_REAL, 0.0005, 0.0005)
deadline = time.monotonic() + 30
accepted = 0
while len(calls) < 500 and time.monotonic() < deadline:
    processor.on_end(span)
    accepted += 1
    if accepted % 50 == 0:
        pipeline.stats()
        pipeline.flush(5)
signal.setitimer(signal.ITIMER_REAL, 0)
print(len(calls) >= 500, bool(pipeline.shutdown(10)), len(sender.items) == accepted)
"""


@pytest.mark.skipif(not hasattr(signal, "setitimer"), reason="POSIX signals")
def test_it_may_be_called_in_a_signal_handler() -> None:
    """Any number of times, whatever it cuts into."""
    environment = {k: v for k, v in os.environ.items() if not k.startswith("COV")}
    result = subprocess.run(
        [sys.executable, "-c", INTERRUPTED],
        env={**environment, "PYTHONPATH": str(Path(__file__).parents[2])},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (result.stdout, result.stderr) == ("True True True\n", "")
