from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

import pepperpy_otel.metrics as package

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Callable


def test_the_names_are_there() -> None:
    """Each one brings its module."""
    from pepperpy_otel.metrics import MetricsCollector, Registry

    assert MetricsCollector.__module__ == "pepperpy_otel.metrics.collector"
    assert Registry.__module__ == "pepperpy_otel.metrics.registry"
    assert {"MetricsCollector", "Registry"} <= set(dir(package))


def test_other_names_are_not() -> None:
    """A typo is an AttributeError as everywhere."""
    with pytest.raises(AttributeError, match="has no attribute 'Nothing'"):
        _ = package.Nothing  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("code", "allowed"),
    [
        ("import pepperpy_otel.metrics", ""),
        ("from pepperpy_otel.metrics import MetricsCollector; MetricsCollector()", "opentelemetry"),
    ],
)
def test_importing_is_cheap(
    run_python: Callable[..., subprocess.CompletedProcess[str]], code: str, allowed: str
) -> None:
    """No SDK, and nothing else that takes long, for the package and for the facade."""
    done = run_python(f"""
        import sys
        {code}
        heavy = ("opentelemetry.sdk", "grpc", "google", "requests", "prometheus_client", "psutil")
        print([name for name in sys.modules if name.startswith(heavy)])
        print("opentelemetry" in sys.modules)
    """)
    assert done.stdout.split("\n")[:2] == ["[]", str(bool(allowed))], done.stdout + done.stderr
