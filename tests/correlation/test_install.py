"""What is put to work, and where."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from pepperpy_otel.correlation import install
from pepperpy_otel.errors import Problems
from pepperpy_otel.settings import Settings


class _Provider:
    def __init__(self) -> None:
        self.added: list[Any] = []

    add_span_processor = add_log_record_processor = lambda self, part: self.added.append(part)


def _settings(**arguments: Any) -> Settings:
    return Settings.resolve(arguments, environ={}, directory=Path("/none"), problems=Problems())


@pytest.mark.parametrize("signals", [("traces", "logs"), ("traces",), ("logs",), ()])
def test_providers_of_a_configuration_file_are_joined(signals: tuple[str, ...]) -> None:
    """Those that the file has."""
    providers = {signal: _Provider() for signal in signals}
    install.join(_settings(), providers)
    assert [len(provider.added) for provider in providers.values()] == [1] * len(signals)


def test_where_nothing_is_wanted_nothing_is_joined() -> None:
    """Off, and no baggage allowed."""
    providers = {"traces": _Provider(), "logs": _Provider()}
    install.join(_settings(correlation_id="off"), providers)
    assert [provider.added for provider in providers.values()] == [[], []]


def test_a_file_of_opentelemetry_gets_the_id_too(run_python: Any, tmp_path: Path) -> None:
    """Its providers are not ours, and stamped all the same."""
    pytest.importorskip("opentelemetry.configuration")
    path = tmp_path / "otel.yaml"
    path.write_text(
        "file_format: '1.0'\ntracer_provider: {processors: [{simple: {exporter: {console: {}}}}]}\n"
    )
    done = run_python(
        """
        import pepperpy_otel
        from pepperpy_otel.correlation import use_correlation_id
        pepperpy_otel.configure(instrument=False)
        with use_correlation_id("abc"):
            pepperpy_otel.get_tracer("t").start_span("span").end()
        """,
        env={"OTEL_CONFIG_FILE": str(path)},
    )
    assert '"correlation.id": "abc"' in done.stdout, done.stderr
