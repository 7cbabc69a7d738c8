"""The snapshot by which a rollback is judged sees changes, and only changes."""

from __future__ import annotations

import json
import logging
import os
import sys
import threading
from types import ModuleType
from typing import TYPE_CHECKING, Any

from pepperpy_otel.footprint import Footprint

if TYPE_CHECKING:
    import pytest


class Thing:
    def method(self) -> None:
        pass


def test_nothing_changed_is_no_difference() -> None:
    """Two in a row are equal."""
    before = Footprint()
    assert before.differences(Footprint()) == []


def test_changes_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """Loggers, hooks, variables, threads, functions and methods of modules."""
    logger, handler = logging.getLogger("footprint"), logging.NullHandler()
    logger.addHandler(handler)
    monkeypatch.setenv("FOOTPRINT_OLD", "1")
    release = threading.Event()
    thread = threading.Thread(target=release.wait, name="footprint")
    before = Footprint()
    with monkeypatch.context() as patch:
        patch.setattr(logger, "level", 10)
        patch.setattr(handler, "level", 30)
        patch.setattr(sys, "excepthook", lambda *_: None)
        patch.setenv("FOOTPRINT_NEW", "1")
        patch.delenv("FOOTPRINT_OLD")
        patch.setattr(json, "dumps", lambda *_: "")
        patch.setattr(json.JSONDecoder, "decode", lambda *_: None)
        patch.setattr(json.JSONDecoder, "added", lambda *_: None, raising=False)
        thread.start()
        found = before.differences(Footprint())
    release.set()
    thread.join()
    logger.removeHandler(handler)
    names = {" ".join(line.split()[:-2]) for line in found}
    assert {
        "logger footprint: level is",
        "logger footprint: level of handler 0 is",
        "hook sys.excepthook is",
        "attribute json.dumps is",
    } <= names
    assert "variable FOOTPRINT_NEW is new" in found
    assert "variable FOOTPRINT_OLD is gone" in found
    assert "attribute json.decoder.JSONDecoder.added is new" in found
    assert any(line.startswith("thread footprint") for line in found)


def test_what_is_loaded_since_is_no_change(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nor a logger that a library makes for itself, nor a bound method that is bound anew."""
    module: Any = ModuleType("loaded_since")
    thing = Thing()
    logger = logging.getLogger("footprint.bound")
    logger.filter_method = thing.method  # type: ignore[attr-defined]
    monkeypatch.setattr(sys, "unraisablehook", thing.method)
    before = Footprint()
    module.function = lambda: None
    monkeypatch.setitem(sys.modules, "loaded_since", module)
    monkeypatch.setattr(sys, "unraisablehook", thing.method)
    logging.getLogger("footprint.made.since")
    assert before.differences(Footprint()) == []
    del logger.filter_method  # type: ignore[attr-defined]
    assert os.environ


def test_structlog_and_the_propagator_are_looked_at(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where they are loaded; a thread that ended by itself is no trace."""
    from opentelemetry import propagate
    from opentelemetry.baggage.propagation import W3CBaggagePropagator

    config = {"processors": [len], "cache": False}
    structlog: Any = ModuleType("structlog")
    structlog.get_config = lambda: dict(config)
    monkeypatch.setitem(sys.modules, "structlog", structlog)
    release = threading.Event()
    thread = threading.Thread(target=release.wait, name="footprint")
    thread.start()
    before = Footprint()
    release.set()
    thread.join()
    assert before.differences(Footprint()) == []
    config["processors"] = [len, str]
    propagator = propagate.get_global_textmap()
    propagate.set_global_textmap(W3CBaggagePropagator())
    found = before.differences(Footprint())
    propagate.set_global_textmap(propagator)
    assert found == [
        "hook propagator is another one",
        "hook structlog processors is another one",
    ]
