"""The package shows its names and imports what is behind them when they are used."""

from __future__ import annotations

import subprocess
import sys

import pytest

from pepperpy_otel import logging as package


@pytest.mark.parametrize("name", package.__all__)
def test_every_name_is_there(name: str) -> None:
    """And where a reader looks for it."""
    assert getattr(package, name).__name__ == name
    assert name in dir(package)


def test_an_unknown_name_is_an_attribute_error() -> None:
    """As of any module."""
    with pytest.raises(AttributeError, match="has no attribute 'LogAgregator'"):
        package.LogAgregator  # type: ignore[attr-defined]  # noqa: B018


def test_using_them_loads_no_sdk() -> None:
    """A library that logs through the aggregator does not pay for telemetry that is off."""
    code = (
        "import sys\n"
        "from pepperpy_otel.logging import JsonFormatter, LogAggregator, TelemetryHandler\n"
        "LogAggregator().log('started', port=80)\n"
        "print([name for name in sys.modules if name.startswith('opentelemetry.sdk')])\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=False
    )
    assert (done.stdout, done.stderr) == ("[]\n", "")


def test_the_handler_alone_loads_no_json_formatter() -> None:
    """Start-up pays for what is used: python-json-logger only with ``console_logs``."""
    code = (
        "import sys\n"
        "import pepperpy_otel.logging.install\n"
        "print('pythonjsonlogger' in sys.modules, 'logging.config' in sys.modules)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=False
    )
    assert (done.stdout, done.stderr) == ("False False\n", "")
