"""What is put up around the providers."""

from __future__ import annotations

import os
from types import SimpleNamespace
from typing import Any

import pytest

from pepperpy_otel import fittings
from pepperpy_otel.ledger import Ledger

VARIABLE = "OTEL_PYTHON_SDK_INTERNAL_METRICS_ENABLED"


@pytest.mark.parametrize(("wanted", "before"), [(True, None), (True, "true"), (False, None)])
def test_the_sdk_is_told_what_pyproject_says(
    monkeypatch: pytest.MonkeyPatch, wanted: bool, before: str | None
) -> None:
    """It reads the variable only; rollback takes back what was not there."""
    if before is not None:
        monkeypatch.setenv(VARIABLE, before)
    settings: Any = SimpleNamespace(internal_metrics=wanted)
    ledger = Ledger()
    fittings.enable_sdk_metrics(settings, ledger)
    assert os.environ.get(VARIABLE) == ("true" if wanted else None)
    ledger.undo()
    assert os.environ.get(VARIABLE) == before
