"""``pepperpy-otel stack`` with a real engine: what users type when they have Docker."""

from __future__ import annotations

import json
import subprocess
from typing import TYPE_CHECKING

import pytest

from tests.integration import launch, readback
from tests.integration.stack.compose import PORTS
from tests.ports import LOOPBACK, free_ports

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.integration.stack.engine import Engine

pytestmark = [pytest.mark.integration, pytest.mark.slow]

PROJECT = "pepperpy-otel-cli"
SERVICES = ("collector-health", "grafana", "jaeger", "loki", "prometheus")


class Command:
    """``pepperpy-otel stack …`` against the tests' own engine, on free ports."""

    def __init__(self, engine: Engine, images: dict[str, str], directory: Path) -> None:
        self.ports = dict(zip(PORTS, free_ports(len(PORTS)), strict=True))
        self.env = engine.environment(
            {
                **images,
                **{f"STACK_{name}_PORT": str(port) for name, port in self.ports.items()},
                "STACK_DIRECTORY": str(directory / "state"),
                "STACK_PROJECT": PROJECT,
            }
        )

    def run(self, *arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
        """Run it to its end, with these variables on top."""
        return subprocess.run(
            [str(launch.BIN / "pepperpy-otel"), "stack", *arguments],
            env=self.env | variables,
            capture_output=True,
            text=True,
            timeout=170,
            check=False,
        )


@pytest.fixture
def command(docker: Engine, stack_images: dict[str, str], tmp_path: Path) -> Iterator[Command]:
    """The command; what it has started is gone at the end."""
    command = Command(docker, stack_images, tmp_path)
    yield command
    command.run("down", "--volumes", "--yes")


def test_from_up_to_down(command: Command) -> None:
    """Up, status, urls, the password, the Collector answers; down leaves nothing but the data."""
    up = command.run("up", "--timeout", "120")
    assert up.returncode == 0, up.stderr
    assert f"Jaeger            http://{LOOPBACK}:{command.ports['JAEGER']}\n" in up.stdout
    again = command.run("up")
    assert again.returncode == 0, again.stderr

    status = command.run("status")

    states = {line.split()[0]: line.split()[1] for line in status.stdout.splitlines()[1:]}
    assert status.returncode == 0, status.stdout
    assert [states[name] for name in SERVICES] == ["healthy"] * len(SERVICES)
    assert (states["init"], states["otel-collector"]) == ("done", "running")
    urls = json.loads(command.run("urls", "--json").stdout)
    assert readback.get(urls["collector-health"] + "/")[0] == 200
    password = command.run("password")
    assert (password.returncode, len(password.stdout.strip()) > 24) == (0, True), password.stderr
    token = command.run("password", "--otlp")
    assert token.returncode == 0, token.stderr
    assert token.stdout != password.stdout

    down = command.run("down")

    assert down.returncode == 0, down.stderr
    assert command.run("status").returncode == 1


def test_a_service_that_cannot_start(command: Command) -> None:
    """It is named, with its own words, and the command ends although compose would not."""
    up = command.run("up", STACK_TRACES_RETENTION="soon")

    assert up.returncode == 1
    complaint = up.stderr[up.stderr.index("pepperpy-otel stack: ") :]
    assert complaint.startswith("pepperpy-otel stack: the stack is not healthy: jaeger is ")
    assert "--- jaeger said last ---" in complaint
    assert "invalid duration" in complaint
