"""``otlp-file`` as the user names it."""

from __future__ import annotations

import json
import logging
from typing import TYPE_CHECKING, Any

import pepperpy_otel
from pepperpy_otel.delivery.files.replay import replay

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    import pytest

    from pepperpy_otel.demo.receiver import Receiver
    from pepperpy_otel.telemetry import Telemetry


def test_all_signals_go_to_files_beside_the_collector(
    configure: Callable[..., Telemetry],
    receiver: Receiver,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    """The same spans, records and metrics; the directory stays when the app goes elsewhere."""
    monkeypatch.chdir(tmp_path)
    both = ("otlp", "otlp-file")
    telemetry = configure(service_name="shop", traces=both, metrics=both, logs=both, health=False)
    monkeypatch.chdir("/")
    with pepperpy_otel.get_tracer("t").start_as_current_span("work"):
        logging.getLogger("shop").warning("low stock")
    pepperpy_otel.get_meter("m").create_counter("sold").add(1)
    assert telemetry.force_flush()
    assert [span.name for span in receiver.store.spans] == ["work"]
    directory = tmp_path / "otel-data"
    names = sorted(path.name for path in directory.iterdir())
    assert names == ["logs.jsonl", "metrics.jsonl", "traces.jsonl"]
    (request,) = replay(directory / "traces.jsonl")
    assert request.signal == "traces"
    assert "low stock" in (directory / "logs.jsonl").read_text()
    assert '"sold"' in (directory / "metrics.jsonl").read_text()


def test_size_number_and_place_of_the_files_are_settings(
    configure: Callable[..., Telemetry], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """PEPPERPY_OTEL_FILE_DIRECTORY, _MAX_BYTES and _MAX_FILES."""
    monkeypatch.setenv("PEPPERPY_OTEL_FILE_DIRECTORY", str(tmp_path / "deep" / "down"))
    monkeypatch.setenv("PEPPERPY_OTEL_FILE_MAX_BYTES", "100")
    monkeypatch.setenv("PEPPERPY_OTEL_FILE_MAX_FILES", "2")
    telemetry = configure(traces="otlp-file", metrics=False, logs=False, health=False)
    for number in range(5):
        pepperpy_otel.get_tracer("t").start_span(f"work {number}").end()
        assert telemetry.force_flush()
    directory = tmp_path / "deep" / "down"
    names: dict[str, Any] = {}
    for path in directory.iterdir():
        line = json.loads(path.read_text())
        names[path.name] = line["resourceSpans"][0]["scopeSpans"][0]["spans"][0]["name"]
    assert names == {
        "traces.jsonl": "work 4",
        "traces.1.jsonl": "work 3",
        "traces.2.jsonl": "work 2",
    }
