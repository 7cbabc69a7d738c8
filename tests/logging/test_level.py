"""The root logger's level is lowered for the telemetry and for nobody else."""

from __future__ import annotations

import logging
import threading
from typing import TYPE_CHECKING, Any

import pytest

from pepperpy_otel.logging.install import install
from pepperpy_otel.logging.level import RootLevel
from tests.logging.test_root import Shown

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pepperpy_otel.logging.provider import LoggerProvider
    from tests.logging.conftest import Collector, Undo


@pytest.fixture
def root(undo: Undo) -> Iterator[logging.Logger]:
    """The root logger of an app that has set WARNING."""
    root = logging.getLogger()
    level = root.level
    root.setLevel(logging.WARNING)
    yield root
    undo.all()
    root.setLevel(level)


@pytest.fixture
def shop() -> Iterator[logging.Logger]:
    """A logger without a level of its own."""
    logger = logging.getLogger("shop.level")
    yield logger
    logger.setLevel(logging.NOTSET)
    logger.handlers.clear()
    logger.propagate = True


@pytest.fixture
def lowered(root: logging.Logger, provider: LoggerProvider, undo: Undo) -> Shown:
    """configure(log_level="INFO") in an app with one handler on the root logger."""
    shown = Shown()
    root.addHandler(shown)
    install(
        provider, log_level=logging.INFO, console_logs="none", service_name=None, record=undo.record
    )
    return shown


def test_more_records_reach_the_telemetry_and_no_handler(
    lowered: Shown, shop: logging.Logger, collector: Collector
) -> None:
    """Handlers on the root logger and below show what they showed before."""
    below = Shown()
    shop.addHandler(below)
    shop.debug("debug")
    shop.info("info")
    shop.warning("warning")
    assert collector.bodies == ["info", "warning"]
    assert lowered.messages == below.messages == ["warning"]


def test_levels_of_the_app_below_the_root_logger_stay(
    lowered: Shown, shop: logging.Logger, collector: Collector
) -> None:
    """A logger at DEBUG shows its DEBUG records, which the telemetry was not asked to take."""
    shop.setLevel(logging.DEBUG)
    logging.getLogger("shop.level.below").debug("debug")
    logging.getLogger("shop.level.below").info("info")
    shop.setLevel(logging.ERROR)
    shop.warning("warning")
    assert lowered.messages == ["debug", "info"]
    assert collector.bodies == ["info"]


def test_what_does_not_propagate_is_not_taken(
    lowered: Shown, shop: logging.Logger, collector: Collector
) -> None:
    """A record that is only there because of us is shown by nobody at all."""
    below = Shown()
    shop.addHandler(below)
    shop.propagate = False
    shop.info("info")
    assert collector.bodies == below.messages == []


@pytest.mark.parametrize(
    ("level", "shown", "taken"),
    [
        (logging.ERROR, ["error"], ["info", "warning", "error"]),
        ("ERROR", ["error"], ["info", "warning", "error"]),
        (logging.INFO, ["info", "warning", "error"], ["info", "warning", "error"]),
        (logging.DEBUG, ["debug", "info", "warning", "error"], ["info", "warning", "error"]),
        (logging.NOTSET, ["debug", "info", "warning", "error"], ["info", "warning", "error"]),
    ],
)
def test_the_app_sets_its_level_afterwards(
    lowered: Shown,
    root: logging.Logger,
    shop: logging.Logger,
    collector: Collector,
    level: Any,
    shown: list[str],
    taken: list[str],
) -> None:
    """Its handlers obey the new level; the telemetry goes on getting what it was promised."""
    root.setLevel(level)
    for name in ("debug", "info", "warning", "error"):
        getattr(shop, name)(name)
    assert lowered.messages == shown
    assert collector.bodies == taken


