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


def test_a_page_without_a_mirror_shows_this_process() -> None:
    """As on Windows, where nothing can be shared."""
    from pepperpy_otel.metrics.reader import build_readers

    settings: Any = SimpleNamespace(prometheus_port=0, prometheus_host="127.0.0.1")
    ledger = Ledger()
    endpoint = fittings.serve_prometheus(settings, build_readers(), ledger)
    assert endpoint is not None
    assert endpoint.start()[0] == "127.0.0.1"
    ledger.undo()
