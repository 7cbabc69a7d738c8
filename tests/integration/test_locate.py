"""How the servers of the integration tests are found, with programs that only pretend."""

import os
import sys
from pathlib import Path

import pytest

from tests.integration.locate import CONFIG, IMAGES, Program, Unavailable, locate

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="servers run on Linux and macOS")

find = locate.__wrapped__  # what a pretended machine has must not stay in the cache


@pytest.fixture
def bin_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An otherwise empty PATH and server cache."""
    directory = tmp_path / "bin"
    directory.mkdir()
    monkeypatch.setenv("PATH", str(directory))
    monkeypatch.setenv("PEPPERPY_OTEL_SERVER_CACHE", str(tmp_path / "cache"))
    return directory


def _program(directory: Path, name: str, script: str) -> Path:
    path = directory / name
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)
    return path


def test_a_server_on_path_is_taken_first(bin_directory: Path) -> None:
    """A contrib Collector that knows today's component names will do."""
    path = _program(bin_directory, "otelcol-contrib", 'echo "- name: delta_to_cumulative"')

    assert find("collector") == Program("collector", "PATH", str(path))


def test_a_server_that_is_too_old_is_passed_over(bin_directory: Path) -> None:
    """Debian's Prometheus has no OTLP receiver."""
    _program(bin_directory, "prometheus", 'echo "--web.listen-address"')

    with pytest.raises(Unavailable, match="no prometheus: not on PATH"):
        find("prometheus")


def test_a_program_that_is_none_is_passed_over(bin_directory: Path) -> None:
    """What cannot be run is not found."""
    _program(bin_directory, "jaeger", "").write_bytes(b"\x7fELF?")

    with pytest.raises(Unavailable, match="no jaeger"):
        find("jaeger")


def test_without_any_way_one_line_says_what_to_do(bin_directory: Path) -> None:
    """All four ways are named, and the command that helps."""
    with pytest.raises(Unavailable) as raised:
        find("promtool")

    assert str(raised.value) == (
        f"no promtool: not on PATH or in {bin_directory.parent / 'cache'}; "
        "go is not on PATH; install Go 1.26 or newer (https://go.dev/dl); "
        "neither docker nor podman answers. "
        "Run 'python collector-config/build_servers.py prometheus' with Go and network, "
        "or start Docker"
    )


def test_an_image_is_pulled_when_it_is_not_there(bin_directory: Path, tmp_path: Path) -> None:
    """With a daemon that answers, the pinned image is the server."""
    calls = tmp_path / "calls"
    _program(bin_directory, "docker", f'echo "$*" >> {calls}; [ "$1" != image ]')

    found = find("jaeger")

    image, executable = IMAGES["jaeger"]
    assert found == Program("jaeger", "container", executable, "docker", image)
    assert calls.read_text().splitlines() == [
        "info",
        f"image inspect {image}",
        f"pull --quiet {image}",
    ]


def test_an_image_that_cannot_be_pulled_is_told(bin_directory: Path) -> None:
    """The engine and the image are in the message."""
    _program(bin_directory, "podman", '[ "$1" = info ]')

    with pytest.raises(Unavailable, match=r"podman cannot pull prom/prometheus:v3\.15\.0"):
        find("prometheus")


def test_a_container_sees_the_configuration_and_its_directory(tmp_path: Path) -> None:
    """Host network, the caller's user, the variables, and nothing else of the machine."""
    program = Program("jaeger", "container", "/cmd/jaeger", "docker", "jaeger:1")

    command = program.command(["--config", "x"], directory=tmp_path, env={"A": "1"}, container="c")

    assert command == [
        *("docker", "run", "--rm", "--init", "--network=host"),
        f"--user={os.getuid()}:{os.getgid()}",
        *("--name=c", "--env=A=1"),
        f"--volume={tmp_path}:{tmp_path}",
        f"--volume={CONFIG}:{CONFIG}:ro",
        *("--entrypoint=/cmd/jaeger", "jaeger:1", "--config", "x"),
    ]


def test_a_binary_is_run_as_it_is(tmp_path: Path) -> None:
    """A process inherits its variables and needs no wrapping."""
    program = Program("jaeger", "cache", "/opt/jaeger")

    assert program.command(["-v"], directory=tmp_path, env={"A": "1"}) == ["/opt/jaeger", "-v"]
