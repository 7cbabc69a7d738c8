"""Installations whose parts do not fit together are named in one line."""

from __future__ import annotations

import pytest

from pepperpy_otel import versions


def test_the_installed_parts_fit() -> None:
    """The environment that the tests run in is a sound one."""
    assert versions.mismatch() is None


@pytest.mark.parametrize(
    ("api", "sdk"),
    [("1.45.1", "1.45.1"), ("1.46.0", "1.45.1"), ("1.46.0rc1", "1.46.0"), ("2", "1.9")],
)
def test_an_api_at_least_as_new_as_the_sdk_is_fine(api: str, sdk: str) -> None:
    """Nothing is said about versions that work together."""
    assert versions.mismatch(api=api, sdk=sdk) is None


def test_an_older_api_is_named_with_the_command_that_helps() -> None:
    """The line names both versions and what to run."""
    line = versions.mismatch(api="1.44.0", sdk="1.45.2")
    assert line is not None
    assert "opentelemetry-api 1.44.0 is older than opentelemetry-sdk 1.45.2" in line
    assert "pip install --upgrade opentelemetry-api opentelemetry-sdk" in line
    assert "\n" not in line
