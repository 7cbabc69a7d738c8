"""Programs that fork; without coverage, whose own lock hangs a child of busy threads."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap
from collections import Counter
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pepperpy_otel.demo.receiver import Receiver

#: What every program begins with.
SET_UP = """
import os, signal, sys, threading, time, traceback, warnings
warnings.simplefilter("ignore", DeprecationWarning)
import pepperpy_otel
from opentelemetry import metrics, trace

def configure(**more):
    return pepperpy_otel.configure("forked", endpoint=os.environ["SINK"], instrument=False, **more)

def record(name):
    trace.get_tracer("x").start_span(name).end()
    counter.add(1)

counter = metrics.get_meter("x").create_counter("work")

def in_child(run):
    pid = os.fork()
    if pid == 0:
        status = 1
        try:
            run()
            status = 0
        except BaseException:
            traceback.print_exc()
        finally:
            sys.stdout.flush()
            os._exit(status)
    return pid

def wait(pid):
    deadline = time.monotonic() + 20
    while not (ended := os.waitpid(pid, os.WNOHANG))[0]:
        if time.monotonic() > deadline:
            os.kill(pid, signal.SIGKILL)
            print("hangs")
            return
        time.sleep(0.005)
    if ended[1]:
        print("failed", os.waitstatus_to_exitcode(ended[1]))
"""


def run(code: str, endpoint: str) -> list[str]:
    """The words of its output."""
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("COVERAGE", "COV_"))}
    done = subprocess.run(
        [sys.executable, "-c", SET_UP + textwrap.dedent(code)],
        env={**kept, "SINK": endpoint},
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )
    assert done.stderr == "", done.stderr
    assert done.returncode == 0
    return done.stdout.split()


def spans(receiver: Receiver) -> Counter[str]:
    return Counter(span.name for span in receiver.store.spans)


def counts(receiver: Receiver) -> list[Any]:
    """The last value of the counter in each process."""
    return sorted(p.value for p in receiver.store.points if p.name == "work")
