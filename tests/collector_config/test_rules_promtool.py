"""The rules as Prometheus' own tool sees them: clean, and each alert does what its cases say."""

import os
import shutil
from pathlib import Path

import pytest

from tests.collector_config.rule_files import RULES, alerts, case_files, rule_files
from tests.integration.conftest import REQUIRED, servers
from tests.integration.locate import Unavailable, locate
from tests.integration.servers import run_tool

pytestmark = [pytest.mark.integration, pytest.mark.usefixtures("promtool")]
__all__ = ["servers"]  # a fixture


@pytest.fixture(scope="module")
def promtool(servers: None) -> None:
    """Prometheus' own tool can be run on this machine."""
    try:
        locate("promtool")
    except Unavailable as reason:
        if os.environ.get(REQUIRED, "0") not in ("", "0"):
            pytest.fail(str(reason), pytrace=False)
        pytest.skip(str(reason))


def test_the_rules_are_clean(tmp_path: Path) -> None:
    """`promtool check rules` has no error and no complaint, lint included."""
    done = run_tool(
        "promtool",
        *("check", "rules", "--lint=all", "--lint-fatal"),
        *map(str, rule_files()),
        directory=tmp_path,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.count("SUCCESS") == len(rule_files())


def test_overrides_are_accepted_as_the_examples_have_them(tmp_path: Path) -> None:
    """Who takes the # away in objectives.yaml has rules that promtool likes."""
    text = (RULES / "objectives.yaml").read_text()
    before, mark, examples = text.partition("    rules: []\n")
    assert mark
    uncommented = "\n".join(line.replace("    # ", "    ", 1) for line in examples.splitlines())
    (tmp_path / "objectives.yaml").write_text(f"{before}{uncommented}\n")

    done = run_tool(
        "promtool",
        *("check", "rules", "--lint=all", "--lint-fatal", str(tmp_path / "objectives.yaml")),
        directory=tmp_path,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "7 rules found" in done.stdout


def test_every_alert_fires_and_stays_silent_as_its_cases_say(tmp_path: Path) -> None:
    """`promtool test rules` over all case files."""
    done = run_tool("promtool", "test", "rules", *map(str, case_files()), directory=tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_cases_can_fail(tmp_path: Path) -> None:
    """With every alert made to fire always, each case that is to be silent fails."""
    copy = tmp_path / "rules"
    shutil.copytree(RULES, copy)
    alert_cases = [path for path in case_files() if "alert_rule_test" in path.read_text()]
    for path in copy.glob("alerts-*.yaml"):
        path.write_text(broken(path.read_text()))
    done = run_tool(
        "promtool",
        *("test", "rules", *(str(copy / "tests" / path.name) for path in alert_cases)),
        directory=tmp_path,
    )
    said = done.stdout + done.stderr
    assert done.returncode != 0
    for name in alerts():
        assert f"alertname: {name}" in said, name


def broken(text: str) -> str:
    """The same alerts, each with an expression that is always true."""
    lines, inside = [], False
    for line in text.splitlines():
        if line.startswith("        expr:"):
            lines.append("        expr: vector(1)")
            inside = True
        elif not inside or not line.startswith("          "):
            inside = False
            lines.append(line)
    return "\n".join(lines) + "\n"
