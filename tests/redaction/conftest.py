"""What the tests of redaction share."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.delivery.sinks import HttpSink

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture
def sink() -> Iterator[HttpSink]:
    """A receiver that keeps the bytes."""
    made = HttpSink()
    yield made
    made.close()
