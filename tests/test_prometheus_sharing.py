"""The setting that lets processes share one Prometheus page, through configure()."""

from __future__ import annotations

import urllib.request
from typing import TYPE_CHECKING, Any

from opentelemetry import metrics
from opentelemetry.sdk.metrics import MeterProvider

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    import pytest

    from pepperpy_otel.telemetry import Telemetry

    Configure = Callable[..., Telemetry]


def page(telemetry: Telemetry) -> str:
    assert telemetry.prometheus_address is not None
    host, port = telemetry.prometheus_address
    with urllib.request.urlopen(f"http://{host}:{port}/metrics", timeout=30) as answer:
        return str(answer.read().decode())


def test_counts_of_an_earlier_process_are_on_the_page(
    configure: Configure, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Whoever names the directory shows all of it; rollback leaves the counts there."""
    monkeypatch.setenv("PEPPERPY_OTEL_PROMETHEUS_DIRECTORY", str(tmp_path / "shared"))
    found: list[str] = []
    for _ in range(2):
        telemetry = configure(prometheus_port=0)
        metrics.get_meter("x").create_counter("hits").add(2)
        found += [line for line in page(telemetry).splitlines() if line.startswith("hits_total")]
        telemetry.rollback()
    assert [line.rpartition(" ")[2] for line in found] == ["2.0", "4.0"]


def test_a_process_of_its_own_shares_nothing(configure: Configure, tmp_path: Path) -> None:
    """No file is written, and no label added, where there is nobody to share with."""
    telemetry: Any = configure(prometheus_port=0)
    metrics.get_meter("x").create_gauge("heat").set(1)
    assert "process_pid" not in page(telemetry).partition("# HELP heat")[2].partition("# HELP")[0]
    assert list(tmp_path.iterdir()) == []


def test_a_provider_of_the_app_is_not_shared(
    configure: Configure,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """It tells nobody of its series: one line instead of a page that is another one each time."""
    provider = MeterProvider(shutdown_on_exit=False)
    monkeypatch.setattr(metrics, "get_meter_provider", lambda: provider)
    monkeypatch.setenv("PEPPERPY_OTEL_PROMETHEUS_DIRECTORY", str(tmp_path / "shared"))
    telemetry = configure(prometheus_port=0)
    assert "its MeterProvider is the application's own" in capsys.readouterr().err
    assert not (tmp_path / "shared").exists()
    provider.get_meter("x").create_counter("hits").add(2)
    assert "\nhits_total{" in page(telemetry)
    assert telemetry.rollback()
    provider.shutdown()
