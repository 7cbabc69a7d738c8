"""``import pepperpy_otel`` is next to nothing, and the public face is all there."""

from __future__ import annotations

import subprocess
import sys

import pytest

import pepperpy_otel

HEAVY = ("opentelemetry.sdk", "grpc", "google.protobuf", "requests", "prometheus_client", "psutil")


def _modules_after(line: str) -> set[str]:
    code = f"{line}\nimport sys; print(*sys.modules)"
    return set(
        subprocess.run(
            [sys.executable, "-c", code], capture_output=True, text=True, check=True
        ).stdout.split()
    )


@pytest.mark.parametrize(
    "line",
    [
        "import pepperpy_otel",
        "import pepperpy_otel.logging, pepperpy_otel.metrics, pepperpy_otel.tracing",
        "from pepperpy_otel.health import HealthChecker, HealthStatus",
        "from pepperpy_otel import ConfigurationError, FlushResult, get_telemetry",
    ],
)
def test_importing_loads_nothing_heavy(line: str) -> None:
    """No SDK, no grpc, no protobuf, no requests, no prometheus_client by an import alone."""
    loaded = _modules_after(line)
    assert {name for name in loaded if name.startswith(HEAVY)} == set()
    assert "pepperpy_otel" in loaded


def test_configure_without_an_export_loads_no_transport() -> None:
    """What sends is loaded when something is sent, not at start-up."""
    loaded = _modules_after(
        "import pepperpy_otel; pepperpy_otel.configure(service_name='x', instrument=False)\n"
        "import atexit; atexit._clear()"
    )
    for name in ("grpc", "google.protobuf", "requests", "prometheus_client", "fastapi"):
        assert name not in loaded


@pytest.mark.parametrize("name", list(pepperpy_otel.__all__))
def test_every_public_name_is_there(name: str) -> None:
    """Everything that __all__ promises can be had."""
    assert getattr(pepperpy_otel, name) is not None
    assert name in dir(pepperpy_otel)


def test_an_unknown_name_is_an_attribute_error() -> None:
    """A typo is told as Python tells it."""
    with pytest.raises(AttributeError, match="has no attribute 'configre'"):
        pepperpy_otel.configre  # type: ignore[attr-defined]  # noqa: B018
