from __future__ import annotations

import threading

from opentelemetry.instrumentation.utils import is_instrumentation_enabled

from pepperpy_otel.delivery import in_delivery
from pepperpy_otel.delivery.guard import delivering, is_own_thread, mark_own_thread


def test_delivery_is_marked_while_it_lasts() -> None:
    """The log handler can tell, and instrumentations keep quiet, only meanwhile."""
    assert not in_delivery()
    with delivering():
        assert in_delivery()
        assert not is_instrumentation_enabled()
    assert not in_delivery()
    assert is_instrumentation_enabled()


def test_delivery_marks_only_its_own_thread() -> None:
    """Another thread's log records and requests are none of our business."""
    seen: list[bool] = []
    with delivering():
        thread = threading.Thread(target=lambda: seen.append(in_delivery()))
        thread.start()
        thread.join()
    assert seen == [False]


def test_a_thread_of_ours_knows_itself() -> None:
    """The mark is of the thread that set it."""
    seen: list[bool] = []

    def run() -> None:
        mark_own_thread()
        seen.append(is_own_thread())

    thread = threading.Thread(target=run)
    thread.start()
    thread.join()
    assert (seen, is_own_thread()) == ([True], False)
