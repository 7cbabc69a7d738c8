"""Forks while the telemetry begins or ends, and after its end."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from tests.forked_programs import counts, run, spans

if TYPE_CHECKING:
    from collections.abc import Callable

    from pepperpy_otel.demo.receiver import Receiver

    Program = Callable[[str], list[str]]

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")


@pytest.fixture
def program(receiver: Receiver) -> Program:
    """Runs a program towards the receiver; gives the words of its output."""
    return lambda code: run(code, receiver.endpoint)


def test_while_another_thread_configures(program: Program, receiver: Receiver) -> None:
    """The child has none of it, and can configure by itself; the parent's goes on."""
    output = program(
        """
        from pepperpy_otel import fittings
        entered, go_on, install = threading.Event(), threading.Event(), fittings.install_logging

        def slow(*given):
            if not entered.is_set():
                entered.set()
                go_on.wait(20)
            install(*given)

        fittings.install_logging = slow
        thread = threading.Thread(target=configure)
        thread.start()
        assert entered.wait(20)

        def child():
            assert pepperpy_otel.get_telemetry() is None
            limit = time.monotonic() + 10  # a thread that was begun may be on its way out
            while [t for t in threading.enumerate() if t.name == "pepperpy-otel-otlp"]:
                assert time.monotonic() < limit
                time.sleep(0.01)
            telemetry = configure()
            record("childs")
            assert telemetry.shutdown()
            assert pepperpy_otel.rollback()

        wait(in_child(child))
        go_on.set()
        thread.join()
        record("parents")
        assert pepperpy_otel.shutdown()
        """
    )
    assert output == []
    assert spans(receiver) == {"childs": 1, "parents": 1}


def test_while_another_thread_shuts_down(program: Program, receiver: Receiver) -> None:
    """The end of the parent is not the child's."""
    output = program(
        """
        telemetry = configure()
        entered, go_on = threading.Event(), threading.Event()
        flush = telemetry._pipeline.flush

        def slow(timeout):
            entered.set()
            go_on.wait(20)
            return flush(timeout)

        telemetry._pipeline.flush = slow
        record("parents")
        thread = threading.Thread(target=pepperpy_otel.shutdown)
        thread.start()
        assert entered.wait(20)

        def child():
            telemetry._pipeline.flush = flush
            record("childs")
            assert telemetry.force_flush(10_000)
            assert telemetry.shutdown()
            assert pepperpy_otel.rollback()

        wait(in_child(child))
        go_on.set()
        thread.join()
        """
    )
    assert output == []
    assert spans(receiver) == {"childs": 1, "parents": 1}


@pytest.mark.parametrize("end", ["shutdown", "rollback"])
def test_after_the_end(program: Program, receiver: Receiver, end: str) -> None:
    """The child is as inert as its parent, and may begin anew."""
    output = program(
        f"""
        telemetry = configure()
        record("parents")
        assert pepperpy_otel.{end}()

        def child():
            assert pepperpy_otel.get_telemetry() is None
            assert threading.active_count() == 1
            record("nobody's")
            assert telemetry.shutdown()
            configure()
            record("childs")
            assert pepperpy_otel.shutdown()

        wait(in_child(child))
        """
    )
    assert output == []
    assert spans(receiver) == {"childs": 1, "parents": 1}
    assert counts(receiver) == [1, 1]
