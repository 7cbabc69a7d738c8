"""One command on one stack: which way it runs, with which choices, and the answer."""

from __future__ import annotations

import shlex
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pepperpy_otel.stack import binaries, containers, engine, files, processes, state
from pepperpy_otel.stack.compose import Compose
from pepperpy_otel.stack.errors import StackError
from pepperpy_otel.stack.servers import SERVERS
from pepperpy_otel.stack.setting import Setting
from pepperpy_otel.stack.urls import urls
from pepperpy_otel.stack.variables import PORTS, gather, numbers

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from pepperpy_otel.stack.rows import Row


@dataclass(slots=True)
class Session:
    """A stack as one command finds it.

    Attributes:
        directory: What it keeps on this machine.
        environ: The environment, options of the command laid over it.
        wanted_engine: The engine that the user asked for.
        state: How it was started.
        variables: The ``STACK_`` variables that are set.
        ports: The number of each published port.
    """

    directory: Path
    environ: Mapping[str, str]
    wanted_engine: str
    state: state.State
    variables: dict[str, str]
    ports: dict[str, int]

    def up_containers(self, profiles: Sequence[str], *, wait: bool, seconds: float) -> None:
        """Start the stack as containers.

        Raises:
            StackError: It did not become healthy, or cannot be started.
        """
        with state.locked(self.directory):
            if self._processes():
                raise StackError(
                    f"the stack runs as processes ({self.directory}); first: "
                    f"pepperpy-otel stack down{self.where()}"
                )
            compose = self._compose()
            # Compose sees that a variable has changed, and not that a mounted file has.
            before, now = self.state.digest, files.digest()
            self.state = state.State(
                state.CONTAINERS, compose.engine.name, self.variables, list(profiles), digest=now
            )
            state.write(self.directory, self.state)
            anew = before not in ("", now)
            containers.up(compose, profiles, self.ports, anew=anew, wait=wait, seconds=seconds)

    def up_processes(self, directory: Path | None, *, wait: bool, seconds: float) -> list[str]:
        """Start the stack as processes.

        Args:
            directory: Where to look for programs first.
            wait: Whether to wait until each is ready.
            seconds: How long.

        Returns:
            The servers that were started.

        Raises:
            StackError: It did not become ready, or cannot be started.
        """
        if sys.platform == "win32":  # pragma: no cover (Windows)
            raise StackError("--processes needs Linux or macOS; use containers")
        processes.check_bind(self.variables)
        config = files.config_directory()
        with state.locked(self.directory):
            if self.state.mode == state.CONTAINERS and any(
                row.state == "running" or row.good for row in self.status()
            ):
                raise StackError(
                    "the stack runs as containers; first: pepperpy-otel stack down" + self.where()
                )
            found = binaries.find_all(config, self.environ, directory)
            there = [name for server in SERVERS if server.name in found for name in server.ports]
            chosen = processes.choose_ports(self.ports, self.state.ports, self.directory)
            setting = Setting(config, self.directory, self.variables, chosen, found, files.digest())
            self.state = state.State(
                state.PROCESSES,
                variables=self.variables,
                ports={name: chosen[name] for name in there},
            )
            state.write(self.directory, self.state)
            return processes.up(setting, wait=wait, seconds=seconds)

    def down(self, *, volumes: bool) -> list[str]:
        """Stop the stack, whichever way it runs.

        Args:
            volumes: Whether its data is removed, too.

        Returns:
            What is to be told about it.

        Raises:
            StackError: Something does not end.
        """
        with state.locked(self.directory):
            if self._is_processes():
                told = processes.down(self.directory)
                if volumes:
                    processes.remove_data(self.directory)
                kept = str(self.directory)
            else:
                compose = self._compose_of_what_runs()
                if not compose.down(volumes=volumes):
                    raise StackError("compose did not take the stack down; see above")
                told = []
                kept = f"the volumes of the project {compose.project}"
            state.forget(self.directory)
        data = "its data is removed" if volumes else f"its data is kept ({kept})"
        return [*told, f"The stack is down; {data}."]

    def status(self) -> list[Row]:
        """Every service that there is.

        Raises:
            StackError: The engine does not say.
        """
        if self._is_processes():
            return processes.status(self.directory)
        compose = self._compose_of_what_runs()
        return containers.status(compose, self.state.profiles, self.urls())

    def secret(self, *, token: bool = False) -> str:
        """Grafana's password, or the token that applications have to send.

        Raises:
            StackError: There is none to be had.
        """
        if self._is_processes():
            return processes.secret(self.directory, token=token)
        return containers.secret(self._compose_of_what_runs(), token=token)

    def urls(self) -> dict[str, str]:
        """Where everything is met, by the name of its port."""
        if self._is_processes():
            there = self.state.ports or self.ports
            unmet = [port.name for port in PORTS if port.name not in there]
            return urls({}, self.ports | self.state.ports, unmet)
        unmet = [port.name for port in PORTS if port.profile not in ("", *self.state.profiles)]
        return urls(self.variables, self.ports, unmet)

    def where(self) -> str:
        """The option that leads other commands to this stack; empty when none is needed."""
        if self.directory == state.default_directory(self.environ):
            return ""
        return f" --directory {shlex.quote(str(self.directory))}"

    def _compose(self) -> Compose:
        wanted = self.wanted_engine or self.state.engine
        return Compose(engine.find(wanted), files.compose_file(self.directory), self.variables)

    def _compose_of_what_runs(self) -> Compose:
        """For commands about a stack that somebody may have started, or nobody.

        Raises:
            StackError: There is no engine to ask.
        """
        try:
            return self._compose()
        except StackError as error:
            if self.state.mode:
                raise
            raise StackError(
                f"no stack was started here, and none can be asked for: {error}"
            ) from error

    def _is_processes(self) -> bool:
        """By what was written down; where that has been lost, by the pid files."""
        return self.state.mode == state.PROCESSES or (
            not self.state.mode and processes.any_known(self.directory)
        )

    def _processes(self) -> bool:
        """Whether any server of ours runs as a process."""
        return self._is_processes() and any(
            row.state != "stopped" for row in processes.status(self.directory)
        )


def open_session(directory: Path, environ: Mapping[str, str], wanted_engine: str) -> Session:
    """Find out what there is.

    Args:
        directory: What the stack keeps on this machine.
        environ: The environment, options of the command laid over it.
        wanted_engine: The engine that the user asked for.

    Raises:
        StackError: A variable is wrong, or this installation is not whole.
    """
    known = state.read(directory)
    variables = gather(environ, known.variables, files.home() / ".env")
    return Session(directory, environ, wanted_engine, known, variables, numbers(variables))