def test_assigning_the_attribute_is_obeyed(
    lowered: Shown, root: logging.Logger, shop: logging.Logger, collector: Collector
) -> None:
    """``root.level = …`` passes us by; then the level is the app's for everybody."""
    root.level = logging.DEBUG
    logging.Logger.manager._clear_cache()  # type: ignore[attr-defined]
    shop.debug("debug")
    shop.info("info")
    assert lowered.messages == ["debug", "info"]
    assert collector.bodies == ["info"]


def test_records_of_other_processes_are_shown_as_before(
    lowered: Shown, shop: logging.Logger, collector: Collector
) -> None:
    """``logger.handle(record)`` looks at no level: that was done where the record was made."""
    record = logging.makeLogRecord({"name": shop.name, "msg": "from afar", "levelno": logging.INFO})
    shop.handle(record)
    shop.info("from here")
    assert lowered.messages == ["from afar"]
    assert collector.bodies == ["from afar", "from here"]


def test_a_record_that_comes_out_of_nowhere_is_shown(
    root: logging.Logger, shop: logging.Logger, undo: Undo
) -> None:
    """With no caller at all to tell where it was made, as in a thread of an embedding program."""
    level = RootLevel(root, logging.INFO)
    level.install(undo.record)
    record = logging.makeLogRecord({"levelno": logging.INFO})
    hidden: list[bool] = []
    thread = threading.Thread()
    thread.run = lambda: hidden.append(level.hides(shop, record))  # type: ignore[method-assign]
    thread.start()
    thread.join()
    assert hidden == [False]


def test_a_bad_level_raises_as_without_us(lowered: Shown, root: logging.Logger) -> None:
    """The standard library's own error, and nothing has changed."""
    with pytest.raises(ValueError, match="Unknown level"):
        root.setLevel("LOUD")
    with pytest.raises(TypeError):
        root.setLevel(None)  # type: ignore[arg-type]
    assert root.level == logging.INFO


@pytest.mark.parametrize(
    ("wanted", "before", "during"),
    [
        (logging.INFO, logging.WARNING, logging.INFO),
        (logging.INFO, logging.DEBUG, logging.DEBUG),
        (logging.INFO, logging.NOTSET, logging.NOTSET),
        (logging.NOTSET, logging.WARNING, logging.NOTSET),
    ],
)
def test_the_level_comes_back(
    root: logging.Logger, undo: Undo, wanted: int, before: int, during: int
) -> None:
    """It is lowered only, never raised, and exactly restored."""
    root.setLevel(before)
    RootLevel(root, wanted).install(undo.record)
    assert root.level == during
    undo.all()
    assert root.level == before
    assert "setLevel" not in vars(root)


def test_what_the_app_set_meanwhile_is_what_comes_back(root: logging.Logger, undo: Undo) -> None:
    """By calling setLevel, or by assigning."""
    RootLevel(root, logging.INFO).install(undo.record)
    root.setLevel(logging.ERROR)
    undo.all()
    assert root.level == logging.ERROR
    RootLevel(root, logging.INFO).install(undo.record)
    root.level = logging.CRITICAL
    undo.all()
    assert root.level == logging.CRITICAL


def test_who_replaced_set_level_after_us_keeps_it(root: logging.Logger, undo: Undo) -> None:
    """And what ours does from below is what the standard library does."""
    RootLevel(root, logging.INFO).install(undo.record)
    ours = root.setLevel

    def theirs(level: int | str) -> None:
        ours(level)

    vars(root)["setLevel"] = theirs
    try:
        undo.all()
        root.setLevel(logging.ERROR)
        assert root.level == logging.ERROR
        assert vars(root)["setLevel"] is theirs
    finally:
        del vars(root)["setLevel"]


def test_a_record_without_a_level_is_no_error_of_ours(
    root: logging.Logger, shop: logging.Logger
) -> None:
    """``logging.makeLogRecord({})`` has none; it would not be there without somebody's hand."""
    assert RootLevel(root, logging.INFO).hides(shop, logging.makeLogRecord({})) is False
