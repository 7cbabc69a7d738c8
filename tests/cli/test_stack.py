"""``pepperpy-otel stack``: what is understood, asked and refused before anything is touched."""

from __future__ import annotations

import io
import sys

import pytest

from pepperpy_otel import cli
from pepperpy_otel.cli import stack
from pepperpy_otel.stack import session


class Opened:
    """A stack that only notes what it is asked to do."""

    def __init__(self):
        self.calls = []

    def down(self, *, volumes):
        """Note it."""
        self.calls.append(("down", volumes))
        return ["The stack is down."]

    def status(self):
        """Nothing is there."""
        return []


@pytest.fixture
def opened(monkeypatch, tmp_path):
    """Every command gets this stack."""
    opened = Opened()
    monkeypatch.setenv("STACK_DIRECTORY", str(tmp_path))
    monkeypatch.setattr(session, "open_session", lambda *arguments: opened)
    return opened


@pytest.fixture
def terminal(monkeypatch):
    """Somebody sits at the terminal and types."""

    class Terminal(io.StringIO):
        def isatty(self):
            return True

    return lambda text: monkeypatch.setattr(sys, "stdin", Terminal(f"{text}\n"))


@pytest.mark.parametrize(
    ("argv", "said"),
    [
        ([], "the following arguments are required: COMMAND"),
        (["dance"], "invalid choice: 'dance'"),
        (["up", "--profile", "prod"], "invalid choice: 'prod'"),
        (["up", "--engine", "lxc"], "invalid choice: 'lxc'"),
        (["up", "--timeout", "soon"], "'soon' is not a number of seconds"),
        (["up", "--timeout", "-1"], "'-1' is not a number of seconds"),
        (["up", "--timeout", "inf"], "'inf' is not a number of seconds"),
        (["up", "--processes", "--profile", "demo"], "--processes goes with neither --profile nor"),
        (["up", "--processes", "--engine", "docker"], "--processes goes with neither --profile"),
        (["up", "--binaries", "/opt"], "--binaries is for --processes"),
        (["up", "--processes", "--binaries", "/no"], "--binaries /no: there is no such directory"),
    ],
)
def test_wrong_use(argv, said, capsys):
    """Exit status 2, and what is wrong."""
    with pytest.raises(SystemExit) as ended:
        cli.main(["stack", *argv])

    assert ended.value.code == 2
    assert said in capsys.readouterr().err


def test_a_wrong_port_is_wrong_use(capsys):
    """One line, exit status 2."""
    assert cli.main(["stack", "up", "--port", "grafana"]) == 2

    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("pepperpy-otel stack: --port 'grafana' is none; use NAME=NUMBER")


def test_help_names_the_ports(capsys):
    """And every command."""
    with pytest.raises(SystemExit):
        cli.main(["stack", "--help"])

    text = capsys.readouterr().out
    assert "ports for --port: grafana, jaeger, prometheus, loki, otlp-grpc, otlp-http," in text
    assert all(f"  {name} " in text for name in ("up", "down", "status", "password", "urls"))


def test_the_directory_by_option(monkeypatch, tmp_path):
    """--directory beats STACK_DIRECTORY, and ~ is the user's home."""
    seen = []
    monkeypatch.setenv("STACK_DIRECTORY", "/elsewhere")
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setattr(session, "open_session", lambda *found: seen.append(found) or Opened())

    cli.main(["stack", "status", "--directory", "~/mine", "--engine", "podman"])

    ((directory, _, engine),) = seen
    assert (directory, engine) == (tmp_path / "mine", "podman")


def test_a_pipe_that_is_closed(opened, monkeypatch):
    """``stack status | head`` ends as every command does."""

    def broken():
        raise BrokenPipeError

    monkeypatch.setattr(opened, "status", broken)

    with pytest.raises(BrokenPipeError):
        stack.main(["status"])


def test_data_is_not_removed_without_a_word(opened, monkeypatch, capsys):
    """Where nobody can be asked, --yes is needed: wrong use."""
    monkeypatch.setattr(sys, "stdin", io.StringIO("y\n"))

    assert cli.main(["stack", "down", "--volumes"]) == 2

    assert "confirm with --yes" in capsys.readouterr().err
    assert opened.calls == []


@pytest.mark.parametrize("answer", ["y", "YES ", "yes"])
def test_data_is_removed_when_somebody_says_so(opened, terminal, answer):
    """At a terminal it is asked."""
    terminal(answer)

    assert cli.main(["stack", "down", "--volumes"]) == 0
    assert opened.calls == [("down", True)]


@pytest.mark.parametrize("answer", ["", "n", "yikes"])
def test_data_is_kept_when_nobody_says_so(opened, terminal, answer, capsys):
    """Anything but a yes leaves everything as it is."""
    terminal(answer)

    assert cli.main(["stack", "down", "--volumes"]) == 1

    assert capsys.readouterr().out.endswith("Nothing was done.\n")
    assert opened.calls == []


def test_down_asks_nothing(opened, capsys):
    """Without --volumes no data is in danger."""
    assert cli.main(["stack", "down"]) == 0

    assert opened.calls == [("down", False)]
    assert capsys.readouterr().out == "The stack is down.\n"
