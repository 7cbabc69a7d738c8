"""What a forked child must forget: threads, locks and verdicts belong to the parent."""

from __future__ import annotations

import atexit
import os
import weakref
from typing import Protocol

from pepperpy_otel.errors import guarded


class Forgetful(Protocol):
    """What is told."""

    def become_child(self) -> None:
        """Begin anew in a forked child."""
        ...

    def stop(self) -> None:
        """The interpreter ends."""
        ...


_followers: weakref.WeakSet[Forgetful] = weakref.WeakSet()
_hooked = False


def follow(follower: Forgetful) -> None:
    """Tell it of each fork and of the end of the process; it is not kept alive by that."""
    global _hooked
    _followers.add(follower)
    if _hooked:
        return
    _hooked = True
    # Threads that go on while the interpreter is taken down crash it
    # (https://github.com/python/cpython/issues/124149).
    atexit.register(_at_exit)
    if hasattr(os, "register_at_fork"):  # not on Windows
        os.register_at_fork(after_in_child=_in_child)


def _in_child() -> None:
    for follower in list(_followers):
        with guarded("health after fork"):
            follower.become_child()


def _at_exit() -> None:
    for follower in list(_followers):
        with guarded("health at exit"):
            follower.stop()
