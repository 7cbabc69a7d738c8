"""On the root logger our handler gets every record, and nobody else notices that it is there."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

import pytest

from pepperpy_otel.logging.root import RootHandler, RootHook
from tests.logging.test_values import Raising

if TYPE_CHECKING:
    from collections.abc import Callable

    from pepperpy_otel.logging.provider import LoggerProvider
    from tests.logging.conftest import Collector, Undo


@pytest.fixture
def telemetry(provider: LoggerProvider) -> RootHandler:
    """Our handler for the root logger."""
    return RootHandler(provider)


@pytest.fixture
def root(telemetry: RootHandler, undo: Undo) -> logging.Logger:
    """The root logger with our handler."""
    RootHook(telemetry).install(undo.record)
    return logging.getLogger()


class Shown(logging.Handler):
    """A handler of the app's that keeps the messages it gets."""

    def __init__(self, level: int = logging.NOTSET) -> None:
        super().__init__(level)
        self.messages: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.messages.append(record.getMessage())


class TestRecords:
    def test_each_record_arrives_once(
        self, root: logging.Logger, logger: logging.Logger, collector: Collector
    ) -> None:
        """Beside the app's handlers, on the root logger and below."""
        above, below = Shown(), Shown()
        root.addHandler(above)
        logger.addHandler(below)
        logger.info("one")
        root.warning("two")
        assert collector.bodies == ["one", "two"]
        assert above.messages == ["one", "two"]
        assert below.messages == ["one"]

    def test_what_does_not_reach_the_root_logger_does_not_reach_us(
        self, root: logging.Logger, logger: logging.Logger, collector: Collector
    ) -> None:
        """``propagate = False`` keeps a record from the telemetry as from every root handler."""
        logger.addHandler(Shown())
        logger.propagate = False
        logger.info("kept in")
        logging.getLogger("app.orders.below").error("kept in too")
        logging.Logger("outside of the tree").error("elsewhere")
        assert collector.bodies == []
        root.propagate = False
        try:
            root.error("the root's own")
        finally:
            root.propagate = True
        assert collector.bodies == ["the root's own"]

    def test_a_raising_handler_of_the_app_raises_as_before(
        self, root: logging.Logger, logger: logging.Logger, collector: Collector
    ) -> None:
        """Its error is the app's, and the record arrives all the same."""

        class Bad(logging.Handler):
            def handle(self, record: logging.LogRecord) -> bool:
                raise OSError("disk full")

        logger.addHandler(Bad())
        with pytest.raises(OSError, match="disk full"):
            logger.info("one")
        assert collector.bodies == ["one"]

    def test_handlers_of_the_app_that_log_are_heard(
        self, root: logging.Logger, logger: logging.Logger, collector: Collector
    ) -> None:
        """A record made while another one goes through the app's handlers is one more record."""

        class Talks(logging.Handler):
            def emit(self, record: logging.LogRecord) -> None:
                logging.getLogger("app.talks").warning("while %s", record.getMessage())

        logger.addHandler(Talks())
        shown = Shown()
        root.addHandler(shown)
        logger.info("one")
        assert collector.bodies == ["while one", "one"]
        assert shown.messages == ["while one", "one"]

    def test_setting_its_level_sets_a_threshold(
        self,
        root: logging.Logger,
        logger: logging.Logger,
        telemetry: RootHandler,
        collector: Collector,
    ) -> None:
        """``for handler in root.handlers: handler.setLevel(…)`` means what it says."""
        root.handlers.clear()  # pytest's
        for handler in root.handlers:
            handler.setLevel(logging.ERROR)
        logger.warning("below")
        logger.error("above")
        assert collector.bodies == ["above"]
        assert repr(telemetry) == "<pepperpy_otel root handler (ERROR)>"

    def test_a_record_without_a_level_is_below_every_threshold(
        self, telemetry: RootHandler, collector: Collector
    ) -> None:
        """``logging.makeLogRecord({})`` has ``None`` there; that raises nothing."""
        telemetry.take(logging.makeLogRecord({"name": "app", "msg": "one"}))
        telemetry.setLevel(logging.INFO)
        telemetry.take(logging.makeLogRecord({"name": "app", "msg": "two"}))
        telemetry.take(logging.makeLogRecord({"name": "app", "msg": Raising(), "levelno": 30}))
        assert collector.bodies == ["one", "<unprintable Raising>"]

    def test_who_passes_records_on_to_the_root_handlers_does_not_double_them(
        self, root: logging.Logger, logger: logging.Logger, collector: Collector
    ) -> None:
        """A ``QueueListener(queue, *root.handlers)`` hands every record to ours once more."""
        logger.info("one")
        for handler in root.handlers:
            handler.handle(logging.makeLogRecord({"name": "app", "msg": "one", "levelno": 20}))
        assert collector.bodies == ["one"]


