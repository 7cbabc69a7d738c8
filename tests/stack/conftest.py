"""Stand-ins for the engines and for the servers, and a stack of its own for each test."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import sys
from pathlib import Path

import pytest

from pepperpy_otel.stack import containers, processes
from pepperpy_otel.stack.daemon import Daemon, start_of
from pepperpy_otel.stack.servers import SERVERS
from pepperpy_otel.stack.setting import INTERNAL
from pepperpy_otel.stack.variables import PORTS
from tests import ports

HERE = Path(__file__).parent
#: A stack of containers that is well.
UP = {"init": "exited 0", "jaeger": "healthy", "otel-collector": "running", "grafana": "healthy"}
REQUIRED = ("otelcol-pepperpy", "jaeger", "prometheus", "loki")
#: What each server says that only the right one says.
PROBES = {
    "otelcol-pepperpy": "delta_to_cumulative",
    "jaeger": "jaeger_query",
    "prometheus": "--web.enable-otlp-receiver",
    "loki": "-config.expand-env",
    "grafana": "server",
    "alertmanager": "--cluster.listen-address",
}
PROGRAM = """\
#!/bin/sh
case "$*" in
  --help|components) echo "{probe}"; exit 0;;
  --version|version) echo "{name} version v1.2.3 (go version: go1.26.8)"; exit 0;;
esac
exec {python} -S {script} {name} "$@"
"""


def play(directory: Path, name: str) -> Path:
    """Put a stand-in for a server there; its path."""
    return write(
        directory / name,
        PROGRAM.format(
            name=name, probe=PROBES[name], python=sys.executable, script=HERE / "standin.py"
        ),
    )


def write(path: Path, text: str) -> Path:
    """Write a program."""
    path.write_text(text)
    path.chmod(0o755)
    return path


class Engines:
    """The only programs on PATH.

    Attributes:
        directory: Where they are.
    """

    def __init__(self, directory):
        self.directory = directory
        directory.mkdir()
        self.answers = {"config": [[0, "", ""]], "ps": [[0, "", ""]]}
        self._write()

    def install(self, *names):
        """Put these on PATH."""
        for name in names:
            text = (HERE / "standin_engine.py").read_text()
            write(self.directory / name, f"#!{sys.executable} -S\n{text}")

    def answer(self, word, *turns):
        """What they answer to a command, in turn: (status, stdout, stderr)."""
        self.answers[word] = turns
        self._write()

    def containers(self, *rounds):
        """The services of the stack and their states, at each look: {"jaeger": "healthy"}."""
        self.answer("config", (0, "\n".join(rounds[-1]), ""))
        self.answer("ps", *((0, "\n".join(map(_container, each.items())), "") for each in rounds))

    def calls(self, word=""):
        """The command lines so far, of one command if named."""
        return [call for call, _ in self._calls() if word in ("", *call)]

    def variables(self, word):
        """The variables that the last call of a command was given."""
        return [variables for call, variables in self._calls() if word in call][-1]

    def _calls(self):
        file = self.directory / "calls.jsonl"
        return [json.loads(line) for line in file.read_text().splitlines()] if file.exists() else []

    def _write(self):
        (self.directory / "answers.json").write_text(json.dumps(self.answers))


def _container(item):
    service, state = item
    health = {"healthy": "healthy", "unhealthy": "unhealthy", "starting": "starting"}
    word = "running" if state in health else state.partition(" ")[0]
    return json.dumps(
        {
            "Service": service,
            "State": word,
            "Health": health.get(state, ""),
            "ExitCode": int(state.partition(" ")[2] or 0),
            "Image": f"example/{service}:v1.2.3@sha256:0123",
        }
    )


@pytest.fixture(autouse=True)
def _own_stack(tmp_path, monkeypatch):
    """No test sees a stack of this machine, and none leaves a process of its own."""
    for name in list(os.environ):
        if name.startswith(("STACK_", "COMPOSE_", "STANDIN_")):
            monkeypatch.delenv(name)
    directory = tmp_path / "state"
    monkeypatch.setenv("STACK_DIRECTORY", str(directory))
    monkeypatch.setenv("PEPPERPY_OTEL_SERVER_CACHE", str(tmp_path / "cache"))
    yield
    for server in SERVERS:
        for path in tmp_path.rglob(f"run/{server.name}.json"):
            record = Daemon(server.name, path.parents[1]).running()
            if record is not None:
                os.kill(record.pid, signal.SIGKILL)


@pytest.fixture
def directory(tmp_path):
    """The directory of the test's stack."""
    return tmp_path / "state"


@pytest.fixture
def engines(tmp_path, monkeypatch):
    """Engines that only pretend; nothing else is on PATH."""
    engines = Engines(tmp_path / "path")
    monkeypatch.setenv("PATH", str(engines.directory))
    return engines


@pytest.fixture
def free_ports(monkeypatch):
    """Every published port of the stack is one that nobody listens on."""
    numbers = ports.free_ports(len(PORTS) + len(INTERNAL))
    for port, number in zip(PORTS, numbers, strict=False):
        monkeypatch.setenv(port.variable, str(number))
    for name, number in zip(INTERNAL, numbers[len(PORTS) :], strict=True):
        monkeypatch.setitem(INTERNAL, name, number)
    return {port.name: number for port, number in zip(PORTS, numbers, strict=False)}


@pytest.fixture
def programs(tmp_path, engines, free_ports, monkeypatch):
    """Stand-ins for the servers that a stack must have, in a directory for --binaries."""
    directory = tmp_path / "programs"
    directory.mkdir()
    for name in REQUIRED:
        play(directory, name)
    monkeypatch.setattr(processes, "STOP_SECONDS", 10.0)
    return directory


@pytest.fixture
def every_program(programs):
    """Stand-ins for those that a stack may have, too."""
    for name in PROBES:
        play(programs, name)
    return programs


@pytest.fixture
def kill():
    """End a process that a test has started, and wait until it has ended."""

    def end(pid, started):
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
        while start_of(pid) == started:
            pass

    return end


@pytest.fixture
def up(programs):
    """``stack up --processes`` with the stand-ins."""
    return ["stack", "up", "--processes", "--binaries", str(programs)]


def pids(directory):
    """What runs in a stack's directory, by name."""
    found = {server.name: Daemon(server.name, directory).running() for server in SERVERS}
    return {name: record.pid for name, record in found.items() if record is not None}


@pytest.fixture
def docker(engines, free_ports, monkeypatch):
    """A Docker with a stack that is up at the second look after ``up``."""
    monkeypatch.setattr(containers, "POLL_SECONDS", 0.01)
    engines.install("docker")
    engines.containers({}, UP | {"jaeger": "starting"}, UP)
    return engines
