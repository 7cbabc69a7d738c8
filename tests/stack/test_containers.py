"""``stack up`` with containers: every end it can take, and what is told."""

from __future__ import annotations

import json
import socket

from pepperpy_otel import cli
from pepperpy_otel.stack import containers, files
from tests.stack.conftest import UP


def test_up(docker, free_ports, capfd):
    """It waits for health, then says where everything is, where to send to, and the password."""
    docker.answer("up", (0, "Container jaeger Started\n", ""))

    assert cli.main(["stack", "up"]) == 0

    out, err = capfd.readouterr()
    assert err == "Container jaeger Started\n"  # stdout is for what the command has to say
    first, *lines = out.splitlines()
    assert first == "The stack is up (by docker)."
    assert f"Grafana           http://127.0.0.1:{free_ports['grafana']}" in lines
    assert f"OTLP/gRPC         http://127.0.0.1:{free_ports['otlp-grpc']}" in lines
    assert "Grafana's user is admin, its password tells: pepperpy-otel stack password" in lines
    assert not any("Alertmanager" in line for line in lines)
    setting = f"OTEL_EXPORTER_OTLP_ENDPOINT=http://127.0.0.1:{free_ports['otlp-http']}"
    assert f"Let your app send here:  {setting}" in lines


def test_the_compose_file_and_the_project_are_named(docker, monkeypatch):
    """Whatever the directory and whatever compose settings of another project lie around."""
    monkeypatch.setenv("COMPOSE_FILE", "/elsewhere.yaml")
    monkeypatch.setenv("COMPOSE_PROFILES", "other")

    cli.main(["stack", "up", "--profile", "demo"])

    (call,) = docker.calls("up")
    file = call[call.index("--file") + 1]
    assert file.endswith("docker-compose.yml")
    assert call == [
        *("docker", "compose", "--project-name", "pepperpy-otel", "--file", file),
        *("--profile", "demo", "up", "--detach"),
    ]
    assert not [name for name in docker.variables("up") if name.startswith("COMPOSE_")]


def test_up_after_an_upgrade(docker, monkeypatch):
    """Compose does not see that a mounted file has changed: the containers are made anew."""
    cli.main(["stack", "up"])
    cli.main(["stack", "up"])
    monkeypatch.setattr(files, "digest", lambda: "other")
    cli.main(["stack", "up"])

    ends = [call[-2:] for call in docker.calls("up")]
    assert ends == [["up", "--detach"]] * 2 + [["--detach", "--force-recreate"]]


def test_a_port_by_option(docker, free_ports, capsys):
    """--port reaches compose as the variable, and the address that is printed."""
    number = free_ports["agent-otlp-grpc"]

    assert cli.main(["stack", "up", "--port", f"grafana={number}"]) == 0

    assert docker.variables("up")["STACK_GRAFANA_PORT"] == str(number)
    assert f"http://127.0.0.1:{number}\n" in capsys.readouterr().out


def test_later_commands_know_what_was_chosen(docker, free_ports, monkeypatch, capsys):
    """The shell that asks for the addresses need not be the one that chose the ports."""
    cli.main(["stack", "up", "--profile", "alerts"])
    for name in free_ports:
        monkeypatch.delenv(f"STACK_{name.upper().replace('-', '_')}_PORT")
    capsys.readouterr()

    assert cli.main(["stack", "urls", "--json"]) == 0

    shown = json.loads(capsys.readouterr().out)
    assert shown["loki"] == f"http://127.0.0.1:{free_ports['loki']}"
    assert shown["alertmanager"] == f"http://127.0.0.1:{free_ports['alertmanager']}"
    assert "shop" not in shown


def test_a_service_that_is_unhealthy(docker, capsys):
    """Its name and what it said last, and exit status 1 at once."""
    docker.containers({}, UP | {"jaeger": "unhealthy", "grafana": "created"})
    docker.answer("logs", (0, "jaeger-1 | the disk is full\n", ""))

    assert cli.main(["stack", "up"]) == 1

    assert capsys.readouterr().err.splitlines() == [
        "pepperpy-otel stack: the stack is not healthy: jaeger is unhealthy",
        "--- jaeger said last ---",
        "jaeger-1 | the disk is full",
    ]
    (call,) = docker.calls("logs")
    assert call[-4:] == ["--no-color", "--tail", "10", "jaeger"]


def test_compose_fails_because_a_service_has_ended(docker, capsys):
    """What compose itself says about dependencies is followed by the name of the culprit."""
    docker.containers({}, {"init": "exited 1", "jaeger": "created"})
    docker.answer("up", (1, "", "service init didn't complete successfully\n"))
    docker.answer("logs", (1, "", "no logs"))

    assert cli.main(["stack", "up"]) == 1

    assert capsys.readouterr().err.splitlines()[-3:] == [
        "pepperpy-otel stack: the stack is not healthy: init is exited 1",
        "--- init said last ---",
        "(nothing)",
    ]


