"""``pepperpy-otel rollback --check``: what would be restored, by doing it."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest

from pepperpy_otel import cli
from pepperpy_otel.cli import rollback

if TYPE_CHECKING:
    from pathlib import Path

GOOD = "the process is what it was before"


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """No settings of the checkout are found; instrumentations take their time."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PEPPERPY_OTEL_INSTRUMENT", "false")
    return tmp_path


def test_with_the_settings_that_are_found(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """What configure() would change here; ports of the settings are not taken."""
    monkeypatch.setenv("PEPPERPY_OTEL_HEALTH_PORT", "1")
    monkeypatch.setenv("PEPPERPY_OTEL_LOG_LEVEL", "DEBUG")
    assert cli.main(["rollback", "--check"]) == 0
    output = capsys.readouterr().out
    assert "  root logger's level\n" in output
    assert "  health endpoint on 127.0.0.1:" in output
    assert "stays and does nothing" in output
    assert GOOD in output


def test_with_a_program(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Up to the end of its configure(): with its own arguments, no further."""
    (here / "app.py").write_text(
        "import sys, pepperpy_otel\n"
        "def old(): pass\n"
        "assert sys.argv == ['app.py', '--port', '80']\n"
        "try:\n"
        "    pepperpy_otel.configure('x', legacy=[old], prometheus_port=1)\n"
        "except Exception:\n"
        "    pass\n"
        "print('never')\n"
    )
    program = ["rollback", "--check", "--", "python", "app.py", "--port", "80"]
    before = sys.argv[:], sys.path[:]
    assert cli.main(program) == 0
    output = capsys.readouterr().out
    assert "legacy: __main__.old" in output
    assert "Prometheus endpoint on" in output
    assert "never" not in output
    assert GOOD in output
    assert (sys.argv, sys.path) == before


def test_with_a_module(here: Path, monkeypatch: pytest.MonkeyPatch, run_python: Any) -> None:
    """As ``python -m`` finds it, here or installed; in a process of its own, as users do."""
    (here / "shop_module.py").write_text("import pepperpy_otel\npepperpy_otel.configure()\n")
    ran = subprocess.run(
        [
            sys.executable,
            "-m",
            "pepperpy_otel.cli",
            "rollback",
            "--check",
            "--",
            "-m",
            "shop_module",
        ],
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr
    assert GOOD in ran.stdout


def test_what_is_left_behind_is_a_finding(
    here: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """And what could not be restored; by what a program's own hooks do, for example."""
    monkeypatch.setattr(rollback, "SETTLE", 0.0)
    monkeypatch.delenv("LEFT", raising=False)
    (here / "app.py").write_text(
        "import os, pepperpy_otel\n"
        "def off(): os.environ['LEFT'] = '1'\n"
        "def on(): raise OSError('stuck')\n"
        "pepperpy_otel.configure('x', legacy=[(off, on)])\n"
    )
    assert cli.main(["rollback", "--check", "app.py"]) == 1
    monkeypatch.delenv("LEFT")
    output = capsys.readouterr().out
    assert "NOT restored: legacy: off, undone by on: OSError: stuck" in output
    assert "LEFT BEHIND: variable LEFT is new" in output


@pytest.mark.parametrize(
    ("code", "status", "message"),
    [
        ("pass", 1, "app.py never called configure(): it came to its end without"),
        ("raise SystemExit(3)", 1, "app.py never called configure(): it ended with 3 before"),
        ("1 / 0", 2, "app.py failed: ZeroDivisionError: division by zero"),
    ],
)
def test_a_program_without_configure_is_said(
    here: Path, capsys: pytest.CaptureFixture[str], code: str, status: int, message: str
) -> None:
    """In one line."""
    (here / "app.py").write_text(code)
    assert cli.main(["rollback", "--check", "app.py"]) == status
    assert capsys.readouterr().err == f"pepperpy-otel rollback: {message}\n"


def test_a_module_without_configure_is_said(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Likewise."""
    (here / "idle_module.py").write_text("pass")
    assert cli.main(["rollback", "--check", "--", "-m", "idle_module"]) == 1
    assert "-m idle_module never called configure()" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("program", "message"),
    [
        (["missing.py"], "missing.py: there is no such file; give a Python program"),
        (["-m"], "-m needs the name of a module"),
    ],
)
def test_a_program_that_is_none_is_wrong_use(
    capsys: pytest.CaptureFixture[str], program: list[str], message: str
) -> None:
    """Exit status 2."""
    assert cli.main(["rollback", "--check", "--", *program]) == 2
    assert capsys.readouterr().err == f"pepperpy-otel rollback: {message}\n"


def test_without_check_it_does_nothing() -> None:
    """A running process is rolled back by its own code."""
    with pytest.raises(SystemExit) as ended:
        cli.main(["rollback"])
    assert ended.value.code == 2


def test_disabled_telemetry_has_little_to_restore(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """And what is wrong with a setting is said as always."""
    monkeypatch.setenv("OTEL_SDK_DISABLED", "true")
    monkeypatch.setenv("PEPPERPY_OTEL_HEALTH", "false")
    monkeypatch.setenv("OTEL_LOG_LEVEL", "nonsense")
    assert cli.main(["rollback", "--check"]) == 0
    captured = capsys.readouterr()
    assert "configure() changed 0 things" in captured.out
    assert "stays and does nothing" not in captured.out
    assert "OTEL_LOG_LEVEL='nonsense'" in captured.err


def test_a_module_of_this_process_and_threads_that_take_their_time(
    here: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """What ends within the time that it is given is not left behind."""
    monkeypatch.setattr(rollback, "SETTLE", 20.0)
    (here / "slow_module.py").write_text(
        "import threading, time, pepperpy_otel\n"
        "def off(): threading.Thread(target=time.sleep, args=(0.5,)).start()\n"
        "pepperpy_otel.configure(legacy=[(off, len.__call__ and (lambda: None))])\n"
    )
    assert cli.main(["rollback", "--check", "--", "-m", "slow_module"]) == 0
    assert GOOD in capsys.readouterr().out
