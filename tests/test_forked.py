"""Forks in every place where an app may fork: the child is sane, the parent undisturbed."""

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


def test_grandchildren(program: Program, receiver: Receiver) -> None:
    """Each generation is an instance of its own, with counts from zero, on the same handle."""
    output = program(
        """
        telemetry = configure()

        def generation(name):
            assert pepperpy_otel.get_telemetry() is telemetry
            assert telemetry.stats().delivered.total == telemetry.stats().pending.total == 0
            print(telemetry.resource.attributes["service.instance.id"])
            record(name)
            if name != "great-grandchild":
                wait(in_child(lambda: generation("great-" * (name != "child") + "grandchild")))
            assert pepperpy_otel.force_flush(10_000)

        print(telemetry.resource.attributes["service.instance.id"])
        record("parent")
        wait(in_child(lambda: generation("child")))
        pepperpy_otel.shutdown()
        """
    )
    assert len(set(output)) == 4
    generations = ["parent", "child", "grandchild", "great-grandchild"]
    assert spans(receiver) == dict.fromkeys(generations, 1)
    assert counts(receiver) == [1, 1, 1, 1]


def test_in_a_signal_handler(program: Program, receiver: Receiver) -> None:
    """It cuts into anything of ours, and what it has cut into goes on in the child."""
    output = program(
        """
        telemetry = configure(prometheus_port=0)
        children, made, inside = [], 0, False

        def handler(*_):
            global inside
            if len(children) == 30:
                return
            pid = os.fork()
            if pid:
                children.append(pid)
                signal.setitimer(signal.ITIMER_REAL, 0.01)
            else:
                inside = True

        span = trace.get_tracer("x").start_span("open")
        signal.signal(signal.SIGALRM, handler)
        signal.setitimer(signal.ITIMER_REAL, 0.01)
        while inside or len(children) < 30:
            span.set_attribute("made", made)
            counter.add(1)
            telemetry.metrics_snapshot()
            if inside:
                span.set_attribute("child", True)
                record(f"child-{len(children)}")
                os._exit(0 if pepperpy_otel.force_flush(10_000) else 1)
        for pid in children:
            wait(pid)
        pepperpy_otel.shutdown()
        """
    )
    assert output == []
    assert spans(receiver) == {f"child-{number}": 1 for number in range(30)}


def test_in_an_observable_callback(program: Program, receiver: Receiver) -> None:
    """In the middle of a collection, in a thread of ours: the child may record, or just return."""
    output = program(
        """
        from opentelemetry.metrics import Observation
        telemetry = configure()
        parent, children = os.getpid(), []

        def callback(options):
            if os.getpid() == parent and len(children) < 2:
                pid = os.fork()
                if pid:
                    children.append(pid)
                elif not children:
                    record("childs")
                    os._exit(0 if pepperpy_otel.force_flush(10_000) else 1)
            return [Observation(len(children))]

        metrics.get_meter("x").create_observable_gauge("seen", [callback])
        for _ in range(2):
            assert pepperpy_otel.force_flush(10_000)
        for pid in children:
            wait(pid)
        pepperpy_otel.shutdown()
        """
    )
    assert output == []
    assert spans(receiver) == {"childs": 1}
    assert 1 in [point.value for point in receiver.store.points if point.name == "seen"]


def test_a_span_that_is_open_over_the_fork(program: Program, receiver: Receiver) -> None:
    """Its lock is held at the fork, and those of what it holds; both processes end it."""
    output = program(
        """
        configure()
        held, go_on = threading.Event(), threading.Event()
        span = trace.get_tracer("x").start_span("open")

        def hold():
            with span._lock, span._attributes._lock, span._events._lock, span._links._lock:
                held.set()
                go_on.wait(20)

        thread = threading.Thread(target=hold)
        thread.start()
        assert held.wait(20)

        def child():
            span.set_attribute("child", True)
            span.set_attributes({"more": 1})
            span.add_event("forked")
            span.add_link(trace.SpanContext(1, 2, False))
            span.update_name("childs")
            span.set_status(trace.StatusCode.OK)
            span.record_exception(ValueError("x"))
            span.end()
            assert pepperpy_otel.force_flush(10_000)

        wait(in_child(child))
        go_on.set()
        thread.join()
        span.end()
        assert pepperpy_otel.shutdown()
        """
    )
    assert output == []
    assert spans(receiver) == {"childs": 1, "open": 1}


def test_a_facade_that_was_busy(program: Program) -> None:
    """Before configure(), another thread may be making the private providers."""
    output = program(
        """
        from pepperpy_otel import _current
        from pepperpy_otel.metrics import MetricsCollector
        collector, held, go_on = MetricsCollector(), threading.Event(), threading.Event()
        collector.request_count.add(1)

        def hold():
            with _current._lock:
                held.set()
                go_on.wait(20)

        thread = threading.Thread(target=hold)
        thread.start()
        assert held.wait(20)

        def child():
            collector.registry.counter("new").add(1)
            assert _current.tracer_provider() is not None

        wait(in_child(child))
        go_on.set()
        thread.join()
        """
    )
    assert output == []


def test_no_hook_runs_for_a_subprocess(program: Program, receiver: Receiver) -> None:
    """posix_spawn and vfork copy no memory: nothing is waited for."""
    output = program(
        """
        import subprocess
        configure()
        record("parents")
        print(subprocess.run([sys.executable, "-c", "print('spawned')"],
                             capture_output=True, text=True).stdout)
        assert pepperpy_otel.shutdown()
        """
    )
    assert output == ["spawned"]
    assert spans(receiver) == {"parents": 1}
