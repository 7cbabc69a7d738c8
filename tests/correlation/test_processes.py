"""Processes that carry the context, and are configured as their parent is."""

from __future__ import annotations

import multiprocessing
import pickle
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest
from opentelemetry import trace

import pepperpy_otel
from pepperpy_otel.correlation import (
    ContextProcess,
    correlation_id,
    get_context,
    patches,
    use_correlation_id,
)
from pepperpy_otel.correlation.arrival import Arrival
from pepperpy_otel.correlation.processes import Carries

if TYPE_CHECKING:
    from pathlib import Path

    from pepperpy_otel.demo.receiver import Receiver

METHODS = multiprocessing.get_all_start_methods()


class _Base:
    ran: tuple[str, ...] = ()

    def start(self) -> None:
        self.copy = pickle.loads(pickle.dumps(self.__dict__))

    def run(self) -> None:
        self.ran += (f"base {correlation_id()}",)


class _Process(Carries, _Base):
    """A process that only remembers."""


class _Own(_Process):
    def run(self) -> None:
        self.ran += (f"own {correlation_id()}",)
        super().run()


@pytest.mark.parametrize(
    ("kind", "expected"),
    [(_Process, ("base abc",)), (_Own, ("own abc", "base abc"))],
)
def test_run_has_the_context_of_start(kind: Any, expected: tuple[str, ...]) -> None:
    """The class's own and that of a subclass, each once, and nothing stays behind."""
    process = kind()
    with use_correlation_id("abc"):
        process.start()
    process.run()
    assert process.ran == expected
    assert correlation_id() is None


def test_run_without_start_is_just_called() -> None:
    """As somebody may do in a test of theirs."""
    process = _Own()
    process.run()
    assert process.ran == ("own None", "base None")


def test_contexts_are_those_of_multiprocessing() -> None:
    """With other processes in them; by default the method that holds."""
    for method in METHODS:
        context = get_context(method)
        assert isinstance(context, type(multiprocessing.get_context(method)))
        assert issubclass(context.Process, Carries)
        assert context.get_start_method() == method
    assert get_context().get_start_method() == multiprocessing.get_start_method()
    with pytest.raises(ValueError, match="cannot find context"):
        get_context("teleport")


def test_a_process_takes_its_arrival_along_only_while_it_starts() -> None:
    """A patched start leaves nothing on the object, also when it fails."""
    seen: list[Any] = []

    class Process:
        _target = test_contexts_are_those_of_multiprocessing

    def start(process: Any) -> None:
        seen.append(process._pepperpy_otel)
        raise OSError("no process")

    process = Process()
    with pytest.raises(OSError, match="no process"):
        patches._start_process(start, process)
    assert isinstance(seen[0], Arrival)
    assert vars(process) == {}


@pytest.mark.parametrize("pooled", [False, True])
def test_an_arrival_makes_the_context_current_by_being_unpickled(pooled: bool) -> None:
    """Except in a worker of a pool, which works for others."""
    with use_correlation_id("abc"):
        parcel = pickle.dumps(Arrival(pooled=pooled))
    assert correlation_id() is None
    assert pickle.loads(parcel) is None
    assert correlation_id() == (None if pooled else "abc")


PROGRAM = """
import logging, multiprocessing, sys
import pepperpy_otel
from pepperpy_otel.correlation import *

def work(name):
    with pepperpy_otel.get_tracer("child").start_as_current_span(name):
        logging.getLogger("child").warning("said by %s", name)

class Own(ContextProcess):
    def run(self):
        work("own")

if __name__ == "__main__":
    method, endpoint, *patched = sys.argv[1:]
    multiprocessing.set_start_method(method)
    pepperpy_otel.configure(
        "parent", endpoint=endpoint, instrument=False, metrics=False, context_patches=patched,
        prometheus_port=0, health_port=0,
    )
    with use_correlation_id("abc"), pepperpy_otel.get_tracer("main").start_as_current_span("root"):
        processes = [
            ContextProcess(target=work, args=("process",)),
            get_context(method).Process(target=work, args=("context",)),
            Own(),
        ]
        if patched:
            processes.append(multiprocessing.Process(target=work, args=("plain",)))
        for process in processes:
            process.start()
        for process in processes:
            process.join(60)
            assert process.exitcode == 0, process
        with ContextProcessPoolExecutor(1) as pool:
            pool.submit(work, "executor").result(60)
        pool = multiprocessing.get_context(method).Pool(1) if patched else get_context().Pool(1)
        pool.map(carry(work), ["pool"])
        pool.close()
        pool.join()
    assert pepperpy_otel.shutdown()
"""


@pytest.mark.slow
@pytest.mark.parametrize("patched", [(), ("processes",)])
@pytest.mark.parametrize("method", METHODS)
def test_children_of_a_guarded_program_are_configured_and_correlated(
    method: str,
    patched: tuple[str, ...],
    receiver: Receiver,
    tmp_path: Path,
) -> None:
    """By twin and by setting: one trace, one id, nothing lost at the end of a child."""
    program = tmp_path / "program.py"
    program.write_text(PROGRAM)
    done = subprocess.run(
        [sys.executable, str(program), method, receiver.endpoint, *patched],
        capture_output=True,
        text=True,
        timeout=150,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    names = {"root", "process", "context", "own", "executor", "pool"}
    names |= {"plain"} if patched else set()
    spans = receiver.store.spans
    assert {span.name for span in spans} == names
    assert len({span.trace_id for span in spans}) == 1
    assert {span.attributes["correlation.id"] for span in spans} == {"abc"}
    logs = receiver.store.logs
    assert {record.body for record in logs} == {f"said by {name}" for name in names - {"root"}}
    assert {record.attributes["correlation.id"] for record in logs} == {"abc"}
    assert "cannot be used" not in done.stderr, "a child has tried to take the parent's port"


def test_a_process_of_ours_really_runs() -> None:
    """In the test's own process tree, by fork where there is one."""
    if "fork" not in METHODS or sys.platform == "darwin":
        pytest.skip("needs fork")
    reader, writer = multiprocessing.Pipe(duplex=False)
    process = get_context("fork").Process(target=_tell, args=(writer,))
    with use_correlation_id("abc"):
        process.start()
    assert reader.poll(30)
    assert reader.recv() == "abc"
    process.join(30)
    assert process.exitcode == 0
    assert issubclass(ContextProcess, multiprocessing.Process)
    assert pepperpy_otel.get_telemetry() is None
    assert not trace.get_current_span().get_span_context().is_valid


def _tell(writer: Any) -> None:
    writer.send(correlation_id())
