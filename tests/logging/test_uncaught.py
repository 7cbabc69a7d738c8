"""Warnings and uncaught exceptions are log records with their span; what was there goes on."""

from __future__ import annotations

import asyncio
import logging
import sys
import threading
import warnings
from typing import TYPE_CHECKING, Any

import pytest
from opentelemetry import trace

import pepperpy_otel
from pepperpy_otel import _failing

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Callable, Iterator

    from pepperpy_otel.demo.receiver import Receiver
    from pepperpy_otel.telemetry import Telemetry

    Configure = Callable[..., Telemetry]

PROGRAM = """
import sys, threading, warnings
import pepperpy_otel
from opentelemetry import trace
warnings.simplefilter("always")
telemetry = pepperpy_otel.configure(
    "x", instrument=False, capture_exceptions=True, capture_warnings=True
)
tracer = trace.get_tracer("x")
def work():
    with tracer.start_as_current_span("in the thread"):
        raise KeyError("thread")
thread = threading.Thread(target=work, name="worker")
thread.start()
thread.join()
warnings.warn("old", DeprecationWarning)
with tracer.start_as_current_span("outer"):
    with tracer.start_as_current_span("inner"):
        raise ValueError("main")
"""


@pytest.fixture
def hooks() -> Iterator[list[Any]]:
    """What the hooks that were there before are called with."""
    seen: list[Any] = []
    before = sys.excepthook, threading.excepthook, warnings.showwarning
    sys.excepthook = lambda *args: seen.append(args)
    threading.excepthook = lambda args: seen.append(args)
    warnings.showwarning = lambda *args, **kwargs: seen.append(args)  # type: ignore[assignment]
    yield seen
    sys.excepthook, threading.excepthook, warnings.showwarning = before


def logs(receiver: Receiver) -> list[Any]:
    """What was received."""
    assert pepperpy_otel.force_flush(30_000)
    return receiver.store.logs


def test_a_program_that_dies_tells_why(
    receiver: Receiver, run_python: Callable[..., subprocess.CompletedProcess[str]]
) -> None:
    """Main program, thread and warning: each a record, the exceptions in the innermost span."""
    ended = run_python(PROGRAM, env={"OTEL_EXPORTER_OTLP_ENDPOINT": receiver.endpoint})
    assert ended.returncode == 1
    assert ended.stderr.count("Traceback") == 2
    assert ended.stderr.count("DeprecationWarning: old") == 1
    spans = {span.name: span for span in receiver.store.spans}
    records = {record.attributes.get("exception.type"): record for record in receiver.store.logs}
    assert len(receiver.store.logs) == 3
    assert records["ValueError"].span_id == spans["inner"].span_id
    assert records["KeyError"].span_id == spans["in the thread"].span_id
    assert records["KeyError"].attributes["thread.name"] == "worker"
    assert records["ValueError"].attributes["exception.message"] == "main"
    assert "in <module>" in records["ValueError"].attributes["exception.stacktrace"]
    assert records[None].body == "old"
    assert records[None].attributes["warning.category"] == "DeprecationWarning"


def test_off_by_default(configure: Configure, hooks: list[Any]) -> None:
    """Without the settings no hook is touched."""
    before = sys.excepthook, threading.excepthook, warnings.showwarning
    configure()
    assert before == (sys.excepthook, threading.excepthook, warnings.showwarning)
    assert hooks == []


def test_what_was_there_is_called_and_put_back(
    configure: Configure, receiver: Receiver, hooks: list[Any]
) -> None:
    """The hooks before ours get what they would have got, and are there again after rollback()."""
    before = sys.excepthook, threading.excepthook, warnings.showwarning
    handler = asyncio.BaseEventLoop.call_exception_handler
    configure(capture_exceptions=True, capture_warnings=True)
    error = ValueError("x")
    sys.excepthook(ValueError, error, None)
    warnings.showwarning("careful", UserWarning, "f.py", 1)
    threading.excepthook(threading.ExceptHookArgs([ValueError, error, None, None]))
    assert len(hooks) == 3
    assert hooks[0] == (ValueError, error, None)
    assert len(logs(receiver)) == 3
    report = pepperpy_otel.rollback()
    assert before == (sys.excepthook, threading.excepthook, warnings.showwarning)
    assert asyncio.BaseEventLoop.call_exception_handler is handler
    assert {"sys.excepthook", "threading.excepthook", "warnings.showwarning"} <= set(
        report.restored
    )
    assert not _failing.wanted


