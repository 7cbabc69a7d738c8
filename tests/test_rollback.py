"""After ``rollback()`` the process is what it was: handlers, levels, hooks, threads, modules."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.rollback_program import CASES

PROGRAM = Path(__file__).with_name("rollback_program.py")


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What the ten combinations came to, all in one process, one after the other."""
    directory = tmp_path_factory.mktemp("rollback")
    environment = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("OTEL_", "PEPPERPY_OTEL_"))
    }
    root = str(PROGRAM.parents[1])
    ran = subprocess.run(
        [sys.executable, "-m", "tests.rollback_program"],
        cwd=directory,
        env={**environment, "PYTHONPATH": root},
        capture_output=True,
        text=True,
        timeout=150,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr
    found: dict[str, Any] = json.loads(ran.stdout.splitlines()[-1])
    return found


@pytest.mark.slow
@pytest.mark.parametrize("name", CASES)
def test_nothing_is_left_behind(results: dict[str, Any], name: str) -> None:
    """Ten combinations of settings, used, and rolled back; the snapshots are equal."""
    assert results[name]["failed"] == []
    assert results[name]["left"] == []


@pytest.mark.slow
def test_the_snapshot_sees_what_telemetry_does(results: dict[str, Any]) -> None:
    """Or its being equal would prove nothing."""
    changed = " ".join(results["everything"]["changed"])
    for what in (
        "logger root: list of handlers",
        "logger root: level",
        "logger shop.orders: handlers",
        "hook propagator",
        "attribute logging.Logger.callHandlers",
        "thread pepperpy-otel",
        "attribute __main__.old_monitoring",
    ):
        assert what in changed
    signals = "handlers of SIGTERM and SIGINT"  # below Python's table: getsignal() sees no change
    assert signals in results["everything"]["restored"]
    assert signals not in results["without signal handlers"]["restored"]


@pytest.mark.slow
def test_patches_and_hooks_of_other_parts_are_seen(results: dict[str, Any]) -> None:
    """What can be patched in this release was patched in the last combination, and is undone."""
    changed = " ".join(results["everything"]["changed"])
    for what in (
        "attribute threading.Thread.start",
        "attribute concurrent.futures.thread.ThreadPoolExecutor.submit",
        "hook sys.excepthook",
        "hook threading.excepthook",
        "hook warnings.showwarning",
    ):
        assert what in changed


@pytest.mark.slow
@pytest.mark.parametrize("name", ["legacy", "everything"])
def test_the_old_parts_are_off_and_on_again(results: dict[str, Any], name: str) -> None:
    """Monitoring, health, logging, and a pair of switches."""
    found = results[name]
    assert found["during"] | {"covered": ""} == {
        "monitoring": None,
        "health": None,
        "old handler": False,
        "covered": "",
    }
    assert found["switched"] == ["off", "on"]
    assert found["after"] == ["old", True, True]
    restored = " ".join(found["restored"])
    assert "legacy: __main__.old_monitoring" in restored
    assert "of logger shop.orders" in restored


@pytest.mark.slow
def test_all_of_it_was_in_use(results: dict[str, Any]) -> None:
    """A combination in which nothing happened would have nothing to roll back."""
    for name in set(CASES) - {"everything"}:
        assert results[name]["during"]["covered"] == "covered 3 of 3"
