"""Levels become severities as upstream maps them."""

from __future__ import annotations

import pytest
from opentelemetry.instrumentation.log_utils import std_to_otel

from pepperpy_otel.logging.severity import severity_number, severity_text


@pytest.mark.parametrize("level", [*range(-1, 60), 1000])
def test_each_level_has_the_severity_of_the_instrumentation_package(level: int) -> None:
    """Our table and upstream's agree on every level."""
    assert severity_number(level) is std_to_otel(level)


@pytest.mark.parametrize(
    ("name", "text"),
    [("WARNING", "WARN"), ("CRITICAL", "FATAL"), ("INFO", "INFO"), ("AUDIT", "AUDIT"), (5, "5")],
)
def test_level_names_are_those_of_the_log_data_model(name: object, text: str) -> None:
    """WARNING and CRITICAL have other names in OpenTelemetry; the app's own stay."""
    assert severity_text(name) == text