def test_one_under_another_stays_and_is_silent(
    configure: Configure, receiver: Receiver, hooks: list[Any]
) -> None:
    """Where somebody put a hook over ours, rollback() says so, and ours only calls on."""
    configure(capture_exceptions=True)
    ours = sys.excepthook
    sys.excepthook = lambda *args: ours(*args)
    report = pepperpy_otel.rollback()
    assert any("sys.excepthook" in item for item in report.inert)
    sys.excepthook(ValueError, ValueError("x"), None)
    assert len(hooks) == 1
    assert receiver.store.logs == []


def test_the_end_of_a_program_is_no_failure(
    configure: Configure, receiver: Receiver, hooks: list[Any]
) -> None:
    """Neither Ctrl-C nor an exit in a thread is a record; a warning for a file is not, either."""
    configure(capture_exceptions=True, capture_warnings=True)
    sys.excepthook(KeyboardInterrupt, KeyboardInterrupt(), None)
    threading.excepthook(threading.ExceptHookArgs([SystemExit, SystemExit(), None, None]))
    threading.excepthook(threading.ExceptHookArgs([ValueError, None, None, None]))
    warnings.showwarning("careful", UserWarning, "f.py", 1, sys.stderr)
    assert len(hooks) == 4
    assert logs(receiver) == []


def test_warnings_that_logging_captures_are_taken_once(
    configure: Configure, receiver: Receiver
) -> None:
    """After logging.captureWarnings(True) the standard library logs them; we do not again."""
    logging.captureWarnings(True)
    try:
        configure(capture_warnings=True)
        with warnings.catch_warnings():
            warnings.simplefilter("always")
            warnings.warn("careful", UserWarning, stacklevel=1)
        assert len(logs(receiver)) == 1
    finally:
        pepperpy_otel.rollback()
        logging.captureWarnings(False)


def test_asyncio_tells_of_tasks_that_nobody_awaited(
    configure: Configure, receiver: Receiver, caplog: pytest.LogCaptureFixture
) -> None:
    """The app's own handler of the loop is called too; the record has task and span."""
    seen = []
    configure(capture_exceptions=True)

    async def fail() -> None:
        with trace.get_tracer("x").start_as_current_span("in the task"):
            raise ValueError("task")

    async def main() -> None:
        loop = asyncio.get_running_loop()
        loop.set_exception_handler(lambda _, context: seen.append(context.get("message")))
        task = asyncio.create_task(fail(), name="lost")
        await asyncio.wait([task])
        loop.call_exception_handler(
            {"message": "failed", "exception": task.exception(), "task": task}
        )
        loop.call_exception_handler({"message": "odd"})
        loop.call_exception_handler({})

    asyncio.run(main())
    assert seen == ["failed", "odd", None]
    records = logs(receiver)
    span = next(span for span in receiver.store.spans if span.name == "in the task")
    assert [record.body for record in records] == [
        "failed",
        "odd",
        "unhandled exception in an asyncio loop",
    ]
    assert records[0].span_id == span.span_id
    assert records[0].attributes["asyncio.task.name"] == "lost"


def test_another_exception_has_not_the_span_of_the_last_one(
    configure: Configure, receiver: Receiver, hooks: list[Any]
) -> None:
    """An exception that no span recorded belongs to no span."""
    configure(capture_exceptions=True)
    with pytest.raises(ValueError, match="one"), trace.get_tracer("x").start_as_current_span("s"):
        raise ValueError("one")
    sys.excepthook(ValueError, ValueError("two"), None)
    assert logs(receiver)[0].span_id in (None, "", b"")


def test_what_is_no_exception_is_not_remembered(configure: Configure) -> None:
    """Whatever an app records, nothing raises."""
    configure(capture_exceptions=True)
    strange: Any = "no exception"
    with trace.get_tracer("x").start_as_current_span("s") as span:
        span.record_exception(strange)
    assert _failing.span_of(ValueError()) is None
