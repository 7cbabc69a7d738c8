from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")

#: A pipeline over real sockets; the server runs in the test.
SET_UP = """
import os, sys, threading, time, warnings
warnings.simplefilter("ignore", DeprecationWarning)
from pepperpy_otel.delivery import OtlpEndpoint, Pipeline, QueueLimits, build_destination
from tests.delivery.fakes import make_metrics, make_spans

def make(url, **limits):
    destination = build_destination("otlp", endpoints={
        "traces": OtlpEndpoint(url + "/v1/traces"),
        "metrics": OtlpEndpoint(url + "/v1/metrics"),
    })
    pipeline = Pipeline([destination], {"traces": QueueLimits(**limits)}, 3600, 30)
    pipeline.start()
    return pipeline

def end(pipeline, *names):
    processor = pipeline.span_processor()
    for span in make_spans(*names):
        processor.on_end(span)

def in_child(run):
    pid = os.fork()
    if pid == 0:
        status = 1
        try:
            run()
            status = 0
        finally:
            sys.stdout.flush()
            os._exit(status)
    return pid

def wait(pid):
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0

url = sys.argv[1] if len(sys.argv) > 1 else os.environ["SINK"]
"""


@pytest.fixture
def program(run_python: Callable[..., Any], http_sink: Any) -> Callable[[str], Any]:
    """Runs a program with a pipeline towards a sink; gives its output and the sink."""
    from pathlib import Path

    def run(code: str) -> Any:
        sink = http_sink()
        environment = {"SINK": sink.url, "PYTHONPATH": str(Path(__file__).parents[2])}
        result = run_python(SET_UP + code, env=environment)
        assert result.stderr == ""
        return result.stdout.split(), sink

    return run


def names(sink: Any) -> list[str]:
    """Of all spans that arrived."""
    return sorted(name for request in sink.requests for name in request.span_names())


def test_a_child_starts_with_nothing_and_delivers_its_own(program: Any) -> None:
    """Counts from zero; what the parent had queued leaves once, from the parent."""
    output, sink = program(
        """
pipeline = make(url)
end(pipeline, "sent")
assert pipeline.flush(10)
end(pipeline, "parents")

def child():
    assert pipeline.stats().delivered.total == pipeline.stats().pending.total == 0
    end(pipeline, "childs")
    result = pipeline.flush(10)
    print(bool(result), result.delivered.traces)

wait(in_child(child))
result = pipeline.shutdown(10)
print(bool(result), result.delivered.traces)
"""
    )
    assert output == ["True", "1", "True", "1"]
    assert names(sink) == ["childs", "parents", "sent"]


def test_no_connection_is_shared_between_processes(program: Any) -> None:
    """Parent and children that send at once never mix their bytes."""
    output, sink = program(
        """
pipeline = make(url, batch_size=5)
end(pipeline, "first")
assert pipeline.flush(10)

def work():
    for _ in range(20):
        end(pipeline, *"abcde")
        assert pipeline.flush(10)

children = [in_child(work) for _ in range(4)]
work()
for child in children:
    wait(child)
assert pipeline.shutdown(10)
"""
    )
    assert output == []
    assert len(names(sink)) == 1 + 5 * 20 * 5


def test_a_fork_while_the_pipeline_is_busy_does_not_hang_the_child(program: Any) -> None:
    """Neither a send, nor a collection, nor a flush under way leaves a lock behind."""
    output, _ = program(
        """
pipeline = make(url, batch_size=3)
pipeline.set_metric_source(lambda _: time.sleep(0.002) or make_metrics(a=1))
stop = False

def busy():
    while not stop:
        end(pipeline, *"abc")
        pipeline.flush(0.05)

threads = [threading.Thread(target=busy) for _ in range(3)]
for thread in threads:
    thread.start()

def child():
    end(pipeline, "child")
    result = pipeline.flush(10)
    print(result.delivered.traces)

for _ in range(10):
    time.sleep(0.01)
    wait(in_child(child))
stop = True
for thread in threads:
    thread.join()
pipeline.shutdown(10)
"""
    )
    assert output == ["1"] * 10


def test_a_pipeline_that_had_ended_stays_so_in_the_child(program: Any) -> None:
    """No thread comes back to life; nothing is taken in that nobody would deliver."""
    output, sink = program(
        """
pipeline = make(url)
pipeline.shutdown(10)

def child():
    end(pipeline, "child")
    print(threading.active_count(), pipeline.stats().pending.total, bool(pipeline.flush(10)))

wait(in_child(child))
"""
    )
    assert output == ["1", "0", "True"]
    assert sink.requests == []


def test_a_send_that_hangs_does_not_hold_up_a_fork(
    run_python: Callable[..., Any], http_sink: Any
) -> None:
    """Nor is the child's own delivery held up; what hung arrives once, from the parent."""
    import threading
    from pathlib import Path

    sink = http_sink()
    sink.gate = threading.Event()
    threading.Timer(2, sink.gate.set).start()
    result = run_python(
        SET_UP
        + """
pipeline = make(url)
end(pipeline, "held")
assert not pipeline.flush(0.5)  # the request is under way
(connection,) = (lane.courier._sender._connection for lane in pipeline._lanes["traces"])
descriptor = connection.sock.fileno()

def child():
    end(pipeline, "childs")
    try:
        os.fstat(descriptor)
    except OSError:
        print("closed")
    assert pipeline.flush(10)

started = time.monotonic()
pid = in_child(child)
print(time.monotonic() - started < 1)
wait(pid)
assert pipeline.shutdown(10)
""",
        env={"SINK": sink.url, "PYTHONPATH": str(Path(__file__).parents[2])},
    )
    assert (sorted(result.stdout.split()), result.stderr) == (["True", "closed"], "")
    assert names(sink) == ["childs", "held"]


def test_a_script_that_ends_at_once_delivers_over_grpc(run_python: Callable[..., Any]) -> None:
    """At exit, where Python no longer lets modules register, gRPC can still be imported."""
    from pathlib import Path

    from tests.delivery.grpc_sink import GrpcSink

    sink = GrpcSink()
    result = run_python(
        """
        import atexit, os
        from pepperpy_otel.delivery import OtlpEndpoint, Pipeline, build_destination
        from tests.delivery.fakes import make_spans
        endpoint = OtlpEndpoint(os.environ["SINK"], protocol="grpc")
        pipeline = Pipeline([build_destination("otlp", endpoints={"traces": endpoint})], {}, 60, 30)
        pipeline.start()
        atexit.register(lambda: print(bool(pipeline.shutdown(10))))
        pipeline.span_processor().on_end(make_spans("last")[0])
        """,
        env={"SINK": f"http://{sink.address}", "PYTHONPATH": str(Path(__file__).parents[2])},
    )
    sink.close()
    assert (result.stdout, result.stderr) == ("True\n", "")
    assert len(sink.calls) == 1