def test_compose_fails_with_every_service_healthy(docker, capsys):
    """Then its own words have to do."""
    docker.containers({}, UP)
    docker.answer("up", (1, "", "network trouble\n"))

    assert cli.main(["stack", "up"]) == 1
    assert "compose did not bring the stack up, although" in capsys.readouterr().err


def test_a_service_that_was_not_even_created(docker, capsys):
    """It has no log to show."""
    docker.containers({}, {"jaeger": "healthy"})
    docker.answer("config", (0, "jaeger\nloki\n", ""))
    docker.answer("up", (1, "", "pull access denied\n"))

    assert cli.main(["stack", "up"]) == 1

    assert capsys.readouterr().err.endswith("the stack is not healthy: loki is absent\n")


def test_waiting_has_an_end(docker, capsys):
    """--timeout: what is still starting is named."""
    docker.containers({}, UP | {"jaeger": "starting"})

    assert cli.main(["stack", "up", "--timeout", "0.1"]) == 1
    assert "the stack is not healthy: jaeger is starting" in capsys.readouterr().err


def test_a_service_that_crashes_again_and_again(docker, capsys):
    """Compose would wait for it for ever: it is stopped, and the service and its words named."""
    crashing = UP | {"jaeger": "restarting", "otel-collector": "created"}
    docker.containers({}, crashing)
    docker.answer("up", ("hang", "", ""))
    docker.answer("logs", (0, "bad retention\n", ""))

    assert cli.main(["stack", "up"]) == 1

    assert capsys.readouterr().err.splitlines()[-3:] == [
        "pepperpy-otel stack: the stack is not healthy: jaeger is restarting",
        "--- jaeger said last ---",
        "bad retention",
    ]


def test_compose_gives_up_at_the_first_crash(docker, capsys):
    """What only waits for that service is not named."""
    docker.containers({}, {"jaeger": "restarting", "loki": "starting", "grafana": "created"})
    docker.answer("up", (1, "", "dependency failed to start\n"))

    assert cli.main(["stack", "up"]) == 1
    assert "not healthy: jaeger is restarting\n--- jaeger said last" in capsys.readouterr().err


def test_compose_that_does_not_end(docker, monkeypatch, capsys):
    """Neither by itself nor when it is asked: the command ends nevertheless."""
    monkeypatch.setattr(containers, "STOP_SECONDS", 0.2)
    docker.containers({}, UP | {"jaeger": "restarting"})
    docker.answer("up", ("deaf", "", ""))

    assert cli.main(["stack", "up"]) == 1
    assert "jaeger is restarting" in capsys.readouterr().err


def test_pulling_images_takes_as_long_as_it_takes(docker, capsys):
    """The time is taken from when every container is there."""
    some = {"jaeger": "starting"}
    docker.containers({}, *[some] * 4, UP)
    docker.answer("up", (0.3, "", ""))

    assert cli.main(["stack", "up", "--timeout", "30"]) == 0
    assert len(docker.calls("ps")) > 5


def test_not_waiting(docker, capsys):
    """--no-wait: what compose has started is left to itself."""
    docker.containers({}, UP | {"jaeger": "starting"})

    assert cli.main(["stack", "up", "--no-wait"]) == 0
    assert capsys.readouterr().out.startswith("The stack is starting (by docker).")


def test_a_port_is_taken(docker, free_ports, capsys):
    """One line: the port, who has it, the variable; compose is not asked to try."""
    with socket.create_server(("127.0.0.1", free_ports["otlp-grpc"])):
        assert cli.main(["stack", "up"]) == 1

    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith(
        f"pepperpy-otel stack: port {free_ports['otlp-grpc']} on 127.0.0.1 (OTLP/gRPC) is taken by "
    )
    assert line.endswith("STACK_OTLP_GRPC_PORT=… or --port otlp-grpc=…")
    assert docker.calls("up") == []


def test_the_stacks_own_ports_are_not_taken(docker, free_ports):
    """A second ``up`` finds its own services at their ports."""
    docker.containers(UP)
    with socket.create_server(("127.0.0.1", free_ports["otlp-grpc"])):
        assert cli.main(["stack", "up"]) == 0


def test_the_port_of_a_part_that_is_not_wanted_may_be_taken(docker, free_ports):
    """Nobody looks at the shop's port without the profile demo."""
    with socket.create_server(("127.0.0.1", free_ports["shop"])):
        assert cli.main(["stack", "up"]) == 0


def test_no_engine(engines, capsys):
    """One line, exit status 1, and nothing is left that says that the stack was started."""
    assert cli.main(["stack", "up"]) == 1

    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("pepperpy-otel stack: neither Docker nor Podman is on PATH")


def test_compose_does_not_understand_the_file(docker, capsys):
    """Its own last line is told."""
    docker.answer("config", (15, "", "time=… level=warning\nservices.x must be a mapping\n"))

    assert cli.main(["stack", "up"]) == 1
    assert "'docker compose config' failed: services.x must be a mapping" in capsys.readouterr().err
