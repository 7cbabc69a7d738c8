"""What the README tells people to type and to write works as it stands there."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

import pepperpy_otel

if TYPE_CHECKING:
    from pepperpy_otel.demo.receiver import Receiver

ROOT = Path(__file__).resolve().parent.parent
TEXT = (ROOT / "README.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"```console\n(.*?)```", TEXT, re.DOTALL)
COMMANDS = [line for block in BLOCKS for line in block.splitlines()]
SNIPPETS = re.findall(r"```python\n(.*?)```", TEXT, re.DOTALL)
#: Where each command of the README is really run; a new one has to be given its place.
RUN_BY = {
    "pip install -q '.[demo]'": ".ci/run",
    "pip install -q -e '.[test]'": ".ci/run",
    "pip install pepperpy-otel opentelemetry-instrumentation": "tests/test_install.py",
    "pip install pepperpy-otel": "tests/test_install.py",
    "pepperpy-otel run python app.py": "tests/test_readme.py",
    "pepperpy-otel stack up": "tests/stack/test_containers.py",
}


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_is_run_somewhere(command: str) -> None:
    """No command stands in the README that neither a test nor CI runs."""
    places = [place for part, place in RUN_BY.items() if part in command]
    assert places, f"nobody runs {command!r}"
    assert (ROOT / places[0]).exists()


def test_ci_takes_the_two_commands_from_the_readme() -> None:
    """CI reads the install-and-run commands from the README instead of repeating them."""
    script = (ROOT / ".ci" / "run").read_text(encoding="utf-8")
    assert "readme_command 'pepperpy-otel demo'" in script
    assert "readme_command 'python -m pytest'" in script
    for ending in ("pepperpy-otel demo", "python -m pytest"):
        assert len([line for line in COMMANDS if line.endswith(ending)]) == 1


@pytest.mark.parametrize("snippet", SNIPPETS)
def test_every_snippet_runs(snippet: str, receiver: Receiver, tmp_path: Path) -> None:
    """Each Python block of the README runs by itself, silently, and delivers."""
    script = tmp_path / "snippet.py"
    script.write_text(snippet)
    done = subprocess.run(
        [sys.executable, str(script)],
        env={**os.environ, "OTEL_EXPORTER_OTLP_ENDPOINT": receiver.endpoint},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert receiver.store.points


def test_an_unchanged_app_runs_as_the_readme_says(receiver: Receiver, tmp_path: Path) -> None:
    """``OTEL_SERVICE_NAME=shop pepperpy-otel run python app.py``, in a shell."""
    [command] = [line for line in COMMANDS if line.endswith("run python app.py")]
    (tmp_path / "app.py").write_text(
        "from opentelemetry import trace\ntrace.get_tracer('app').start_span('unchanged').end()\n"
    )
    beside_python = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    done = subprocess.run(
        ["sh", "-c", command],
        env={
            **os.environ,
            "PATH": beside_python,
            "OTEL_EXPORTER_OTLP_ENDPOINT": receiver.endpoint,
        },
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert [(span.service, span.name) for span in receiver.store.spans] == [("shop", "unchanged")]


def test_every_link_to_a_file_leads_somewhere() -> None:
    """Files that the README points to are in the repository."""
    links = re.findall(r"\]\(([^)#:]+)\)", TEXT)
    assert links
    assert [link for link in links if not (ROOT / link).exists()] == []


def test_the_version_of_the_changelog_is_the_packages() -> None:
    """The newest entry of the changelog is about this version."""
    changelog = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    assert re.search(r"^## (\S+)", changelog, re.MULTILINE)[1] == pepperpy_otel.__version__  # type: ignore[index]
