"""What settings cost a start-up that sets nothing: almost no time, and no heavy import."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

import pepperpy_otel
from pepperpy_otel._settings_table import TABLE

#: Milliseconds of CPU for import and resolve(), beyond what the OTel API imports anyway.
BUDGET = 5.0
_PROGRAM = """
import json, sys, time
import dataclasses, logging, pathlib, threading, typing  # what every start-up has
sys.path.insert(0, {root!r})
start = time.process_time()
from pepperpy_otel.errors import Problems
from pepperpy_otel.settings import Settings
settings = Settings.resolve(
    {{}}, environ={environ!r}, directory=pathlib.Path({directory!r}), problems=Problems()
)
spent = (time.process_time() - start) * 1000
print(json.dumps({{"spent": spent, "modules": sorted(sys.modules)}}))
"""


def _run(directory: Path, cache: Path, environ: dict[str, str] | None = None) -> dict[str, Any]:
    program = _PROGRAM.format(
        root=str(Path(pepperpy_otel.__file__).parent.parent),
        directory=str(directory),
        environ=environ or {},
    )
    # Bytecode as an installed package has it, without leaving any beside the source.
    env = {**os.environ, "PYTHONPYCACHEPREFIX": str(cache), "PYTHONDONTWRITEBYTECODE": ""}
    env = {name: value for name, value in env.items() if not name.startswith(("COV", "COVERAGE"))}
    # -S: the site-packages of a test environment hook into every start-up (coverage, editable
    # installations), and resolving settings needs none of them.
    done = subprocess.run(
        [sys.executable, "-S", "-c", program],
        env=env,
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    assert done.stderr == ""
    result: dict[str, Any] = json.loads(done.stdout)
    return result


def test_a_default_start_is_cheap(tmp_path: Path) -> None:
    """The best of several runs stays within the budget: a busy machine only adds."""
    _run(tmp_path, tmp_path)  # writes the bytecode
    spent = [_run(tmp_path, tmp_path)["spent"] for _ in range(7)]
    assert min(spent) < BUDGET


@pytest.mark.parametrize("content", [None, "[project]\nname = 'shop'\n[tool.ruff]\n"])
def test_a_default_start_imports_nothing_heavy(content: str | None, tmp_path: Path) -> None:
    """No OpenTelemetry, no TOML, no TLS, no entry points, and no parser of ours."""
    if content is not None:
        (tmp_path / "pyproject.toml").write_text(content)
    modules = _run(tmp_path, tmp_path)["modules"]
    heavy = ("opentelemetry", "tomllib", "tomli", "ssl", "importlib.metadata", "difflib", "grpc")
    assert [name for name in modules if name.startswith(heavy)] == []
    assert [name for name in modules if name.startswith("pepperpy_otel._settings_")] == [
        "pepperpy_otel._settings_build",
        "pepperpy_otel._settings_correlation",
        "pepperpy_otel._settings_health",
        "pepperpy_otel._settings_logs",
        "pepperpy_otel._settings_moving",
        "pepperpy_otel._settings_otlp_build",
        "pepperpy_otel._settings_reading",
        "pepperpy_otel._settings_redaction",
        "pepperpy_otel._settings_row",
        "pepperpy_otel._settings_specification",
        "pepperpy_otel._settings_table",
        "pepperpy_otel._settings_values",
    ]


def test_built_in_names_need_no_entry_points(tmp_path: Path) -> None:
    """The scan is for names that only an installed package can know."""
    environ = {
        "OTEL_TRACES_EXPORTER": "otlp,console",
        "OTEL_METRICS_EXPORTER": "prometheus",
        "OTEL_LOGS_EXPORTER": "none",
        "OTEL_TRACES_SAMPLER": "parentbased_always_on",
        "OTEL_PROPAGATORS": "tracecontext,baggage",
        "OTEL_PYTHON_ID_GENERATOR": "random",
        "OTEL_EXPERIMENTAL_RESOURCE_DETECTORS": "process,host",
        "OTEL_EXPORTER_OTLP_ENDPOINT": "http://collector:4318",
    }
    assert "importlib.metadata" not in _run(tmp_path, tmp_path, environ)["modules"]


@pytest.mark.parametrize("name", sorted(TABLE))
def test_every_row_names_a_parser(name: str) -> None:
    """A parser is named, not imported, so this is what keeps the names right."""
    module, function = TABLE[name].parser.split(".")
    assert callable(getattr(import_module(f"pepperpy_otel._settings_{module}"), function))
