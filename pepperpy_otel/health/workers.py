"""Daemon threads that run checks, written off and replaced when a check hangs.

Never an executor: the default one is the application's (its ``getaddrinfo`` waits there too), and
the threads of any are joined when the interpreter exits. A thread cannot be killed, so one that a
check does not give back costs one thread, and not one more each period, since the check is not
started again while it runs. A check that merely takes its time holds a thread that others wait for;
there may be as many more threads as there are such checks.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from functools import partial
from typing import TYPE_CHECKING

from pepperpy_otel import _native
from pepperpy_otel.errors import report_internal

if TYPE_CHECKING:
    from collections.abc import Callable

#: Seconds after which an idle thread ends.
IDLE = 10.0
#: Seconds that the end waits for checks that are nearly through.
MOMENT = 0.1


class Worker:
    """One thread of the pool."""

    __slots__ = ("ident", "signal", "written_off")

    def __init__(self) -> None:
        self.written_off = False
        self.ident = 0
        #: Held while the thread has nothing to do.
        self.signal = _native.allocate_lock()
        self.signal.acquire()


class Pool:
    """At most ``limit`` threads, and one for each check that hangs.

    Args:
        limit: Threads.
    """

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._lock = threading.RLock()
        self._tasks: deque[Callable[[Worker], object]] = deque()
        #: The last one that became idle is the first to be woken, so that the others may end.
        self._idle: list[Worker] = []
        self._live = 0
        self._slow = 0
        #: Threads that were woken or started, and have not taken their task yet.
        self._coming = 0
        self._closed = False
        self._crew: dict[Worker, _native.Thread] = {}

    @property
    def waiting(self) -> int:
        """Tasks that no thread has taken yet."""
        return len(self._tasks)

    def submit(self, task: Callable[[Worker], object]) -> None:
        """Run ``task`` in a thread; it is given its worker."""
        with self._lock:
            if not self._closed:
                self._tasks.append(task)
                self._staff()

    def make_room(self, slow: int) -> None:
        """Have as many more threads as there are checks that hold one for long."""
        with self._lock:
            self._slow = slow
            self._staff()

    def write_off(self, worker: Worker) -> None:
        """Count on this thread no more: it ends when its check gives it back."""
        with self._lock:
            worker.written_off = True
            self._live -= 1
            self._crew.pop(worker, None)
            self._staff()

    def close(self) -> list[_native.Thread]:
        """Let every idle thread end, and give those that do; tasks that wait are dropped."""
        with self._lock:
            self._closed = True
            self._tasks.clear()
            self._coming += len(self._idle)
            for worker in self._idle:
                worker.signal.release()
            self._idle.clear()
            return list(self._crew.values())

    def _staff(self) -> None:
        """Wake threads, or start some, for what waits. The lock is held."""
        while len(self._tasks) > self._coming:
            if self._idle:
                self._idle.pop().signal.release()
            elif self._live >= self._limit + self._slow or not self._start():
                return
            self._coming += 1

    def _start(self) -> bool:
        worker = Worker()
        thread = _native.thread(partial(self._work, worker), "pepperpy-otel-health-worker")
        self._live += 1
        try:
            thread.start()
            self._crew[worker] = thread
        except RuntimeError:  # no more threads: the machine's limit, or the interpreter ends
            self._live -= 1
            return False
        return True

    def _work(self, worker: Worker) -> None:
        worker.ident = threading.get_ident()
        called = True
        while (task := self._next(worker, called)) is not None:
            called = False
            try:
                task(worker)
            except BaseException as error:  # a task catches what a check raises: this is ours
                report_internal("health worker", error)
            del task
        with self._lock:
            self._crew.pop(worker, None)

    def _next(self, worker: Worker, called: bool) -> Callable[[Worker], object] | None:
        """The next task, waited for; ``None`` when the thread is to end."""
        while True:
            with self._lock:
                self._coming -= called
                if self._closed or worker.written_off or self._live > self._limit + self._slow:
                    self._live -= not worker.written_off
                    return None
                if self._tasks:
                    return self._tasks.popleft()
                self._idle.append(worker)
            called = worker.signal.acquire(timeout=IDLE)
            if not called:
                if self._left(worker):
                    return None
                called = worker.signal.acquire()  # it was called in this very moment

    def _left(self, worker: Worker) -> bool:
        """Whether nobody calls a thread that has waited long enough: it ends then."""
        with self._lock:
            if worker not in self._idle:
                return False
            self._idle.remove(worker)
            self._live -= 1
            return True


def wait_for(crew: list[_native.Thread]) -> None:
    """Idle threads end at once; one that is in the middle of a check is not waited for long."""
    deadline = time.monotonic() + MOMENT
    for thread in crew:
        if not _native.is_current(thread):
            thread.join(max(0.0, deadline - time.monotonic()))
