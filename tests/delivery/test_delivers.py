"""What the handle asks of whatever brings telemetry to its destinations."""

from __future__ import annotations

import pytest

from pepperpy_otel.declarative import ObservedPipeline
from pepperpy_otel.delivery.delivers import Delivers
from pepperpy_otel.delivery.pipeline import Pipeline


@pytest.mark.parametrize("kind", [Pipeline, ObservedPipeline])
def test_every_pipeline_has_all_of_it(kind: type) -> None:
    """Ours, and the one over providers that a configuration file made."""
    wanted = {name for name in vars(Delivers) if not name.startswith("_")}
    assert wanted == {"flush", "shutdown", "hurry", "stats"}
    assert wanted <= set(dir(kind))
