"""Child processes that end past ``atexit``: those of multiprocessing, billiard and Celery.

Such a child ends by ``os._exit()``, which runs no exit hook. Each of the libraries has a place of
its own for what is to happen before; none of them is imported for that, since a child of theirs can
only come from a process that has imported them.

- multiprocessing runs the finalizers that were made after the child was born (``Process``,
  ``ProcessPoolExecutor``, a ``Pool`` that was closed, with every start method). A ``Pool`` that is
  terminated, which is how ``with Pool()`` ends, sends its workers SIGTERM: see ``signals``.
- billiard, Celery's multiprocessing, does likewise, but its pool ends by ``os._exit()`` before:
  Celery sends ``worker_process_shutdown`` there.

The child delivers and stays at work in a hurry, for others may still have something to end: a
finalizer with less priority, or a thread.
"""

from __future__ import annotations

import sys
import threading
from typing import TYPE_CHECKING, Any

from pepperpy_otel.errors import guarded

if TYPE_CHECKING:
    from collections.abc import Callable

    from pepperpy_otel.signals import Delivers

#: Modules with ``register_after_fork()`` and ``Finalize``.
UTILITIES = ("multiprocessing.util", "billiard.util")
#: After all others, of which the standard library's go down to -10: they may end spans.
PRIORITY = -1000
CELERY = "celery.signals"
IDENTITY = "pepperpy_otel"


class Ends:
    """How the children of this process end, and how this one ends if it is a child.

    Args:
        telemetry: What is to deliver then.
    """

    def __init__(self, telemetry: Delivers) -> None:
        self._telemetry: Delivers | None = telemetry
        self._attended: set[str] = set()
        #: Called when a child of multiprocessing begins: see ``SignalHandlers.watch()``.
        self.begin: Callable[[], object] = bool
        #: Called in each forked child, before that.
        self.inherit: Callable[[], object] = bool

    def attend(self) -> None:
        """Register with those libraries that are imported now: when we start, and in each child."""
        for name in UTILITIES:
            if (module := self._new(name)) is not None:
                # By weak reference: after a rollback nothing of ours is called.
                module.register_after_fork(self, _finalize_in(module))
        if (module := self._new(CELERY)) is not None:
            module.worker_process_shutdown.connect(
                self._celery_ends, weak=False, dispatch_uid=IDENTITY
            )

    def join(self) -> None:
        """Be a child that ends so, if this process is one and its target configures it.

        What multiprocessing calls in a child when it begins has been called by then.
        """
        process = sys.modules.get("multiprocessing.process")
        if process is not None and process.parent_process() is not None:
            _finalize_in(sys.modules["multiprocessing.util"])(self)

    def forget(self) -> None:
        """Do nothing any more."""
        self._telemetry = None
        if CELERY in self._attended:
            sys.modules[CELERY].worker_process_shutdown.disconnect(dispatch_uid=IDENTITY)
        self._attended.clear()

    def _new(self, name: str) -> Any:
        """The module, if it is there and not attended to yet."""
        module = sys.modules.get(name)
        if module is None or name in self._attended:
            return None
        self._attended.add(name)
        return module

    def end(self) -> None:
        """Deliver what is finished, and what other threads finish before the process goes."""
        telemetry = self._telemetry
        if telemetry is None:
            return
        with guarded("the end of a child process"):
            telemetry.hurry()
            others = _others()  # before: one that ends meanwhile may have ended a span as well
            telemetry.deliver()
            if others:
                _deliver_after(others, telemetry)

    def _celery_ends(self, **_: Any) -> None:
        self.end()


def _finalize_in(module: Any) -> Any:
    def in_child(ends: Ends) -> None:
        module.Finalize(None, ends.end, exitpriority=PRIORITY)
        with guarded("the start of a child process"):
            ends.begin()

    return in_child


def _others() -> list[threading.Thread]:
    """Threads that the process waits for before it goes."""
    me = threading.current_thread()
    return [thread for thread in threading.enumerate() if thread is not me and not thread.daemon]


def _deliver_after(others: list[threading.Thread], telemetry: Delivers) -> None:
    """Before Python 3.14 finalizers run first and then threads are waited for; so for this one."""

    def deliver() -> None:
        for thread in others:
            thread.join()
        with guarded("the end of a child process"):
            telemetry.deliver()

    threading.Thread(target=deliver, name="pepperpy-otel-last", daemon=False).start()
