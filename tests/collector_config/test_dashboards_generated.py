"""The committed dashboards are what the generator writes, in the SDK's types."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest

from tests.collector_config.grafana import DASHBOARDS, GRAFANA, all_panels

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.skipif(sys.version_info < (3, 11), reason="grafana-foundation-sdk: 3.11")


def generate(directory: Path, module: str = "generate") -> None:
    """Run the generator as its documentation says, in a process of its own."""
    pytest.importorskip("grafana_foundation_sdk")
    done = subprocess.run(
        [sys.executable, "-B", "-m", module, str(directory)],
        cwd=GRAFANA,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")


def test_committed_is_generated(tmp_path: Path) -> None:
    """Whoever edits the JSON by hand, or the generator without running it, hears of it here."""
    generate(tmp_path)
    written = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    assert set(written) == {f"{uid}.json" for uid in DASHBOARDS}
    for name, content in written.items():
        committed = (GRAFANA / "dashboards" / name).read_bytes()
        assert content == committed, f"{name} differs: run `python -m generate` in {GRAFANA}"


def test_grafanas_own_compiler_can_be_asked(tmp_path: Path) -> None:
    """Every panel and dashboard is put to the types of the Grafana that the stack runs."""
    generate(tmp_path, "generate.typescript")
    source = (tmp_path / "check.ts").read_text(encoding="utf-8")
    wholes = len(DASHBOARDS)
    of_panels = sum(len(each["panels"]) for each in DASHBOARDS.values())
    assert source.count(" satisfies ") == wholes + of_panels
    package = json.loads((tmp_path / "package.json").read_text(encoding="utf-8"))
    version = package["dependencies"]["@grafana/schema"]
    assert {panel["pluginVersion"] for panel in all_panels().values()} == {version}
    compose = (GRAFANA.parents[1] / "docker-compose.yml").read_text(encoding="utf-8")
    assert f"grafana/grafana:{version}" in compose
    assert json.loads((tmp_path / "tsconfig.json").read_text(encoding="utf-8"))["files"]


@pytest.mark.parametrize("uid", DASHBOARDS)
def test_the_sdk_reads_all_of_it(uid: str) -> None:
    """Read into the SDK's types and written again, nothing that a panel has is missing."""
    pytest.importorskip("grafana_foundation_sdk")
    from grafana_foundation_sdk.cog.encoder import JSONEncoder
    from grafana_foundation_sdk.cog.plugins import register_default_plugins
    from grafana_foundation_sdk.models.dashboard import Dashboard

    register_default_plugins()
    original = DASHBOARDS[uid]
    again = json.loads(json.dumps(Dashboard.from_json(original), cls=JSONEncoder))
    for ours, theirs in zip(original["panels"], again["panels"], strict=True):
        # It has no type for the queries of Jaeger, and drops them.
        is_jaegers = ours.get("datasource", {}).get("uid") == "jaeger"
        left_out = "/targets/" if is_jaegers else "nothing"
        assert [each for each in lost(ours, theirs) if left_out not in each] == [], ours["title"]


def lost(before: Any, after: Any, path: str = "") -> list[str]:
    """Where something of ``before`` is not in ``after``."""
    if isinstance(before, dict) and isinstance(after, dict):
        return [
            where
            for key, value in before.items()
            for where in (
                lost(value, after[key], f"{path}/{key}") if key in after else [f"{path}/{key}"]
            )
        ]
    if isinstance(before, list) and isinstance(after, list) and len(before) == len(after):
        pairs = enumerate(zip(before, after, strict=True))
        return [where for i, (a, b) in pairs for where in lost(a, b, f"{path}/{i}")]
    return [] if before == after else [path]


def test_units_are_grafanas() -> None:
    """Every unit, also of single columns, is an id that Grafana knows."""
    units = pytest.importorskip("grafana_foundation_sdk.models.units")
    known = {
        value for name, value in vars(units).items() if isinstance(value, str) and name[0].isupper()
    }
    for name, panel in all_panels().items():
        config = panel["fieldConfig"]
        used = {config["defaults"]["unit"]} | {
            each["value"]
            for override in config["overrides"]
            for each in override["properties"]
            if each["id"] == "unit"
        }
        assert used <= known, name
