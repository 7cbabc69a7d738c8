"""The rule files and their promtool cases as Python values."""

import functools
import re
from pathlib import Path
from typing import Any

import yaml

from tests.integration.locate import CONFIG

RULES = CONFIG / "rules"
CASES = RULES / "tests"
RUNBOOKS = CONFIG.parent / "docs" / "runbooks.md"
#: What a user writes into objectives.yaml; it is an example there, and recorded by nobody else.
BY_USERS = {"slo:override_objective:ratio", "slo:override_latency_threshold:info"}
#: A series that a rule has recorded: colons are for those alone.
RECORDED = re.compile(r"\b[a-z]\w*:\w+:\w+\b")


def rule_files() -> list[Path]:
    """All files that Prometheus loads."""
    return sorted(RULES.glob("*.yaml"))


def case_files() -> list[Path]:
    """All files for ``promtool test rules``."""
    return sorted(CASES.glob("*.yaml"))


@functools.cache
def load(path: Path) -> dict[str, Any]:
    """One file; read only."""
    loaded = yaml.safe_load(path.read_text())
    assert isinstance(loaded, dict), path
    return loaded


def groups() -> dict[str, dict[str, Any]]:
    """All groups by name; no two have the same."""
    every = [group for path in rule_files() for group in load(path)["groups"]]
    named = {group["name"]: group for group in every}
    assert len(named) == len(every)
    return named


def rules() -> list[dict[str, Any]]:
    """Recording rules and alerts of all groups."""
    return [rule for group in groups().values() for rule in group["rules"]]


def alerts() -> dict[str, dict[str, Any]]:
    """The alerts by name; no two have the same."""
    every = [rule for rule in rules() if "alert" in rule]
    named = {rule["alert"]: rule for rule in every}
    assert len(named) == len(every)
    return named


def recorded() -> set[str]:
    """The names of all recorded series."""
    return {rule["record"] for rule in rules() if "record" in rule}


def cases() -> list[dict[str, Any]]:
    """All test groups of all case files."""
    return [test for path in case_files() for test in load(path)["tests"]]


def runbooks() -> dict[str, str]:
    """The text of each section of the runbooks, by its heading."""
    parts = re.split(r"^## (.+)$", RUNBOOKS.read_text(), flags=re.MULTILINE)
    return dict(zip(parts[1::2], parts[2::2], strict=True))