class TestHandlers:
    def test_our_handler_is_found(self, root: logging.Logger, telemetry: RootHandler) -> None:
        """By who iterates, by ``in``, and after the app's own."""
        root.handlers.clear()  # pytest's
        shown = Shown()
        root.addHandler(shown)
        assert list(root.handlers) == [*root.handlers] == [shown, telemetry]
        assert repr(root.handlers) == repr([shown, telemetry])
        assert telemetry in root.handlers
        assert shown in root.handlers
        assert Shown() not in root.handlers

    def test_our_handler_does_not_count(self, root: logging.Logger) -> None:
        """Who asks whether logging is set up hears what it would hear without us."""
        root.handlers.clear()  # pytest's
        assert not root.handlers
        assert not root.hasHandlers()
        assert len(root.handlers) == 0
        assert root.handlers[:] == []
        assert not any(handler.level <= logging.CRITICAL for handler in root.handlers)

    @pytest.mark.parametrize(
        "clear",
        [
            lambda root: [root.removeHandler(handler) for handler in list(root.handlers)],
            lambda root: [root.removeHandler(handler) for handler in root.handlers[:]],
            lambda root: root.handlers.clear(),
            lambda root: setattr(root, "handlers", []),
            lambda root: logging.basicConfig(force=True, handlers=[]),
        ],
    )
    def test_clearing_the_root_logger_clears_the_apps_handlers(
        self,
        root: logging.Logger,
        logger: logging.Logger,
        collector: Collector,
        clear: Callable[[logging.Logger], Any],
    ) -> None:
        """By any of the ways in use; the telemetry goes on."""
        shown = Shown()
        root.addHandler(shown)
        clear(root)
        logger.info("one")
        assert shown.messages == []
        assert root.handlers[:] == []
        assert collector.bodies == ["one"]

    def test_adding_it_again_changes_nothing(
        self,
        root: logging.Logger,
        logger: logging.Logger,
        telemetry: RootHandler,
        collector: Collector,
    ) -> None:
        """Code that saves the handlers and adds them back gets no record twice."""
        for handler in list(root.handlers):
            root.removeHandler(handler)
            root.addHandler(handler)
        logger.info("one")
        assert collector.bodies == ["one"]

    def test_a_handler_of_the_app_can_be_removed(self, root: logging.Logger) -> None:
        """As always; one that is not there is no error."""
        root.handlers.clear()  # pytest's
        shown = Shown()
        root.addHandler(shown)
        root.removeHandler(shown)
        root.removeHandler(shown)
        assert root.handlers[:] == []


class TestUndoing:
    def test_everything_is_as_it_was(
        self, undo: Undo, provider: LoggerProvider, logger: logging.Logger, collector: Collector
    ) -> None:
        """The very same list, function and handlers; what the app added meanwhile stays."""
        root = logging.getLogger()
        handlers, content = root.handlers, root.handlers[:]
        call_handlers = logging.Logger.callHandlers
        RootHook(RootHandler(provider)).install(undo.record)
        assert logging.Logger.callHandlers is not call_handlers
        shown = Shown()
        root.addHandler(shown)
        undo.all()
        assert root.handlers is handlers
        assert root.handlers == [*content, shown]
        assert logging.Logger.callHandlers is call_handlers
        logger.info("after")
        assert collector.bodies == []
        assert shown.messages == ["after"]

    def test_who_hooked_in_after_us_goes_on_working(
        self, undo: Undo, provider: LoggerProvider, logger: logging.Logger, collector: Collector
    ) -> None:
        """Sentry hooks the same method; ours below only passes on, and another one can come."""
        before = logging.Logger.callHandlers
        heard: list[str] = []
        try:
            RootHook(RootHandler(provider)).install(undo.record)
            ours = logging.Logger.callHandlers

            def theirs(logger: logging.Logger, record: logging.LogRecord) -> None:
                heard.append(record.getMessage())
                ours(logger, record)

            logging.Logger.callHandlers = theirs  # type: ignore[method-assign]
            logger.info("one")
            undo.all()
            assert logging.Logger.callHandlers is theirs
            logger.info("two")
            RootHook(RootHandler(provider)).install(undo.record)
            logger.info("three")
            undo.all()
        finally:
            logging.Logger.callHandlers = before  # type: ignore[method-assign]
        assert heard == ["one", "two", "three"]
        assert collector.bodies == ["one", "three"]

    def test_a_list_that_the_app_has_put_there_stays(
        self, undo: Undo, provider: LoggerProvider
    ) -> None:
        """``root.handlers = […]`` is the app's decision, also after the rollback."""
        root = logging.getLogger()
        RootHook(RootHandler(provider)).install(undo.record)
        shown = Shown()
        root.handlers = mine = [shown]
        undo.all()
        assert root.handlers is mine
        assert mine == [shown]
