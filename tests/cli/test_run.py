from __future__ import annotations

import importlib.metadata
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from pepperpy_otel import cli
from pepperpy_otel.cli import run
from pepperpy_otel.cli.errors import CommandError

posix_only = pytest.mark.skipif(sys.platform == "win32", reason="no exec there")


@pytest.fixture
def executed(monkeypatch, tmp_path):
    """What would have replaced this process: ``[executable, argv]`` once it has happened."""
    done = []

    def replace(executable, command):
        done.extend([executable, command])
        return 0

    monkeypatch.setattr(run, "_replace_process", replace)
    monkeypatch.chdir(tmp_path)
    for name in ("PYTHONPATH", "OTEL_PYTHON_DISTRO", "OTEL_PYTHON_CONFIGURATOR"):
        monkeypatch.setenv(name, "to be restored")
        monkeypatch.delenv(name)
    return done


def launch(*command, cwd=None, **env):
    """Run the console for real."""
    return subprocess.run(
        [sys.executable, "-m", "pepperpy_otel.cli", "run", *command],
        env={**os.environ, **env},
        cwd=cwd,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def script(directory, text, name="tool", mode=0o755):
    """An executable file."""
    path = directory / name
    path.write_text(text)
    path.chmod(mode)
    return path


@pytest.mark.parametrize("separator", [[], ["--"]])
def test_a_program_on_path(executed, separator):
    """The program is looked up on PATH and gets its arguments as they are."""
    name = Path(sys.executable).name
    path = str(Path(sys.executable).parent)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PATH", path)
        assert run.main([*separator, name, "-m", "app", "--", "--flag"]) == 0

    executable = str(Path(path) / name)
    assert executed == [executable, [executable, "-m", "app", "--", "--flag"]]


def test_our_distro_is_chosen(executed):
    """The program sets up telemetry with our distro and configurator, before its first line."""
    run.main([sys.executable])

    assert os.environ["OTEL_PYTHON_DISTRO"] == "pepperpy_otel"
    assert os.environ["OTEL_PYTHON_CONFIGURATOR"] == "pepperpy_otel"
    first, second = os.environ["PYTHONPATH"].split(os.pathsep)
    assert (Path(first) / "sitecustomize.py").is_file()
    assert second == str(Path.cwd())


def test_another_distro_of_the_users_choice_is_kept(executed, monkeypatch):
    """Who asks for another one gets it."""
    monkeypatch.setenv("OTEL_PYTHON_DISTRO", "distro")
    monkeypatch.setenv("OTEL_PYTHON_CONFIGURATOR", "configurator")
    run.main([sys.executable])

    assert os.environ["OTEL_PYTHON_DISTRO"] == "distro"
    assert os.environ["OTEL_PYTHON_CONFIGURATOR"] == "configurator"


def test_python_path_is_kept(tmp_path, monkeypatch):
    """What was on PYTHONPATH stays behind ours, once; so does the current directory."""
    monkeypatch.chdir(tmp_path)
    ours = run.python_path("").split(os.pathsep)[0]
    before = os.pathsep.join(["there", ours, "", str(tmp_path)])

    assert run.python_path(before).split(os.pathsep) == [ours, "there", str(tmp_path)]


def test_a_python_file_gets_an_interpreter(executed, tmp_path):
    """A file that is no executable, but Python, is run by this Python."""
    script(tmp_path, "", "app.py", 0o644)
    run.main(["app.py", "--flag"])

    assert executed == [sys.executable, [sys.executable, "app.py", "--flag"]]


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("no-such-program", "no such program on PATH"),
        ("./no-such-file.py", "no such program on PATH"),
        pytest.param("./plain", "it is not executable", marks=posix_only),
    ],
)
def test_a_program_that_is_not_there(executed, tmp_path, name, reason, capsys):
    """One line that says why, and exit status 2."""
    script(tmp_path, "", "plain", 0o644)

    assert cli.main(["run", name]) == 2
    assert capsys.readouterr().err == f"pepperpy-otel run: cannot run {name!r}: {reason}\n"
    assert executed == []


def test_a_program_that_the_system_refuses(executed, monkeypatch, capsys):
    """An executable that is none is one line, too."""

    def refuse(executable, command):
        raise OSError(8, "Exec format error")

    monkeypatch.setattr(run, "_replace_process", refuse)

    assert cli.main(["run", sys.executable]) == 2
    assert capsys.readouterr().err == (
        f"pepperpy-otel run: cannot run {sys.executable!r}: Exec format error\n"
    )


