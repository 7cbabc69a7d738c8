"""What a fork must not cut in two, and who has to know in the child.

A fork copies the memory and one thread. If another one was in the middle of an import, the lock
of that module stays locked in the child for ever, and with it whatever the child's own worker
imports. So a fork waits for the worker's imports, which happen once; it waits for nothing else.
"""

from __future__ import annotations

import contextlib
import os
import threading
import weakref
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

#: Seconds that a fork waits for imports at most; they take tenths of a second, rarely more.
PATIENCE = 10.0


class _Forks:
    """One for the process: a fork hook cannot be taken back, so there is only one of each."""

    def __init__(self) -> None:
        self._busy = threading.Lock()
        self._forking = threading.local()  # several threads may fork at once
        self._hooked = False
        self._children: weakref.WeakSet[Any] = weakref.WeakSet()

    @contextlib.contextmanager
    def held_off(self) -> Iterator[None]:
        with self._busy:
            yield

    def follow(self, pipeline: Any) -> None:
        self._children.add(pipeline)
        if not self._hooked and hasattr(os, "register_at_fork"):
            self._hooked = True
            os.register_at_fork(
                before=self._before,
                after_in_parent=self._after_in_parent,
                after_in_child=self._after_in_child,
            )

    def _before(self) -> None:
        self._forking.held = self._busy.acquire(timeout=PATIENCE)

    def _after_in_parent(self) -> None:
        if self._forking.held:
            self._busy.release()

    def _after_in_child(self) -> None:
        self._busy = threading.Lock()
        for pipeline in list(self._children):
            pipeline.after_fork()


_forks = _Forks()
#: ``with held_off():`` no fork happens meanwhile.
held_off: Callable[[], contextlib.AbstractContextManager[None]] = _forks.held_off
#: ``follow(pipeline)``: its ``after_fork()`` is called in each child; it is not kept alive.
follow: Callable[[Any], None] = _forks.follow
