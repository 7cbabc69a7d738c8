"""The stack's compose file, spoken to by one engine."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pepperpy_otel.stack.engine import Engine, last_line, run
from pepperpy_otel.stack.errors import StackError
from pepperpy_otel.stack.rows import Row

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

PROJECT = "pepperpy-otel"
PROJECT_VARIABLE = "STACK_PROJECT"
PROFILES = ("alerts", "demo", "kafka")
#: Of the user's own compose settings, those that lead to another project than this one.
DIRECTIONS = ("COMPOSE_FILE", "COMPOSE_PROFILES", "COMPOSE_PROJECT_NAME", "COMPOSE_ENV_FILES")
PODMAN = "podman"
SECONDS = 60.0
#: Owner of the Collector's secrets.
COLLECTOR_USER = "10001:10001"


@dataclass(frozen=True, slots=True)
class Compose:
    """The containers of the stack.

    Attributes:
        engine: Docker or Podman.
        file: ``docker-compose.yml``.
        variables: The ``STACK_`` variables that are set.
    """

    engine: Engine
    file: Path
    variables: Mapping[str, str]

    @property
    def project(self) -> str:
        """The compose project: containers and volumes carry its name."""
        return self.variables.get(PROJECT_VARIABLE, PROJECT)

    def up(self, profiles: Sequence[str], *, anew: bool) -> subprocess.Popen[bytes]:
        """Create and start all services, what compose says going to stderr.

        It goes on for as long as a service makes others wait that need it healthy.

        Args:
            profiles: Parts of it beyond the servers.
            anew: Whether those that run as they should are made anew, too.
        """
        return self._show(["up", "--detach", *(["--force-recreate"] if anew else [])], profiles)

    def down(self, *, volumes: bool) -> bool:
        """Stop and remove all containers, and with ``volumes`` the data; whether it worked."""
        process = self._show(["down", *(["--volumes"] if volumes else [])], PROFILES)
        return process.wait() == 0

    def services(self, profiles: Sequence[str]) -> list[str]:
        """The services of the stack with these profiles.

        Raises:
            StackError: Compose does not read the file.
        """
        return sorted(self._ask(["config", "--services"], profiles).split())

    def rows(self) -> list[Row]:
        """Every container of the stack as it is now, by service.

        Raises:
            StackError: The engine does not say.
        """
        every, form = ["ps", "--all"], ["--format", "json"]
        if self.engine.name == PODMAN and self._run([*every, *form], PROFILES).returncode != 0:
            every = ["ps"]  # podman-compose knows no --all: it always shows all
        text = self._ask([*every, *form], PROFILES)
        return sorted(map(_row, _items(text)), key=lambda row: row.service)

    def logs(self, service: str, lines: int) -> str:
        """What a service said last; empty when that cannot be had."""
        done = self._run(["logs", "--no-color", "--tail", str(lines), service], PROFILES)
        return done.stdout.strip()

    def password(self) -> str:
        """Grafana's password, read from its volume by a container made for that.

        Raises:
            StackError: It is not to be had.
        """
        return self._read_secret()

    def token(self) -> str:
        """The token that applications have to send where ``STACK_OTLP_AUTH`` is set.

        Raises:
            StackError: It is not to be had.
        """
        return self._read_secret("cat", "/secrets/otlp_token", user=COLLECTOR_USER)

    def _read_secret(self, *command: str, user: str = "") -> str:
        options = ["--rm", "--no-deps", "-T", *(["--user", user] if user else [])]
        return self._ask(["run", *options, "password", *command], ("tools",)).strip()

    def _ask(self, arguments: Sequence[str], profiles: Sequence[str]) -> str:
        done = self._run(arguments, profiles)
        if done.returncode != 0:
            raise StackError(
                f"'{' '.join(self.engine.compose)} {arguments[0]}' failed: {last_line(done.stderr)}"
            )
        return done.stdout

    def _run(
        self, arguments: Sequence[str], profiles: Sequence[str]
    ) -> subprocess.CompletedProcess[str]:
        return run(self._command(arguments, profiles), self._environment(), SECONDS)

    def _show(self, arguments: Sequence[str], profiles: Sequence[str]) -> subprocess.Popen[bytes]:
        sys.stderr.flush()
        return subprocess.Popen(
            self._command(arguments, profiles),
            env=self._environment(),
            stdin=subprocess.DEVNULL,
            stdout=2,  # stdout is for what the command itself has to say
        )

    def _command(self, arguments: Sequence[str], profiles: Sequence[str]) -> list[str]:
        command = [*self.engine.compose, "--project-name", self.project, "--file", str(self.file)]
        for profile in profiles:
            command += ["--profile", profile]
        return [*command, *arguments]

    def _environment(self) -> dict[str, str]:
        kept = {name: value for name, value in os.environ.items() if name not in DIRECTIONS}
        return kept | dict(self.variables)


def _items(text: str) -> list[dict[str, Any]]:
    """One JSON array, or one object a line (since compose 2.21)."""
    text = text.strip()
    try:
        found = json.loads(text) if text.startswith("[") else map(json.loads, text.splitlines())
        return [item for item in found if isinstance(item, dict)]
    except ValueError as error:
        raise StackError(f"compose ps said what is no JSON: {text[:100]!r}") from error


def _row(item: Mapping[str, Any]) -> Row:
    """A container as compose or podman-compose describe it."""
    labels = item.get("Labels")
    labels = labels if isinstance(labels, dict) else {}
    service = item.get("Service") or labels.get("com.docker.compose.service", "")
    named = str(item.get("Image", "")).partition("@")[0].rpartition("/")[2]  # a registry has a port
    return Row(str(service or item.get("Name", "?")), _state(item), named.partition(":")[2])


def _state(item: Mapping[str, Any]) -> str:
    state = str(item.get("State", "")).lower()
    status = str(item.get("Status", "")).lower()
    if state == "exited":
        code = str(item.get("ExitCode", "?"))
        return "done" if code == "0" else f"exited {code}"
    if state != "running":
        return state or "absent"
    health = str(item.get("Health") or "").lower()
    for word in ("unhealthy", "healthy", "starting"):
        if word == health or f"({word})" in status or f"health: {word}" in status:
            return word
    return "running"
