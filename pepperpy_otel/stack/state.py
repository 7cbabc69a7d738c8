"""What the stack keeps on this machine: one directory, private to the user.

``up`` writes down how the stack was started and with which variables, so that ``status``, ``urls``
and ``down`` in another shell speak about the same one. As processes it also holds their data, logs
and pid files.
"""

from __future__ import annotations

import contextlib
import json
import os
import sys
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import IO, TYPE_CHECKING

from pepperpy_otel.stack.errors import StackError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

if sys.platform == "win32":  # pragma: no cover - no such lock: one command at a time there

    def _lock(file: IO[str]) -> None:
        pass

else:
    import fcntl

    def _lock(file: IO[str]) -> None:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)


VARIABLE = "STACK_DIRECTORY"
CONTAINERS, PROCESSES = "containers", "processes"
FILE, LOCK = "stack.json", "lock"


@dataclass(slots=True)
class State:
    """How the stack was started.

    Attributes:
        mode: ``containers`` or ``processes``; empty when it was not started from here.
        engine: Name of the container engine, for ``containers``.
        variables: The ``STACK_`` variables that were set.
        profiles: Parts beyond the servers, for ``containers``.
        ports: Every port in use by its name, for ``processes``.
        digest: What the configurations said.
    """

    mode: str = ""
    engine: str = ""
    variables: dict[str, str] = field(default_factory=dict)
    profiles: list[str] = field(default_factory=list)
    ports: dict[str, int] = field(default_factory=dict)
    digest: str = ""


def default_directory(environ: Mapping[str, str]) -> Path:
    """``$STACK_DIRECTORY``, or ``pepperpy-otel/stack`` where the user's state belongs."""
    if chosen := environ.get(VARIABLE):
        return Path(chosen).expanduser().absolute()
    base = environ.get("XDG_STATE_HOME") or "~/.local/state"
    return Path(base).expanduser().absolute() / "pepperpy-otel" / "stack"


def read(directory: Path) -> State:
    """What was written down there; an empty state when nothing was."""
    try:
        return State(**json.loads((directory / FILE).read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError):
        return State()


def write(directory: Path, state: State) -> None:
    """Write it down, for this user only: variables may hold a token."""
    part = directory / f".{FILE}.{os.getpid()}"
    descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        json.dump(asdict(state), file, indent=1)
    part.replace(directory / FILE)


def forget(directory: Path) -> None:
    """The stack was taken down."""
    (directory / FILE).unlink(missing_ok=True)


@contextlib.contextmanager
def locked(directory: Path) -> Iterator[None]:
    """Make the directory if need be, and keep every other ``up`` and ``down`` out of it.

    Raises:
        StackError: The directory cannot be used, or another command is at work there.
    """
    try:
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        file = (directory / LOCK).open("w")
    except OSError as error:
        raise StackError(
            f"cannot use {directory} ({error.strerror}); name another one with --directory"
        ) from error
    with file:
        try:
            _lock(file)
        except OSError as error:
            raise StackError(
                f"another 'stack up' or 'stack down' is at work in {directory}"
            ) from error
        yield
