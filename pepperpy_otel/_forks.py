"""What a fork must not cut in two, and what is made anew in the child.

A fork copies the memory and one thread. What another thread was in the middle of stays so in the
child, for ever: a lock that it held, a module that it was importing (whoever imports that one in
the child waits for a thread that does not exist), a lock of the C library's resolver. So:

- Locks of ours are replaced in the child (``renewing``), not held over the fork: Python's own hooks
  come after ours and take the locks of ``logging``, for which an app thread may be waiting for us.
- What cannot be replaced is made whole: our threads go through it in ``held_off()``, and a fork
  waits until they are out, while those that come wait for the fork. It waits for no send: a thread
  that waits for an answer holds nothing that the child could miss.

A fork waits ``PATIENCE`` at most, for imports ``IMPORTS``: they hang on no network, happen once,
in the first second, and a child with half of ``ssl`` in it would hang where the app imports it.

Nothing here is locked itself: each side first says what it does, then looks at the other.
"""

from __future__ import annotations

import contextlib
import importlib
import os
import threading
import time
import weakref
from typing import TYPE_CHECKING, Any, Protocol

from pepperpy_otel.errors import guarded

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    Renewal = Callable[[], None]

#: Seconds that a fork waits for a thread of ours to come to a safe point.
PATIENCE = 0.1
#: The same while it imports; each module for itself takes hundredths, on a busy machine tenths.
IMPORTS = 10.0
#: Seconds that a thread of ours waits for a fork of another thread: the hook that follows it may
#: never be called if the fork does not come about.
_FORK_TAKES = 1.0
_STEP = 0.0005
#: Seconds after which one that was cut in two looks again.
_LOOK = 0.05


class _Started:
    """In the place of a thread's Event, which misses being set just before it waits."""

    def __init__(self) -> None:
        self._set = False
        self._lock = threading.Lock()
        self._lock.acquire()

    def is_set(self) -> bool:
        return self._set

    def set(self) -> None:
        self._set = True
        with contextlib.suppress(RuntimeError):  # twice
            self._lock.release()

    def wait(self, timeout: float | None = None) -> bool:
        while not self._set:
            self._lock.acquire(timeout=_LOOK)
        return True

    def _at_fork_reinit(self) -> None:
        """Nothing: the lock is not one that protects anything."""


class Startable(Protocol):
    """A thread."""

    def start(self) -> None:
        """Start it."""


class Follower(Protocol):
    """Who has to know that this is a child now."""

    def after_fork(self) -> None:
        """Make everything anew."""


class Forks:
    """One for the process: a fork hook cannot be taken back, so there is only one of each."""

    def __init__(self) -> None:
        #: By thread, how long a fork waits for it.
        self._inside: dict[int, float] = {}
        #: By thread (several may fork at once), whether it is another than the main one.
        self._forking: dict[int, bool] = {}
        self._starting: dict[int, Startable] = {}
        self._watching = False
        self._forked = self._strayed = False
        self._renewals: list[Renewal] = []
        self._late: list[Renewal] = []
        self._followers: weakref.WeakSet[Follower] = weakref.WeakSet()

    @contextlib.contextmanager
    def held_off(self, at_most: float = IMPORTS) -> Iterator[None]:
        """Keep forks waiting meanwhile, unless it lasts too long.

        Args:
            at_most: Seconds that a fork waits for it.
        """
        me = threading.get_ident()
        if me in self._inside:
            yield
            return
        self._enter(me, at_most)
        try:
            yield
        finally:
            self._inside.pop(me, None)  # not there any more in a child forked in here

    def _enter(self, me: int, at_most: float) -> None:
        given_up = time.monotonic() + _FORK_TAKES
        self._inside[me] = at_most
        while self._forking and me not in self._forking and time.monotonic() < given_up:
            del self._inside[me]
            time.sleep(_STEP)
            self._inside[me] = at_most

    def load(self, *modules: str) -> None:
        """Import modules one by one, so that a fork waits for one of them only."""
        for module in modules:
            with self.held_off():
                importlib.import_module(module)

    def start(self, thread: Startable) -> None:
        """Start a thread, for one that a signal handler may cut into.

        ``Thread.start()`` waits for the new thread to run. A child that is forked meanwhile has no
        such thread, and goes on without it; the caller's own wait has to have a limit, too.

        Raises:
            RuntimeError: No thread can be had.
        """
        me = threading.get_ident()
        if isinstance(thread, threading.Thread):
            thread._started = _Started()  # type: ignore[attr-defined]
        self._starting[me] = thread
        try:
            thread.start()
        except KeyError:  # Python 3.13, forked just before: threading has forgotten it
            raise RuntimeError("forked in the middle of the start") from None
        finally:
            self._starting.pop(me, None)

    def renewing(self, *, late: bool = False) -> Callable[[Renewal], Renewal]:
        """Decorate what makes locks anew: called in each child, once somebody watches.

        Args:
            late: After all followers.
        """

        def decorate(renew: Renewal) -> Renewal:
            (self._late if late else self._renewals).append(renew)
            return renew

        return decorate

    def follow(self, follower: Follower) -> None:
        """Have ``follower.after_fork()`` called in each child; it is not kept alive."""
        self._followers.add(follower)
        self.watch()

    def watch(self) -> None:
        """Begin to look out for forks; there is no end to it."""
        if not self._watching and hasattr(os, "register_at_fork"):
            self._watching = True
            os.register_at_fork(
                before=self._before,
                after_in_parent=self._after_in_parent,
                after_in_child=self._after_in_child,
            )

    def is_child(self) -> bool:
        """Whether this process was forked from one that was watching."""
        return self._forked

    def is_stray(self) -> bool:
        """Whether its first thread is one of the parent's that was not the main one."""
        return self._strayed

    def _before(self) -> None:
        me = threading.get_ident()
        self._forking[me] = threading.current_thread() is not threading.main_thread()
        started = time.monotonic()
        while True:
            patience = [left for thread, left in self._inside.copy().items() if thread != me]
            if not patience or time.monotonic() - started >= max(patience):
                return
            time.sleep(_STEP)

    def _after_in_parent(self) -> None:
        self._forking.pop(threading.get_ident(), None)

    def _after_in_child(self) -> None:
        self._forked = True
        self._strayed |= self._forking.get(threading.get_ident(), False)
        self._forking.clear()
        self._inside.clear()
        for thread in self._starting.values():
            if isinstance(thread, threading.Thread):
                thread._started.set()  # type: ignore[attr-defined]
        self._starting.clear()
        followers = [follower.after_fork for follower in list(self._followers)]
        for renew in (*self._renewals, *followers, *self._late):
            with guarded("after fork"):
                renew()


_forks = Forks()
held_off: Callable[..., contextlib.AbstractContextManager[None]] = _forks.held_off
load = _forks.load
renewing = _forks.renewing
start = _forks.start
follow: Callable[[Any], None] = _forks.follow
watch = _forks.watch
is_child = _forks.is_child
is_stray = _forks.is_stray
