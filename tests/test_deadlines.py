"""How long the end may take."""

from __future__ import annotations

from typing import Any

import pytest

from pepperpy_otel.deadlines import LONGEST_MILLIS, left, limit


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (250, 250.0),
        (-1, 0.0),
        (float("inf"), LONGEST_MILLIS),
        (10**400, LONGEST_MILLIS),
        (None, 7),
        ("soon", 7),
    ],
)
def test_a_limit_is_a_number_of_milliseconds_or_the_default(given: Any, expected: float) -> None:
    """Whatever the app gives; never more than a day."""
    assert limit(given, 7) == expected


def test_what_is_over_has_nothing_left() -> None:
    """Not even less than nothing."""
    assert left(0.0) == 0.0
