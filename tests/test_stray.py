"""A child that was forked in a thread ends as it would without us."""

from __future__ import annotations

import os
import threading
from typing import TYPE_CHECKING, Any

import pytest

from pepperpy_otel import stray

if TYPE_CHECKING:
    from collections.abc import Callable


class Telemetry:
    def __init__(self, *, fails: bool = False) -> None:
        self.delivered = 0
        self._fails = fails

    def deliver(self) -> None:
        self.delivered += 1
        if self._fails:
            raise RuntimeError("no")


@pytest.mark.parametrize("fails", [False, True])
def test_it_delivers_and_leaves_when_the_others_have_ended(
    monkeypatch: pytest.MonkeyPatch, fails: bool, capsys: pytest.CaptureFixture[str]
) -> None:
    """The thread that forked, and those that were started since; ours do not count."""
    telemetry = Telemetry(fails=fails)
    left, go_on = threading.Event(), threading.Event()
    statuses: list[int] = []

    def leave(status: int) -> None:
        statuses.append(status)
        left.set()

    second = threading.Thread(target=go_on.wait, args=(10,))
    ours = threading.Thread(target=left.wait, args=(10,), name="pepperpy-otel-worker")
    monkeypatch.setattr(threading, "enumerate", lambda: [t for t in (second, ours) if t.is_alive()])
    first = threading.Thread(target=stray.end_with_thread, args=(telemetry, leave))
    second.start()
    ours.start()
    first.start()
    first.join()
    assert not left.wait(0.05)
    go_on.set()
    assert left.wait(10)
    assert (statuses, telemetry.delivered) == ([0], 1)
    assert capsys.readouterr().err.count("RuntimeError: no") == fails
    for thread in (second, ours):
        thread.join()


def test_threads_that_python_has_not_started_are_left_alone(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Nobody knows when they end."""
    telemetry = Telemetry()
    asked = threading.Event()

    class Foreign:
        def join(self) -> None:
            asked.set()
            raise RuntimeError("cannot join a dummy thread")

    with monkeypatch.context() as patched:
        patched.setattr(threading, "current_thread", Foreign)
        stray.end_with_thread(telemetry, lambda status: pytest.fail("it left"))
    assert asked.wait(10)
    for thread in threading.enumerate():
        if thread.name == "pepperpy-otel-stray":
            thread.join(10)
    assert telemetry.delivered == 0


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_a_child_whose_thread_returns_ends_and_has_delivered(
    run_python: Callable[..., Any], receiver: Any
) -> None:
    """Without us it ends with status 0; our threads would keep it alive for ever."""
    result = run_python(
        """
        import os, threading, warnings
        warnings.simplefilter("ignore")
        import pepperpy_otel
        from opentelemetry import trace

        pepperpy_otel.configure("stray", endpoint=os.environ["SINK"], instrument=False)
        pids = []

        def fork():
            pid = os.fork()
            if pid:
                pids.append(pid)
            else:
                trace.get_tracer("x").start_span("childs").end()

        thread = threading.Thread(target=fork)
        thread.start()
        thread.join()
        if pids:
            print(os.waitpid(pids[0], 0)[1])
        """,
        env={"SINK": receiver.endpoint},
    )
    assert (result.stdout, result.stderr) == ("0\n", "")
    assert [span.name for span in receiver.store.spans] == ["childs"]
