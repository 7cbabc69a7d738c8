"""The standard library's threads and processes, patched by setting."""

from __future__ import annotations

import gc
import http.client
import multiprocessing.process
import threading
import weakref
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import pytest
from opentelemetry.instrumentation import propagators

import pepperpy_otel
from pepperpy_otel.correlation import correlation_id, patches, use_correlation_id
from pepperpy_otel.correlation.carrying import carry
from pepperpy_otel.ledger import Ledger

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from pepperpy_otel.telemetry import Telemetry

PLACES: list[tuple[Any, str]] = [
    (threading.Thread, "start"),
    (ThreadPoolExecutor, "submit"),
    (ProcessPoolExecutor, "submit"),
    (multiprocessing.process.BaseProcess, "start"),
]
OTHERS: list[tuple[Any, str]] = [
    (http.client.HTTPConnection, "putrequest"),
    (http.client.HTTPConnection, "putheader"),
    (propagators, "_RESPONSE_PROPAGATOR"),
]


@pytest.fixture
def patch() -> Iterator[Callable[..., Ledger]]:
    """Patch some; taken back behind the test."""
    ledger = Ledger()

    def call(*names: str) -> Ledger:
        patches.install(names, ledger.record)
        return ledger

    yield call
    ledger.undo()


def _in_thread(thread: threading.Thread) -> None:
    with use_correlation_id("abc"):
        thread.start()
    thread.join(30)


def test_nothing_is_patched_unless_it_is_named(patch: Callable[..., Ledger]) -> None:
    """Neither all nor the other half."""
    before = [getattr(*place) for place in PLACES]
    patch()
    assert [getattr(*place) for place in PLACES] == before
    patch("threads")
    changed = [getattr(*place) is not was for place, was in zip(PLACES, before, strict=True)]
    assert changed == [True, True, False, False]


def test_undoing_leaves_no_trace(patch: Callable[..., Ledger]) -> None:
    """The very functions that were there, and the report names each."""
    before = [getattr(*place) for place in PLACES]
    ledger = patch("threads", "processes")
    assert [getattr(*place) for place in PLACES] != before
    assert ledger.undo().restored == (
        "concurrent.futures.process.ProcessPoolExecutor.submit",
        "multiprocessing.process.BaseProcess.start",
        "concurrent.futures.thread.ThreadPoolExecutor.submit",
        "threading.Thread.start",
    )
    assert [getattr(*place) for place in PLACES] == before


def test_what_others_have_wrapped_stays_and_does_nothing(
    patch: Callable[..., Ledger], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Theirs goes on calling ours, which only passes on."""
    seen: list[str | None] = []
    ledger = patch("threads")
    ours = threading.Thread.start
    monkeypatch.setattr(threading.Thread, "start", lambda thread: ours(thread))
    ledger.undo()
    assert threading.Thread.start is not ours
    _in_thread(threading.Thread(target=lambda: seen.append(correlation_id())))
    assert seen == [None]


def test_a_thread_has_the_context_of_who_starts_it(patch: Callable[..., Ledger]) -> None:
    """By target, and of a subclass that runs by itself."""
    seen: list[str | None] = []

    class Own(threading.Thread):
        def run(self) -> None:
            seen.append(correlation_id())

    patch("threads")
    _in_thread(threading.Thread(target=lambda: seen.append(correlation_id())))
    _in_thread(Own())
    thread = threading.Thread()
    thread.run = lambda: seen.append(correlation_id())  # type: ignore[method-assign]
    _in_thread(thread)
    assert seen == ["abc"] * 3
    assert "run" in vars(thread)


def test_threads_of_telemetry_belong_to_nobody(patch: Callable[..., Ledger]) -> None:
    """They outlive the request that happened to start them."""
    seen: list[str | None] = []
    patch("threads")
    thread = threading.Thread(
        target=lambda: seen.append(correlation_id()), name="pepperpy-otel-worker"
    )
    _in_thread(thread)
    assert seen == [None]


def test_a_thread_holds_nothing_of_its_start(patch: Callable[..., Ledger]) -> None:
    """It goes when its last reference goes, without the garbage collector."""
    patch("threads")
    thread = threading.Thread(target=bool)
    _in_thread(thread)
    assert "run" not in vars(thread)
    gone = weakref.ref(thread)
    gc.disable()
    try:
        del thread
        assert gone() is None
    finally:
        gc.enable()


def test_a_thread_that_cannot_be_started_is_as_it_was(
    patch: Callable[..., Ledger], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The error is the standard library's, and so is the second one for a second start."""

    def fail(thread: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(threading.Thread, "start", fail)
    patch("threads")
    thread = threading.Thread(target=bool)
    with use_correlation_id("abc"), pytest.raises(RuntimeError, match="can't start"):
        thread.start()
    assert "run" not in vars(thread)


def test_a_second_start_is_the_same_error_as_ever(patch: Callable[..., Ledger]) -> None:
    """And breaks nothing of the thread."""
    patch("threads")
    thread = threading.Thread(target=bool)
    _in_thread(thread)
    with use_correlation_id("abc"), pytest.raises(RuntimeError, match="only be started once"):
        thread.start()


def test_tasks_have_the_context_of_who_submits_and_threads_have_none(
    patch: Callable[..., Ledger],
) -> None:
    """Also those without a context: the pool's thread was started within another's."""
    patch("threads")
    with ThreadPoolExecutor(max_workers=1) as pool:
        with use_correlation_id("abc"):
            first = pool.submit(correlation_id)
        second = pool.submit(correlation_id)
        assert (first.result(30), second.result(30)) == ("abc", None)
        with use_correlation_id("def"):
            assert list(pool.map(lambda _: correlation_id(), range(2))) == ["def", "def"]
        with pytest.raises(TypeError):
            pool.submit()  # type: ignore[call-arg]


def test_an_error_of_a_task_is_its_submitters(patch: Callable[..., Ledger]) -> None:
    """As in any executor."""
    patch("threads")
    with ThreadPoolExecutor(max_workers=1) as pool, pytest.raises(ZeroDivisionError):
        pool.submit(lambda: 1 / 0).result(30)


def test_tasks_of_processes_are_carried(
    patch: Callable[..., Ledger], monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is submitted is the function with its context."""
    submitted: list[Any] = []
    monkeypatch.setattr(
        ProcessPoolExecutor, "submit", lambda pool, function, *args: submitted.append(function)
    )
    patch("processes")
    pool: Any = object.__new__(ProcessPoolExecutor)
    with use_correlation_id("abc"):
        ProcessPoolExecutor.submit(pool, correlation_id)
    [carried] = submitted
    assert isinstance(carried, carry)
    assert carried() == "abc"
    with pytest.raises(TypeError):
        ProcessPoolExecutor.submit(pool)  # type: ignore[call-arg]


def test_configure_patches_by_setting_and_rollback_takes_it_back(
    configure: Callable[..., Telemetry],
) -> None:
    """All four places, and everything else that correlation can change in a process."""
    before = [getattr(*place) for place in (*PLACES, *OTHERS)]
    configure(
        context_patches=["threads", "processes"],
        propagation_hosts=["good.com"],
        correlation_response=True,
    )
    changed = [getattr(*place) for place in (*PLACES, *OTHERS)]
    assert all(now is not was for now, was in zip(changed, before, strict=True))
    assert pepperpy_otel.rollback()
    assert [getattr(*place) for place in (*PLACES, *OTHERS)] == before
