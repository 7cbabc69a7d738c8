"""The container engine of this machine: Docker or Podman, each with its compose.

The first that answers is used. Where none does, the one line that is told is about the engine that
came nearest to it: what is missing, and what to do.
"""

from __future__ import annotations

import re
import shutil
import subprocess
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pepperpy_otel.stack.errors import StackError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

#: Seconds for an engine to say whether it is there; a remote one may be slow, or gone.
ANSWER_SECONDS = 20.0
NUMBER = re.compile(r"\bv?(\d+)\.\d+")
FIRST_GOOD = 2
WITHOUT = "or do without containers: pepperpy-otel stack up --processes"
NONE = (
    "neither Docker nor Podman is on PATH; install Docker with its compose plugin "
    f"(https://docs.docker.com/engine/install/) or Podman with podman-compose, {WITHOUT}"
)


@dataclass(frozen=True, slots=True)
class Engine:
    """An engine and how it is spoken to.

    Attributes:
        name: As in ``--engine``.
        title: As in a sentence.
        compose: The command that understands compose files.
        ask: Succeeds when the engine answers.
        install: What to install when ``compose`` does not work.
        start: How the engine is started.
        rights: What gives the user the right to use it.
    """

    name: str
    title: str
    compose: tuple[str, ...]
    ask: tuple[str, ...]
    install: str
    start: str
    rights: str


_DOCKER_START = "start it (sudo systemctl start docker, or Docker Desktop)"
_DOCKER_RIGHTS = "run: sudo usermod -aG docker $USER, and log in again"
ENGINES = (
    Engine(
        "docker",
        "Docker",
        ("docker", "compose"),
        ("docker", "info"),
        "install its compose plugin (package docker-compose-plugin or docker-compose-v2)",
        _DOCKER_START,
        _DOCKER_RIGHTS,
    ),
    Engine(
        "docker-compose",
        "docker-compose",
        ("docker-compose",),
        ("docker-compose", "ls"),
        "install version 2 or newer (https://docs.docker.com/compose/install/)",
        _DOCKER_START,
        _DOCKER_RIGHTS,
    ),
    Engine(
        "podman",
        "Podman",
        ("podman", "compose"),
        ("podman", "info"),
        "install podman-compose",
        "start it (podman machine start, or systemctl --user start podman.socket)",
        "see https://github.com/containers/podman/blob/main/docs/tutorials/rootless_tutorial.md",
    ),
)
NAMES = tuple(engine.name for engine in ENGINES)


def run(
    command: Sequence[str], env: Mapping[str, str] | None = None, seconds: float | None = None
) -> subprocess.CompletedProcess[str]:
    """Run a command to its end and keep what it says; what cannot be run has status 127.

    Args:
        command: Program and arguments.
        env: Its environment, by default this process's.
        seconds: How long it may take, by default ``ANSWER_SECONDS``.
    """
    seconds = seconds or ANSWER_SECONDS
    try:
        return subprocess.run(
            command,
            env=env,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=seconds,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return subprocess.CompletedProcess(command, 124, "", f"no answer within {seconds:g} s")
    except OSError as error:
        return subprocess.CompletedProcess(command, 127, "", str(error))


def find(wanted: str = "", environ: Mapping[str, str] | None = None) -> Engine:
    """The engine to use.

    Args:
        wanted: Its name, when the user chose one.
        environ: The environment of its commands; by default this process's.

    Raises:
        StackError: None can be used; the message is one line that says what to do.
    """
    nearest = (0, NONE)
    for engine in ENGINES:
        if wanted in ("", engine.name):
            distance = _try(engine, environ)
            if distance is None:
                return engine
            nearest = max(nearest, distance, key=lambda found: found[0])
    if wanted and not nearest[0]:
        raise StackError(f"{wanted} is not on PATH; install it, {WITHOUT}")
    raise StackError(nearest[1])


def last_line(text: str, default: str = "it said nothing") -> str:
    """What a program said last."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return lines[-1][:300] if lines else default


def _try(engine: Engine, environ: Mapping[str, str] | None) -> tuple[int, str] | None:
    """``None`` when it works, else how near it came to that and what is wrong."""
    if shutil.which(engine.compose[0]) is None:
        return 0, NONE
    version = run([*engine.compose, "version"], environ)
    number = NUMBER.search(version.stdout)
    # podman-compose counts its own versions, and its first is a good one.
    old = engine.name == "docker-compose" and number is not None and int(number[1]) < FIRST_GOOD
    if version.returncode != 0 or old:
        return 1, f"{engine.title} has no compose that works here; {engine.install}, {WITHOUT}"
    answer = run(engine.ask, environ)
    if answer.returncode == 0:
        return None
    said = last_line(answer.stderr)
    if "permission denied" in answer.stderr.lower():
        return 3, f"{engine.title} refuses this user ({said}); {engine.rights}, {WITHOUT}"
    return 2, f"{engine.title} is installed but does not answer ({said}); {engine.start}, {WITHOUT}"
