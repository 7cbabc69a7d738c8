"""Celery's prefork children end by ``os._exit()``: what their tasks have finished arrives."""

import signal
import sys
from functools import partial
from pathlib import Path

import pytest

from tests.integration import endings
from tests.integration.readback import eventually

pytestmark = [pytest.mark.integration, pytest.mark.slow]
pytest.importorskip("celery")

#: A broker of files, a directory for each run. ``.delay()`` is called by a program of its own.
TASKS = """
import time
from celery import Celery
app = Celery("tasks", broker="filesystem://")
app.conf.update(
    broker_transport_options={
        "data_folder_in": "queue", "data_folder_out": "queue", "polling_interval": 0.05
    },
    task_ignore_result=True,
    worker_hijack_root_logger=False,
)

@app.task
def work(number):
    with tracer.start_as_current_span("work"):
        open(f"done/{number}", "w").close()

@app.task
def slow():
    with tracer.start_as_current_span("slow"):
        open("done/started", "w").close()
        time.sleep(0.5)
"""
SEND = """
from served import work
for number in range(20):
    work.delay(number)
"""
#: How the worker runs, and the names of what would be lost without us.
WORKERS = {
    "prefork": ["--pool=prefork", "--concurrency=2"],
    "max_tasks_per_child": ["--pool=prefork", "--concurrency=2", "--max-tasks-per-child=3"],
    "threads": ["--pool=threads", "--concurrency=2"],
    "solo": ["--pool=solo"],
}


def _worker(way: str, kind: str, directory: Path, number: int = signal.SIGTERM) -> endings.Left:
    """Twenty tasks, then a slow one, and while it runs a signal to the worker."""
    directory.mkdir(exist_ok=True)
    for name in ("queue", "done"):
        (directory / name).mkdir()
    (directory / "served.py").write_text(endings.HEAD + TASKS)
    (directory / "send.py").write_text(SEND)
    (directory / "send_slow.py").write_text("from served import slow\nslow.delay()\n")
    done = directory / "done"

    path = {"PYTHONPATH": endings.python_path(directory)}

    def drive(program: endings.Program) -> int:
        program.wait_for("ready.")
        for name, count in (("send.py", 20), ("send_slow.py", 21)):
            with endings.running(
                endings.python(directory / name), directory, path, log=f"{name}.log"
            ) as sender:
                assert sender.wait() == 0, sender.output()
            eventually(partial(_has, done, count), interval=0.02)
        return program.end(number)

    command = [sys.executable, "-m", "celery", "-A", "served", "worker", "--loglevel=INFO"]
    return endings.finish(way, [*command, *WORKERS[kind]], directory, drive, **path)


def _has(directory: Path, count: int) -> bool:
    return len(list(directory.iterdir())) >= count


_STATUS: dict[tuple[str, int], int] = {}


def _status_without_us(kind: str, directory: Path, number: int) -> int:
    """How the worker ends by itself."""
    if (kind, number) not in _STATUS:
        left = _worker("nothing", kind, directory / "plain", number)
        assert left.spans == {}
        _STATUS[kind, number] = left.status
    return _STATUS[kind, number]


@pytest.mark.parametrize("way", ["configure", "run"])
@pytest.mark.parametrize("kind", WORKERS)
def test_a_warm_shutdown_loses_nothing(kind: str, way: str, tmp_path: Path) -> None:
    """SIGTERM: the task under way is finished, all tasks arrive, the status is Celery's."""
    expected = _status_without_us(kind, tmp_path, signal.SIGTERM)

    left = _worker(way, kind, tmp_path / "ours")

    assert left.spans["work"] == 20, left.output
    assert left.spans["slow"] == 1, left.output
    assert left.status == expected
    assert "pepperpy_otel" not in left.output


def test_a_cold_shutdown_loses_nothing_that_was_finished(tmp_path: Path) -> None:
    """SIGQUIT: the children are terminated."""
    expected = _status_without_us("prefork", tmp_path, signal.SIGQUIT)

    left = _worker("configure", "prefork", tmp_path / "ours", signal.SIGQUIT)

    assert left.spans["work"] == 20, left.output
    assert left.status == expected
