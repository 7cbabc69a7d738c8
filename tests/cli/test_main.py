from __future__ import annotations

import subprocess
import sys

import pytest

from pepperpy_otel import cli
from pepperpy_otel._version import __version__
from pepperpy_otel.cli.errors import FINDING, CommandError


@pytest.fixture
def command(monkeypatch):
    """Replace the command ``run`` by one that does what the test says."""

    def replace(main):
        class Module:
            pass

        Module.main = staticmethod(main)
        monkeypatch.setattr("importlib.import_module", lambda name: Module)

    return replace


def test_version(capsys):
    """--version names the program and its version, and is no error."""
    with pytest.raises(SystemExit) as ended:
        cli.main(["--version"])

    assert ended.value.code == 0
    assert capsys.readouterr().out == f"pepperpy-otel {__version__}\n"


def test_help_names_every_command(capsys):
    """--help has each command with one line about it."""
    with pytest.raises(SystemExit) as ended:
        cli.main(["--help"])

    assert ended.value.code == 0
    text = capsys.readouterr().out
    assert all(f"  {name}" in text and about in text for name, about in cli.COMMANDS.items())


@pytest.mark.parametrize("argv", [[], ["nonsense"], ["--nonsense"]])
def test_wrong_use(argv, capsys):
    """No command, an unknown one or an unknown option: exit status 2 and one line that says so."""
    with pytest.raises(SystemExit) as ended:
        cli.main(argv)

    assert ended.value.code == 2
    usage, error = capsys.readouterr().err.splitlines()
    assert usage == "usage: pepperpy-otel COMMAND ..."
    assert error.startswith("pepperpy-otel: error: ")


def test_everything_behind_the_command_is_the_commands_own(command):
    """Also what looks like an option of ours."""
    seen = []
    command(lambda argv: seen.extend(argv) or 7)

    assert cli.main(["run", "--version", "-h", "--", "x"]) == 7
    assert seen == ["--version", "-h", "--", "x"]


def test_arguments_of_the_process(command, monkeypatch):
    """The console script calls main() without any."""
    seen = []
    monkeypatch.setattr("sys.argv", ["pepperpy-otel", "run", "x"])
    command(lambda argv: seen.extend(argv) or 0)

    assert cli.main() == 0
    assert seen == ["x"]


@pytest.mark.parametrize("status", [FINDING, 2])
def test_an_error_is_one_line(command, capsys, status):
    """What ends a command early is one line on stderr and its exit status."""

    def fail(argv):
        raise CommandError("no such thing", status)

    command(fail)

    assert cli.main(["run"]) == status
    assert capsys.readouterr() == ("", "pepperpy-otel run: no such thing\n")


def test_interrupt(command, capsys):
    """Ctrl-C ends a command without a traceback, with the status that shells know."""

    def interrupt(argv):
        raise KeyboardInterrupt

    command(interrupt)

    assert cli.main(["run"]) == 130
    assert capsys.readouterr() == ("", "")


def test_a_reader_that_has_seen_enough():
    """``pepperpy-otel demo | head`` ends quietly."""
    code = """if True:
        import sys
        from types import SimpleNamespace
        from pepperpy_otel import cli

        def main(argv):
            sys.stdin.read()
            print("to nobody", flush=True)

        sys.modules["pepperpy_otel.cli.run"] = SimpleNamespace(main=main)
        sys.exit(cli.main(["run"]))
    """
    with subprocess.Popen(
        [sys.executable, "-c", code],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        process.stdout.close()
        _, err = process.communicate(timeout=30)

    assert (process.returncode, err) == (1, "")


def test_as_a_module():
    """``python -m pepperpy_otel.cli`` is the console, too."""
    done = subprocess.run(
        [sys.executable, "-m", "pepperpy_otel.cli", "--version"],
        capture_output=True,
        text=True,
        check=False,
    )

    assert (done.returncode, done.stdout) == (0, f"pepperpy-otel {__version__}\n")


def test_only_the_command_asked_for_is_imported():
    """``run`` costs nothing of what the demo needs, and no OpenTelemetry at all."""
    code = """if True:
        import sys
        import pepperpy_otel.cli.run
        print([name for name in sys.modules if name.split(".")[0] in
               ("opentelemetry", "google", "rich", "http")
               or name.startswith("pepperpy_otel.demo")])
    """
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)

    assert done.stdout == "[]\n", done.stderr
