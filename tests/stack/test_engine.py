"""Which engine is used, and the one line where none can be."""

from __future__ import annotations

import pytest

from pepperpy_otel.stack import engine
from pepperpy_otel.stack.errors import StackError


def refused(wanted=""):
    """The one line that is told."""
    with pytest.raises(StackError) as error:
        engine.find(wanted)
    assert error.value.status == 1
    line = str(error.value)
    assert "\n" not in line
    assert line.endswith("or do without containers: pepperpy-otel stack up --processes")
    return line


@pytest.mark.parametrize("name", engine.NAMES)
def test_the_engine_that_answers_is_used(engines, name):
    """Each of the three is enough."""
    engines.install(name.split()[0])

    assert engine.find().name == name


def test_docker_comes_first(engines):
    """Where all are there, it is Docker's plugin."""
    engines.install("podman", "docker-compose", "docker")

    assert engine.find().name == "docker"


def test_the_engine_can_be_chosen(engines):
    """--engine podman does not even look at Docker."""
    engines.install("podman", "docker")

    assert engine.find("podman").name == "podman"
    assert {call[0] for call in engines.calls()} == {"podman"}


def test_none_is_there(engines):
    """What to install is named."""
    line = refused()

    assert line.startswith("neither Docker nor Podman is on PATH; install Docker with its compose")


def test_the_chosen_one_is_not_there(engines):
    """Another one is no substitute for what was asked for."""
    engines.install("docker")

    assert refused("podman").startswith("podman is not on PATH; install it, ")


def test_docker_without_compose(engines):
    """The plugin is named, as its packages are called."""
    engines.install("docker")
    engines.answer("version", (1, "", "docker: 'compose' is not a docker command."))

    line = refused()

    assert line.startswith("Docker has no compose that works here; install its compose plugin")
    assert "docker-compose-plugin" in line


def test_the_first_docker_compose_is_too_old(engines):
    """Version 1 does not know conditions of health."""
    engines.install("docker-compose")
    engines.answer("version", (0, "docker-compose version 1.29.2, build 5becea4c\n", ""))

    assert "docker-compose has no compose that works here; install version 2" in refused()


def test_a_newer_compose_is_not_taken_for_an_old_one(engines):
    """A version with a 1 in another place is none of the first."""
    engines.install("docker-compose")
    engines.answer("version", (0, "Docker Compose version v2.1.1\n", ""))

    assert engine.find().name == "docker-compose"


def test_the_first_podman_compose_is_good(engines):
    """It counts its own versions."""
    engines.install("podman")
    engines.answer(
        "version", (0, "podman-compose version 1.5.0\nusing podman version: 5.4.2\n", "")
    )

    assert engine.find().name == "podman"


def test_the_daemon_does_not_answer(engines):
    """What it said and how it is started."""
    engines.install("docker")
    engines.answer("info", (1, "", "Cannot connect to the Docker daemon at unix:///x.\n\n"))

    line = refused()

    assert "is installed but does not answer (Cannot connect to the Docker daemon" in line
    assert "systemctl start docker" in line


def test_the_daemon_says_nothing_at_all(engines, monkeypatch):
    """One that hangs is not waited for for ever."""
    monkeypatch.setattr(engine, "ANSWER_SECONDS", 0.5)
    engines.install("docker")
    engines.answer("info", ("hang", "", ""))

    assert "does not answer (no answer within 0.5 s)" in refused()


def test_the_user_lacks_rights(engines):
    """What gives them."""
    engines.install("docker")
    engines.answer("info", (1, "", "permission denied while trying to connect to the socket\n"))

    line = refused()

    assert "Docker refuses this user (permission denied while" in line
    assert "sudo usermod -aG docker $USER" in line


def test_the_line_is_about_what_came_nearest(engines):
    """Podman that only has to be started beats Docker without compose."""
    engines.install("docker", "podman")
    engines.answer("docker version", (1, "", ""))
    engines.answer("podman info", (125, "", ""))

    assert refused().startswith("Podman is installed but does not answer (it said nothing)")


def test_an_engine_that_works_beats_one_that_does_not(engines):
    """A dead Docker does not stand in Podman's way."""
    engines.install("docker", "podman")
    engines.answer("docker info", (1, "", "Cannot connect"))

    assert engine.find().name == "podman"


def test_a_program_that_cannot_be_run(tmp_path):
    """That is an answer, too, and no traceback."""
    file = tmp_path / "docker"
    file.write_text("")

    done = engine.run([str(file)])

    assert done.returncode == 127
    assert "Permission denied" in done.stderr
