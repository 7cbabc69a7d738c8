"""docs/stack.md and the compose file speak of the same variables, ports and commands."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from pepperpy_otel.cli import stack
from pepperpy_otel.stack import compose, setting, state, variables

ROOT = Path(__file__).resolve().parents[2]
DOCS = (ROOT / "docs" / "stack.md").read_text(encoding="utf-8")
FILE = (ROOT / "docker-compose.yml").read_text(encoding="utf-8")
READ_HERE = {state.VARIABLE, compose.PROJECT_VARIABLE}
IN_FILE = set(re.findall(r"\$\{(STACK_\w+)", FILE))


def test_every_variable_is_documented():
    """Those of the compose file and those that only the command reads."""
    named = set(re.findall(r"STACK_\w+", DOCS))
    wanted = {name for name in IN_FILE | READ_HERE if not name.endswith("_IMAGE")}

    assert wanted - named == set()
    assert named - IN_FILE - READ_HERE - {"STACK_"} == set()


@pytest.mark.parametrize("port", variables.PORTS, ids=lambda port: port.name)
def test_ports_are_those_of_the_compose_file(port):
    """The same variable with the same default, and the same profile."""
    assert f"${{{port.variable}:-{port.default}}}" in FILE
    assert str(port.default) in DOCS
    assert not port.profile or f"profiles: [{port.profile}]" in FILE


@pytest.mark.parametrize(("name", "value"), setting.RETENTION.items())
def test_retention_is_that_of_the_compose_file(name, value):
    """Processes keep data for as long as containers do, and the page says how long."""
    assert f"${{{name}:-{value}}}" in FILE
    row = next(line for line in DOCS.splitlines() if line.startswith(f"| `{name}`"))
    assert value in row


def test_profiles_are_those_of_the_compose_file():
    """All but the one for tools, which nobody starts."""
    assert {*compose.PROFILES, "tools"} == set(re.findall(r"profiles: \[(\w+)\]", FILE))


def test_every_command_is_documented():
    """And every one that the page names exists."""
    named = set(re.findall(r"pepperpy-otel stack (\w+)", DOCS))

    assert named == set(stack.COMMANDS)


def test_every_link_leads_somewhere():
    """Pages beside this one."""
    links = re.findall(r"\]\(([^)#:]+)\)", DOCS)

    assert links
    assert [link for link in links if not (ROOT / "docs" / link).exists()] == []
