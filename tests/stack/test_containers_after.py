"""The commands beside ``stack up``, with containers."""

from __future__ import annotations

import pytest

from pepperpy_otel import cli
from tests.stack.conftest import UP


@pytest.mark.parametrize("command", ["status", "password", "down"])
def test_no_engine_and_nothing_started(engines, command, capsys):
    """Nobody can be asked; that nothing was started here is the news."""
    assert cli.main(["stack", command]) == 1

    line = capsys.readouterr().err
    assert line.startswith("pepperpy-otel stack: no stack was started here, and none can be asked")


def test_the_engine_has_gone(docker, capsys):
    """The stack was started with it: what is wrong with it is the news."""
    cli.main(["stack", "up"])
    docker.answer("info", (1, "", "Cannot connect\n"))
    capsys.readouterr()

    assert cli.main(["stack", "status"]) == 1
    assert capsys.readouterr().err.startswith("pepperpy-otel stack: Docker is installed but does")


def test_status(docker, free_ports, capsys):
    """Each service with its state, version and address; everything well is exit status 0."""
    docker.containers(UP)

    assert cli.main(["stack", "status"]) == 0

    header, *rows = capsys.readouterr().out.splitlines()
    assert header.split() == ["SERVICE", "STATE", "VERSION", "URL"]
    assert [row.split() for row in rows] == [
        ["grafana", "healthy", "v1.2.3", f"http://127.0.0.1:{free_ports['grafana']}"],
        ["init", "done", "v1.2.3"],
        ["jaeger", "healthy", "v1.2.3", f"http://127.0.0.1:{free_ports['jaeger']}"],
        ["otel-collector", "running", "v1.2.3", f"http://127.0.0.1:{free_ports['otlp-http']}"],
    ]


@pytest.mark.parametrize("state", ["unhealthy", "exited 137", "restarting", "starting", "paused"])
def test_status_of_what_is_not_well(docker, state, capsys):
    """It is shown, and the exit status is 1."""
    docker.containers(UP | {"jaeger": state})

    assert cli.main(["stack", "status"]) == 1
    assert f" {state} " in capsys.readouterr().out


def test_status_of_what_has_been_removed(docker, capsys):
    """A service that should be there is shown, too, and the exit status is 1."""
    docker.containers(UP)
    docker.answer("config", (0, "\n".join([*UP, "loki"]), ""))

    assert cli.main(["stack", "status"]) == 1
    assert "\nloki            absent " in capsys.readouterr().out


def test_status_of_nothing(docker, capsys):
    """Nothing is there: that is said, with exit status 1."""
    assert cli.main(["stack", "status"]) == 1
    assert "start it: pepperpy-otel stack up" in capsys.readouterr().out


def test_down(docker, capsys):
    """Every profile's containers go, the data stays, and it is said where."""
    cli.main(["stack", "up"])
    capsys.readouterr()

    assert cli.main(["stack", "down"]) == 0

    (call,) = docker.calls("down")
    assert call[-7:] == ["--profile", "alerts", "--profile", "demo", "--profile", "kafka", "down"]
    kept = "its data is kept (the volumes of the project pepperpy-otel)"
    assert capsys.readouterr().out == f"The stack is down; {kept}.\n"


def test_down_with_the_data(docker, capsys):
    """--volumes --yes removes it."""
    assert cli.main(["stack", "down", "--volumes", "--yes"]) == 0

    assert docker.calls("down")[0][-2:] == ["down", "--volumes"]
    assert capsys.readouterr().out == "The stack is down; its data is removed.\n"


def test_down_that_fails(docker, capsys):
    """The engine's words stand above, the exit status is 1."""
    docker.answer("down", (1, "", "no\n"))

    assert cli.main(["stack", "down"]) == 1
    assert "compose did not take the stack down" in capsys.readouterr().err


def test_password(docker, capsys):
    """Read from its volume by a container made for that; alone on stdout."""
    docker.containers(UP)
    docker.answer("run", (0, "kSecret\n", ""))

    assert cli.main(["stack", "password"]) == 0

    assert capsys.readouterr().out == "kSecret\n"
    (call,) = docker.calls("run")
    words = ["--profile", "tools", "run", "--rm", "--no-deps", "-T", "password"]
    assert call[-len(words) :] == words


def test_the_token_of_applications(docker, monkeypatch, capsys):
    """With STACK_OTLP_AUTH the app needs one: ``up`` says how to get it."""
    monkeypatch.setenv("STACK_OTLP_AUTH", "on")
    docker.answer("run", (0, "kToken\n", ""))

    cli.main(["stack", "up"])
    assert "TOKEN by: pepperpy-otel stack password --otlp\n" in capsys.readouterr().out
    assert cli.main(["stack", "password", "--otlp"]) == 0

    assert capsys.readouterr().out == "kToken\n"
    (call,) = docker.calls("run")
    assert call[-5:] == ["--user", "10001:10001", "password", "cat", "/secrets/otlp_token"]


def test_password_of_nothing(docker, capsys):
    """No volume is made for the question."""
    assert cli.main(["stack", "password"]) == 1

    assert "nothing of the stack is there; start it" in capsys.readouterr().err
    assert docker.calls("run") == []


def test_the_engine_of_up_is_asked_again(engines, monkeypatch):
    """What podman has started is not looked for at Docker."""
    engines.install("docker", "podman")
    engines.containers({}, UP)

    cli.main(["stack", "up", "--engine", "podman"])
    cli.main(["stack", "status"])

    assert {call[0] for call in engines.calls("ps")} == {"podman"}
