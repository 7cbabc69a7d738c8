"""Child processes, which end past every exit hook: what they have finished arrives."""

from pathlib import Path

import pytest

from tests.integration import endings

pytestmark = [pytest.mark.integration, pytest.mark.slow]

PROGRAM = """
import multiprocessing, os, sys, threading, time
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from multiprocessing import util

def work(number):
    with tracer.start_as_current_span("task"):
        return number

def last(event):
    with tracer.start_as_current_span("finalizer"):
        pass

def stay():
    time.sleep(0.2)
    with tracer.start_as_current_span("thread"):
        pass

def process():
    child = context.Process(target=work, args=(1,))
    child.start()
    child.join()
    assert child.exitcode == 0

def process_that_fails():
    child = context.Process(target=fail)
    child.start()
    child.join()
    assert child.exitcode == 7

def fail():
    with tracer.start_as_current_span("task"):
        sys.exit(7)

def process_that_is_terminated():
    child = context.Process(target=hang)
    child.start()
    while not os.path.exists("hangs"):
        time.sleep(0.01)
    child.terminate()
    child.join()
    assert child.exitcode == -15

def hang():
    with tracer.start_as_current_span("task"):
        pass
    open("hangs", "w").close()
    time.sleep(60)

def daemon():
    context.Process(target=hang, daemon=True).start()
    while not os.path.exists("hangs"):
        time.sleep(0.01)

def process_with_threads():
    child = context.Process(target=start_thread)
    child.start()
    child.join()
    assert child.exitcode == 0

def start_thread():
    work(1)
    util.Finalize(None, last, args=(1,), exitpriority=-500)
    threading.Thread(target=stay).start()
    ThreadPoolExecutor(1).submit(work, 1)

def grandchild():
    child = context.Process(target=process)
    child.start()
    child.join()
    assert child.exitcode == 0

def pool():
    pool = context.Pool(2)
    assert pool.map(work, range(20), chunksize=1) == list(range(20))
    pool.close()
    pool.join()

def pool_of_mayflies():
    pool = context.Pool(2, maxtasksperchild=3)
    assert pool.map(work, range(20), chunksize=1) == list(range(20))
    pool.close()
    pool.join()

def pool_in_a_block():
    with context.Pool(2) as pool:
        assert pool.map(work, range(20), chunksize=1) == list(range(20))

def many_pools():
    for _ in range(10):
        pool_in_a_block()

def executor():
    with ProcessPoolExecutor(2, mp_context=context) as pool:
        assert list(pool.map(work, range(20))) == list(range(20))

def fork():
    for _ in range(3):
        pid = os.fork()
        if pid == 0:
            work(1)
            sys.exit(3)
        assert os.waitpid(pid, 0)[1] >> 8 == 3

if __name__ == "__main__":
    context = multiprocessing.get_context(sys.argv[1])
    globals()[sys.argv[2]]()
else:
    context = multiprocessing.get_context("spawn")
"""
TASKS = {
    "process": 1,
    "process_that_fails": 1,
    "process_that_is_terminated": 1,
    "daemon": 1,
    "grandchild": 1,
    "pool": 20,
    "pool_of_mayflies": 20,
    "pool_in_a_block": 20,
    "executor": 20,
}


def _run(way: str, directory: Path, *arguments: str, **settings: str) -> endings.Left:
    path = directory / "program.py"
    path.write_text(endings.HEAD + PROGRAM)
    command = [*endings.python(path), *arguments]
    return endings.finish(way, command, directory, endings.Program.wait, **settings)


@pytest.mark.parametrize("method", ["fork", "spawn", "forkserver"])
@pytest.mark.parametrize("kind", TASKS)
def test_children_of_multiprocessing_deliver(kind: str, method: str, tmp_path: Path) -> None:
    """Whatever ends a child in good order, all that it has finished arrives."""
    left = _run("configure", tmp_path, method, kind)

    assert left.status == 0, left.output
    assert left.output == ""
    assert left.spans == {"task": TASKS[kind]}


@pytest.mark.parametrize("way", ["run", "instrument"])
@pytest.mark.parametrize("kind", ["executor", "pool_in_a_block"])
def test_children_under_a_launcher_deliver(kind: str, way: str, tmp_path: Path) -> None:
    """Likewise without a line in the code."""
    left = _run(way, tmp_path, "fork", kind)

    assert left.status == 0, left.output
    assert "pepperpy_otel" not in left.output
    assert left.spans == {"task": 20}


def test_a_worker_that_is_about_to_wait_is_terminated_too(tmp_path: Path) -> None:
    """A signal that comes just before it waits for its next task is noticed all the same."""
    left = _run("configure", tmp_path, "fork", "many_pools")

    assert (left.status, left.output) == (0, "")
    assert left.spans == {"task": 200}


def test_threads_and_finalizers_of_a_child_are_waited_for(tmp_path: Path) -> None:
    """What other threads end, and finalizers of the app's own, belongs to it."""
    left = _run("configure", tmp_path, "fork", "process_with_threads")

    assert (left.status, left.output) == (0, "")
    assert left.spans == {"task": 2, "finalizer": 1, "thread": 1}


def test_a_bare_fork_that_ends_in_good_order_delivers(tmp_path: Path) -> None:
    """``sys.exit()`` in a forked child runs the exit hook, once for each."""
    left = _run("configure", tmp_path, "fork", "fork")

    assert left.status == 0, left.output
    assert left.spans == {"task": 3}


@pytest.mark.parametrize("kind", ["pool_in_a_block", "daemon"])
def test_without_our_handlers_a_terminated_child_loses(kind: str, tmp_path: Path) -> None:
    """``with Pool()`` ends by SIGTERM to its workers: the setting switches that off too."""
    left = _run("configure", tmp_path, "fork", kind, PEPPERPY_OTEL_SIGNAL_HANDLERS="false")

    assert left.status == 0, left.output
    assert left.spans == {}
