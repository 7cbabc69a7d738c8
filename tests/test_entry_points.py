"""Loading by entry point."""

from __future__ import annotations

import pytest

from pepperpy_otel import _entry_points
from pepperpy_otel.distro import PepperpyDistro


def test_what_is_there_is_loaded() -> None:
    """The object that the entry point names comes back."""
    assert _entry_points.load("opentelemetry_distro", "pepperpy_otel") is PepperpyDistro


def test_what_is_not_there_is_named() -> None:
    """The error says name and group."""
    with pytest.raises(LookupError, match="no entry point 'nobody' in opentelemetry_distro"):
        _entry_points.load("opentelemetry_distro", "nobody")
