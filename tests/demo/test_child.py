from __future__ import annotations

import subprocess
import sys

import pytest

from pepperpy_otel.demo import services

CONFIGURE = """
import pepperpy_otel
pepperpy_otel.configure("child", traces="none", metrics="none", logs="none", instrument=False)
"""


@pytest.fixture
def run_child(tmp_path):
    """Run a script as a child of the demo; what it wrote as its counts."""

    def run(script, *, before="", endless=False):
        (tmp_path / "script.py").write_text(script)
        arguments = [str(tmp_path / "script.py"), str(tmp_path / "counts.json")]
        code = f"{before}\nimport sys; from pepperpy_otel.demo import child; "
        code += f"sys.exit(child.main({arguments!r}))"
        with subprocess.Popen(
            [sys.executable, "-c", code],
            cwd=tmp_path,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        ) as process:
            assert process.stdout is not None
            first = process.stdout.readline()
            if not endless:
                process.wait(timeout=30)
            _, err = process.communicate(timeout=30)  # which closes its input
        return process.returncode, first, err, services.read_counts(tmp_path / "counts.json")

    return run


def test_without_telemetry_there_are_no_counts(run_child):
    """The script runs as a program does, and nothing is made up about it."""
    assert run_child("print(__name__)") == (0, "__main__\n", "", None)


def test_counts_are_written_when_the_script_ends(run_child):
    """However it ends: by itself, or by an error of its own."""
    status, _, err, counts = run_child("raise SystemExit(3)", before=CONFIGURE)

    assert (status, err) == (3, "")
    assert counts is not None


def test_the_end_of_its_input_ends_the_script(run_child):
    """A service that would run for ever ends in order, with its counts."""
    script = "import time\nprint('running', flush=True)\nwhile True: time.sleep(0.05)"
    status, first, err, counts = run_child(script, before=CONFIGURE, endless=True)

    assert (status, first, err) == (0, "running\n", "")
    assert counts is not None