@pytest.mark.parametrize(
    ("argv", "error"),
    [
        ([], "a program to run is needed"),
        (["--"], "a program to run is needed"),
        (["--traces_exporter", "console", "python"], "unknown option '--traces_exporter'"),
        (["-x"], "unknown option '-x'"),
    ],
)
def test_wrong_use(executed, argv, error, capsys):
    """Nothing to run, or an option before the program: exit status 2 and what is wrong."""
    with pytest.raises(SystemExit) as ended:
        run.main(argv)

    assert ended.value.code == 2
    assert error in capsys.readouterr().err
    assert executed == []


@pytest.mark.parametrize("option", ["-h", "--help"])
def test_help(option, capsys):
    """The help has an example to copy."""
    with pytest.raises(SystemExit) as ended:
        run.main([option])

    assert ended.value.code == 0
    assert "pepperpy-otel run python app.py" in capsys.readouterr().out


def test_bad_settings_are_one_line_each(executed, monkeypatch, capsys):
    """What would stop the program is named, and taken out of its environment."""
    monkeypatch.setenv("OTEL_PROPAGATORS", "baggage,typo")
    run.main([sys.executable])

    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("pepperpy_otel: OTEL_PROPAGATORS='baggage,typo' (environment) names")
    assert os.environ["OTEL_PROPAGATORS"] == "baggage"
    assert executed


@pytest.mark.parametrize("strict", ["true", "1", " TRUE ", "yes", "on"])
def test_strict_settings(executed, monkeypatch, strict):
    """With PEPPERPY_OTEL_STRICT a bad setting stops the program before it starts."""
    monkeypatch.setenv("OTEL_PROPAGATORS", "typo")
    monkeypatch.setenv("PEPPERPY_OTEL_STRICT", strict)

    with pytest.raises(CommandError, match="OTEL_PROPAGATORS='typo'"):
        run.main([sys.executable])
    assert executed == []


def test_importable_is_not_installed(executed, monkeypatch):
    """From a bare checkout the program would run without telemetry, and nobody would know why."""

    def missing(name):
        raise importlib.metadata.PackageNotFoundError(name)

    monkeypatch.setattr(importlib.metadata, "distribution", missing)

    with pytest.raises(CommandError, match=r"not installed.*-m pip install pepperpy-otel"):
        run.main([sys.executable])
    assert executed == []


@posix_only
def test_the_process_is_replaced(monkeypatch):
    """The program is not a child: its pid and its signals are those of the launcher."""
    called = []

    def execv(executable, command):
        called.append((executable, command))
        raise OSError(8, "stop here")

    monkeypatch.setattr(os, "execv", execv)
    with pytest.raises(OSError, match="stop here"):
        run._replace_process("/bin/x", ["/bin/x", "y"])

    assert called == [("/bin/x", ["/bin/x", "y"])]


@pytest.mark.slow
def test_exit_status_and_output_are_the_programs_own(tmp_path):
    """What the program says and how it ends is what the caller gets."""
    code = "import os, sys; print(os.getcwd(), sys.argv[1:]); sys.exit(7)"
    done = launch(sys.executable, "-c", code, "--x", "y", cwd=tmp_path, OTEL_SDK_DISABLED="true")

    assert done.returncode == 7
    assert done.stdout == f"{tmp_path} ['--x', 'y']\n"


@pytest.mark.slow
def test_telemetry_is_there_before_the_first_line(tmp_path):
    """A script finds the handle that the configurator made, without importing anything of ours."""
    script(
        tmp_path,
        "from opentelemetry import trace\n"
        "import pepperpy_otel\n"
        "telemetry = pepperpy_otel.get_telemetry()\n"
        "print(trace.get_tracer_provider() is telemetry.tracer_provider)\n",
        "app.py",
        0o644,
    )
    done = launch(
        "app.py",
        cwd=tmp_path,
        OTEL_TRACES_EXPORTER="none",
        OTEL_METRICS_EXPORTER="none",
        OTEL_LOGS_EXPORTER="none",
        OTEL_PROPAGATORS="typo",
    )

    assert (done.returncode, done.stdout) == (0, "True\n"), done.stderr
    ours = [line for line in done.stderr.splitlines() if line.startswith("pepperpy_otel:")]
    assert len(ours) == 1
    assert "OTEL_PROPAGATORS='typo'" in ours[0]
    assert "Traceback" not in done.stderr


@pytest.mark.slow
@posix_only
def test_signals_reach_the_program(tmp_path):
    """The pid is the program's from its first line on, and so is the end by a signal."""
    code = "import os, time; print(os.getpid(), flush=True); time.sleep(60)"
    with subprocess.Popen(
        [sys.executable, "-m", "pepperpy_otel.cli", "run", sys.executable, "-c", code],
        env={**os.environ, "OTEL_SDK_DISABLED": "true"},
        cwd=tmp_path,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        assert int(process.stdout.readline()) == process.pid
        process.send_signal(signal.SIGKILL)

    assert process.returncode == -signal.SIGKILL
