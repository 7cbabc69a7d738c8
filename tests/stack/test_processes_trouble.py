"""``stack up --processes`` when something is in the way, and what is told."""

from __future__ import annotations

import json
import os
import signal
import socket
import sys

import pytest

from pepperpy_otel import cli
from pepperpy_otel.stack import processes, state
from pepperpy_otel.stack.daemon import Daemon
from pepperpy_otel.stack.setting import INTERNAL
from tests.integration.readback import eventually
from tests.stack.conftest import pids

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="processes are for Linux and macOS")


def test_one_that_ends_at_once(up, directory, monkeypatch, capsys):
    """Its name, its log's place and last lines; what was started goes on, and down ends it."""
    monkeypatch.setenv("STANDIN_BREAK", "loki")

    assert cli.main(up) == 1

    first, *lines = capsys.readouterr().err.splitlines()
    log = directory / "logs" / "loki.log"
    assert first == f"pepperpy-otel stack: loki ended at once; its log ({log}) ends:"
    assert lines[-1] == "no such luck"
    assert list(pids(directory)) == ["jaeger", "prometheus"]
    assert cli.main(["stack", "down"]) == 0
    assert pids(directory) == {}


def test_one_that_is_never_ready(up, monkeypatch, capsys):
    """--timeout is for all together; status calls it unhealthy."""
    monkeypatch.setenv("STANDIN_DEAF", "jaeger")

    assert cli.main([*up, "--timeout", "1"]) == 1
    assert "jaeger is not ready after 1 s; its log (" in capsys.readouterr().err

    assert cli.main(["stack", "status"]) == 1
    assert "jaeger      unhealthy" in capsys.readouterr().out


def test_one_that_says_nothing(up, programs, capsys):
    """An empty log is told as such."""
    (programs / "loki").write_text("#!/bin/sh\n[ $# = 1 ] && echo config.expand-env\n")

    assert cli.main(up) == 1
    assert capsys.readouterr().err.endswith("ends:\n(nothing)\n")


def test_one_that_does_not_end(up, directory, monkeypatch, capsys):
    """It is killed after the deadline, and that is told."""
    monkeypatch.setenv("STANDIN_DEAD", "loki")
    cli.main(up)
    monkeypatch.setattr(processes, "STOP_SECONDS", 1.0)
    capsys.readouterr()

    assert cli.main(["stack", "down"]) == 0

    assert capsys.readouterr().out.startswith("loki did not end within 1 s and was killed\n")
    assert pids(directory) == {}


def test_a_port_is_taken(up, directory, free_ports, capsys):
    """One line names it; nothing is started."""
    with socket.create_server(("127.0.0.1", free_ports["loki"])):
        assert cli.main(up) == 1

    (line,) = capsys.readouterr().err.splitlines()
    assert f"port {free_ports['loki']} on 127.0.0.1 (Loki) is taken by" in line
    assert f"(pid {os.getpid()})" in line
    assert "STACK_LOKI_PORT=… or --port loki=…" in line
    assert pids(directory) == {}


def test_an_internal_port_is_taken(up, directory):
    """Another one is chosen, without a word: nobody needs to know it."""
    with socket.create_server(("127.0.0.1", INTERNAL["jaeger-otlp"])):
        assert cli.main(up) == 0

    chosen = state.read(directory).ports["jaeger-otlp"]
    assert chosen != INTERNAL["jaeger-otlp"]
    command = json.loads(Daemon("collector", directory).known().plan)
    assert command[1]["JAEGER_OTLP_GRPC"] == f"127.0.0.1:{chosen}"


def test_more_than_loopback_is_refused(up, monkeypatch, capsys):
    """Processes have no network of their own around them: wrong use."""
    monkeypatch.setenv("STACK_BIND", "0.0.0.0")

    assert cli.main(up) == 2
    assert "STACK_BIND='0.0.0.0': processes listen on 127.0.0.1 only" in capsys.readouterr().err


def test_containers_while_processes_run(up, engines, capsys):
    """One stack at a time: the way to the other leads over down."""
    engines.install("docker")
    cli.main(up)

    assert cli.main(["stack", "up"]) == 1

    assert "the stack runs as processes" in capsys.readouterr().err
    assert engines.calls("up") == []


def test_containers_after_processes_have_ended(up, engines, directory, capsys):
    """What a reboot has ended holds nobody up."""
    engines.install("docker")
    engines.containers({}, {"jaeger": "healthy"})
    cli.main(up)
    for name, pid in pids(directory).items():
        os.kill(pid, signal.SIGKILL)
        eventually(lambda name=name: Daemon(name, directory).running() is None)

    assert cli.main(["stack", "up"]) == 0
    assert capsys.readouterr().out.count("(by docker)") == 1


def test_processes_while_containers_run(up, engines, capsys):
    """And the other way round."""
    engines.install("docker")
    engines.containers({}, {"jaeger": "healthy"})
    cli.main(["stack", "up"])

    assert cli.main(up) == 1
    assert (
        "the stack runs as containers; first: pepperpy-otel stack down" in capsys.readouterr().err
    )


def test_processes_after_containers_have_gone(up, engines, capsys):
    """Taken down by compose itself, they hold nobody up."""
    engines.install("docker")
    engines.containers({}, {"jaeger": "healthy"})
    cli.main(["stack", "up"])
    engines.answer("ps", (0, "", ""))

    assert cli.main(up) == 0


def test_what_was_written_down_is_lost(up, directory, capsys):
    """The pid files are enough to find the stack and to take it down."""
    cli.main(up)
    (directory / "stack.json").unlink()
    capsys.readouterr()

    assert cli.main(["stack", "status"]) == 0
    assert cli.main(["stack", "urls"]) == 0
    assert cli.main(["stack", "down"]) == 0

    assert pids(directory) == {}


def test_a_directory_that_is_in_the_way(up, directory, capsys):
    """What the system says, with the name; no traceback."""
    directory.mkdir()
    (directory / "data").write_text("")

    assert cli.main(up) == 1

    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("pepperpy-otel stack: ")
    assert str(directory / "data" / "jaeger") in line
