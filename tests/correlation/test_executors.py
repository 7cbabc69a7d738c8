"""Executors and tasks that carry the context of who submits."""

from __future__ import annotations

import asyncio
import contextvars
import multiprocessing
import pickle
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from pepperpy_otel.correlation import (
    ContextProcessPoolExecutor,
    ContextThreadPoolExecutor,
    bind,
    carry,
    correlation_id,
    run_in_executor,
    use_correlation_id,
)
from pepperpy_otel.correlation.executors import Initializer

VARIABLE: contextvars.ContextVar[str] = contextvars.ContextVar("variable", default="unset")


def _seen(prefix: str = "") -> tuple[str, str | None]:
    return prefix + VARIABLE.get(), correlation_id()


def test_a_task_of_threads_sees_its_submitters_context() -> None:
    """Each task that of its own submitter, whichever thread does it; and changes stay in it."""
    with ContextThreadPoolExecutor(max_workers=1) as pool:
        token = VARIABLE.set("mine")
        with use_correlation_id("a"):
            first = pool.submit(_seen, "x-")
        second = pool.submit(_seen)
        with use_correlation_id("b"):
            third = list(pool.map(_seen, ["1-", "2-"]))
        pool.submit(VARIABLE.set, "changed").result(30)
        assert first.result(30) == ("x-mine", "a")
        assert second.result(30) == ("mine", None)
        assert third == [("1-mine", "b"), ("2-mine", "b")]
        assert pool.submit(_seen).result(30) == ("mine", None)
        VARIABLE.reset(token)


def test_an_error_of_a_task_is_its_submitters() -> None:
    """As in any executor."""
    with ContextThreadPoolExecutor(max_workers=1) as pool, pytest.raises(ZeroDivisionError):
        pool.submit(lambda: 1 / 0).result(30)


@pytest.mark.parametrize("own", [True, False])
def test_what_runs_for_a_loop_has_the_context_of_the_task(own: bool) -> None:
    """In the loop's own executor and in one of the app's."""

    async def run() -> tuple[str, str | None]:
        VARIABLE.set("mine")
        with use_correlation_id("abc"):
            if not own:
                return await run_in_executor(None, _seen, "x-")
            with ThreadPoolExecutor() as pool:
                return await run_in_executor(pool, _seen, "x-")

    assert asyncio.run(run()) == ("x-mine", "abc")


def _started(where: Any) -> None:
    global _was
    _was = f"{where}-{correlation_id()}"


_was = "never"


def _from_process(number: int) -> tuple[str, str | None]:
    return _was, correlation_id()


@pytest.mark.slow
@pytest.mark.parametrize("method", multiprocessing.get_all_start_methods())
def test_a_task_of_processes_goes_on_with_its_submitters_context(method: str) -> None:
    """By every start method; the app's own initializer runs, in nobody's context."""
    context = multiprocessing.get_context(method)
    with ContextProcessPoolExecutor(1, context, _started, ("there",)) as pool:
        assert pool.submit(_from_process, 1).result(60)[1] is None
        with use_correlation_id("a"):
            assert pool.submit(_from_process, 2).result(60) == ("there-None", "a")
        with use_correlation_id("b"):
            assert list(pool.map(_from_process, [1, 2])) == [("there-None", "b")] * 2

            async def run() -> Any:
                return await run_in_executor(pool, _from_process, 3)

            assert asyncio.run(run()) == ("there-None", "b")


class _Begin:
    called = 0

    def __call__(self) -> None:
        type(self).called += 1


def test_the_initializer_is_told_how_to_begin_when_it_is_pickled(use_policy: Any) -> None:
    """The executor may have been made before configure()."""
    initializer = Initializer(None)
    initializer()
    use_policy(begin=_Begin)
    pickle.loads(pickle.dumps(initializer))()
    assert _Begin.called == 1


def test_carried_functions_work_in_place_and_often() -> None:
    """With arguments, in the context of where they were carried from, again and again."""
    with use_correlation_id("abc"), bind(tenant="acme"):
        carried = carry(_seen)
    copied = pickle.loads(pickle.dumps(carried))
    for function in (carried, copied, carried):
        assert function(prefix="x-") == ("x-unset", "abc")
    assert correlation_id() is None
    with pytest.raises(TypeError):
        carried(1, 2, 3)
    assert correlation_id() is None
