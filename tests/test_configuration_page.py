"""docs/configuration.md is what the table says, and the table has every variable."""

from __future__ import annotations

import inspect
import re
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import opentelemetry.environment_variables
import opentelemetry.sdk.environment_variables
import pytest

import pepperpy_otel
from pepperpy_otel import _settings_docs
from pepperpy_otel._settings_elsewhere import ELSEWHERE, IGNORED
from pepperpy_otel._settings_table import GROUPS, TABLE
from pepperpy_otel._settings_text import shown
from pepperpy_otel.settings import Settings

if TYPE_CHECKING:
    from types import ModuleType

ROOT = Path(pepperpy_otel.__file__).parent.parent
PAGE = ROOT / "docs" / "configuration.md"
VARIABLES = {row.variable for row in TABLE.values()}
KNOWN = VARIABLES | set(ELSEWHERE) | set(IGNORED)


def _defined(module: ModuleType) -> set[str]:
    return {
        value
        for name, value in vars(module).items()
        if name.lstrip("_").startswith("OTEL_") and isinstance(value, str)
    }


def test_the_page_is_true_to_the_table() -> None:
    """If not: python -m pepperpy_otel._settings_docs docs/configuration.md."""
    assert PAGE.read_text(encoding="utf-8") == _settings_docs.page()


def test_the_page_has_every_row() -> None:
    """Name, variable, default and meaning, and whether it is an argument."""
    page = _settings_docs.page()
    for row in TABLE.values():
        [line] = [line for line in page.splitlines() if line.startswith(f"| `{row.name}` |")]
        assert f"| `{row.variable}` |" in line
        assert row.doc in line
        assert ("| yes |" in line) == row.argument
    for name in (*ELSEWHERE, *IGNORED):
        assert f"| `{name}` |" in page


def test_the_page_is_written_by_a_command(tmp_path: Path) -> None:
    """Into the file that is named, or to the terminal."""
    path = tmp_path / "page.md"
    command = [sys.executable, "-m", "pepperpy_otel._settings_docs"]
    written = subprocess.run([*command, str(path)], cwd=ROOT, capture_output=True, check=True)
    assert written.stdout == b""
    shown = subprocess.run(command, cwd=ROOT, capture_output=True, check=True)
    assert shown.stdout.decode() == path.read_text(encoding="utf-8") == _settings_docs.page()


def test_the_page_is_shown_or_written(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The same in this process."""
    assert _settings_docs.main([]) == 0
    assert capsys.readouterr().out == _settings_docs.page()
    assert _settings_docs.main([str(tmp_path / "page.md")]) == 0
    assert (tmp_path / "page.md").read_text(encoding="utf-8") == _settings_docs.page()


@pytest.mark.parametrize(
    "variable",
    sorted(
        _defined(opentelemetry.sdk.environment_variables)
        | _defined(opentelemetry.environment_variables)
    ),
)
def test_no_variable_of_the_sdk_is_forgotten(variable: str) -> None:
    """Each is a setting, or it is said why it is none."""
    assert variable in KNOWN


def test_no_variable_of_the_instrumentations_is_forgotten() -> None:
    """What the launcher, the instrumentations and the HTTP helpers read is at least named."""
    package = Path(inspect.getfile(opentelemetry.environment_variables)).parent.parent
    files = [
        *(package / "instrumentation").rglob("environment_variables.py"),
        *(package / "util" / "http").rglob("*.py"),
    ]
    assert files
    named = {
        name
        for path in files
        for name in re.findall(r'"(OTEL_[A-Z0-9_]+)"', path.read_text(encoding="utf-8"))
    }
    assert named - KNOWN == set()


def test_a_variable_is_said_once() -> None:
    """No two rows read the same variable, and none is both ours and another's."""
    assert len(VARIABLES) == len(TABLE) == sum(len(rows) for _, rows in GROUPS)
    assert VARIABLES & (set(ELSEWHERE) | set(IGNORED)) == set()
    assert set(ELSEWHERE) & set(IGNORED) == set()


def test_the_arguments_are_those_of_configure() -> None:
    """Each argument is a row, and each row that says so is an argument."""
    from pepperpy_otel.bootstrap import configure

    arguments = set(inspect.signature(configure).parameters)
    assert {row.name for row in TABLE.values() if row.argument} == arguments


def test_variables_without_a_name_in_the_specification_are_ours() -> None:
    """PEPPERPY_OTEL_ and the name of the argument."""
    for row in TABLE.values():
        if not row.variable.startswith("OTEL_"):
            assert row.variable == f"PEPPERPY_OTEL_{row.name.upper()}"


def test_every_attribute_of_settings_is_described() -> None:
    """The docstring has a line for each annotation of the class, in the same order."""
    documented = re.findall(r"^ {4,8}(\w+): ", Settings.__doc__ or "", flags=re.MULTILINE)
    assert documented == list(Settings.__annotations__)


def test_a_secret_text_is_never_shown() -> None:
    """A token is masked as a whole, a URL keeps what is no secret of it."""
    assert shown(TABLE["health_token"], "t0ken") == "***"
    assert shown(TABLE["endpoint"], "http://u:pw@host:4318") == "http://***@host:4318"
    assert shown(TABLE["service_name"], "shop") == "shop"
