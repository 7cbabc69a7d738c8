from __future__ import annotations

import logging
from typing import TYPE_CHECKING

import pytest
from opentelemetry.exporter.otlp.proto.common import trace_encoder  # noqa: F401

from pepperpy_otel import _compat
from pepperpy_otel.delivery import install_noise_filter
from pepperpy_otel.delivery.guard import delivering
from pepperpy_otel.delivery.noise import LOGGERS
from tests.delivery.fakes import make_spans

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


@pytest.fixture
def undone() -> Iterator[list[tuple[str, Callable[[], None]]]]:
    """The filter, installed; taken away at the end."""
    undone: list[tuple[str, Callable[[], None]]] = []
    install_noise_filter(lambda *change: undone.append(change))
    yield undone
    for _, undo in undone:
        undo()


def messages(caplog: pytest.LogCaptureFixture) -> list[str]:
    """What was logged by the exporters."""
    return [r.getMessage() for r in caplog.records if r.name.startswith("opentelemetry.exporter")]


def test_only_our_workers_are_silenced(undone: object, caplog: pytest.LogCaptureFixture) -> None:
    """The app's own use of an exporter keeps its voice."""
    for name in LOGGERS:
        logging.getLogger(name).error("from the app")
        with delivering():
            logging.getLogger(name).error("from a worker")
    assert messages(caplog) == ["from the app"] * len(LOGGERS)


def test_exporters_that_log_already_are_silenced_too(caplog: pytest.LogCaptureFixture) -> None:
    """Third-party exporters below the same name, if their logger is there by then."""
    other = logging.getLogger("opentelemetry.exporter.someone_elses")
    undone: list[Callable[[], None]] = []
    install_noise_filter(lambda _, undo: undone.append(undo))
    with delivering():
        other.error("retrying")
    assert messages(caplog) == []
    undone[0]()
    with delivering():
        other.error("retrying")
    assert messages(caplog) == ["retrying"]


def test_what_was_changed_is_recorded_and_undone(
    undone: list[tuple[str, Callable[[], None]]],
) -> None:
    """No logger keeps a filter of ours."""
    ((what, undo),) = undone
    assert "filter" in what
    before = [len(logging.getLogger(name).filters) for name in LOGGERS]
    undo()
    after = [len(logging.getLogger(name).filters) for name in LOGGERS]
    assert [a + 1 for a in after] == before


def test_an_attribute_that_was_left_out_is_told_of_once(
    undone: object, said: list[str], caplog: pytest.LogCaptureFixture
) -> None:
    """The stock encoder's traceback becomes one line of ours: it is a loss."""
    spans = make_spans("a", "b", attributes={"k": 1})
    for span in spans:
        span._attributes = {"key": object()}  # type: ignore[assignment, dict-item]
    with delivering():
        encoded = _compat.stock_encoder("traces")(spans)
    assert len(encoded.resource_spans[0].scope_spans[0].spans) == 2
    assert messages(caplog) == []
    assert len(said) == 1
    assert "key" in said[0]


def test_the_loggers_are_those_that_the_exporters_use() -> None:
    """Each name is that of a module of the stock exporters."""
    import importlib

    for name in LOGGERS:
        assert importlib.import_module(name).__name__ == name
