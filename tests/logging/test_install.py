"""The app's own output is what it would be without us, whatever it does to its logging.

Each program runs without us, with us, and with us and ``log_level``; what it prints on stderr must
be the same to the character, and the telemetry must have got the records.
"""

from __future__ import annotations

import json
import logging
import os
import re
from typing import TYPE_CHECKING

import pytest

from pepperpy_otel.errors import LOGGER_NAME
from pepperpy_otel.logging.console import ConsoleHandler
from pepperpy_otel.logging.handler import TelemetryHandler
from pepperpy_otel.logging.install import install, keep_own_loggers_enabled
from tests.logging.conftest import Undo, run
from tests.logging.programs import ALL, APPS, FLASK, INFOS, WARNINGS, WERKZEUG

if TYPE_CHECKING:
    from pepperpy_otel.logging.provider import LoggerProvider
    from tests.logging.conftest import Collector


@pytest.mark.parametrize("name", APPS)
def test_the_apps_output_is_what_it_was(name: str) -> None:
    """Without us, with us, with ``log_level``: the same lines on stderr."""
    app = APPS[name]
    without, plain, lowered = run(app.program, None, {}, {"log_level": logging.DEBUG})
    assert without.stderr != ""
    assert plain.stderr == without.stderr
    assert lowered.stderr == without.stderr
    taken = [body for body in plain.taken if "UserWarning" not in body]
    assert taken == app.taken
    assert set(taken) <= set(lowered.taken)
    assert plain.there is lowered.there is app.there
    assert plain.disabled == lowered.disabled == []


def test_a_lower_level_reaches_the_telemetry() -> None:
    """``log_level`` gives it what the app's handlers do not show."""
    (quiet,) = run(APPS["nothing set up"].program, {"log_level": logging.INFO})
    (after,) = run(APPS["basicConfig after"].program, {"log_level": logging.DEBUG})
    assert quiet.taken == INFOS
    assert after.taken == ALL


_TIME = re.compile(r"[\d-]+ [\d:,]+")


def test_flask_shows_its_own_lines() -> None:
    """Flask adds a handler of its own if nobody shows the level: ours does not show anything."""
    pytest.importorskip("flask")
    without, with_us = run(FLASK, None, {})
    assert "WARNING in" in without.stderr
    assert _TIME.sub("TIME", with_us.stderr) == _TIME.sub("TIME", without.stderr)
    assert with_us.taken[0] == "from the app"


def test_werkzeug_shows_its_requests() -> None:
    """The development server's lines are INFO: with an ordinary root handler they are gone."""
    pytest.importorskip("werkzeug")
    without, with_us = run(WERKZEUG, None, {})
    assert "GET / HTTP/1.1" in without.stderr
    assert "GET / HTTP/1.1" in with_us.stderr
    assert len(with_us.stderr.splitlines()) == len(without.stderr.splitlines()) == 1


class TestConsole:
    def test_json_takes_the_place_of_the_last_resort(self) -> None:
        """One line for each record that the app's levels let through, and nothing else."""
        (ran,) = run(APPS["nothing set up"].program, {"console_logs": "json"})
        lines = [json.loads(line) for line in ran.stderr.splitlines()]
        assert [line["message"] for line in lines] == WARNINGS
        assert {line["service"] for line in lines} == {"shop"}
        assert lines[1]["exception"]["type"] == "ZeroDivisionError"

    def test_text_is_one_line_a_record(self) -> None:
        """For people, the traceback in the telemetry only."""
        (ran,) = run(APPS["nothing set up"].program, {"console_logs": "text"})
        first, second = ran.stderr.splitlines()
        assert first.endswith("WARNING  shop.orders: warning 3")
        assert second.endswith(
            "ERROR    shop.orders: error 4 exception=ZeroDivisionError: division by zero"
        )

    def test_a_lower_level_is_shown_too(self) -> None:
        """Who asks for INFO in the telemetry and for lines on the console means both."""
        variant = {"console_logs": "json", "log_level": logging.INFO}
        (ran,) = run(APPS["nothing set up"].program, variant)
        assert [json.loads(line)["message"] for line in ran.stderr.splitlines()] == INFOS

    def test_the_lines_of_telemetry_itself_are_not_made_up(self) -> None:
        """What only a lowered level lets through is shown if it comes from the app."""
        (ran,) = run(
            """
            import logging
            configure()
            logging.getLogger("opentelemetry.sdk").info("exported")
            logging.getLogger("opentelemetry.sdk").warning("failed")
            logging.getLogger("shop").info("hello")
            """,
            {"console_logs": "json", "log_level": logging.INFO},
        )
        shown = [json.loads(line)["message"] for line in ran.stderr.splitlines()]
        assert shown == ["failed", "hello"]
        assert ran.taken == ["hello"]

    def test_the_apps_own_handlers_stay(self) -> None:
        """Both lines appear: which to drop is the app's decision."""
        program = "import logging\nlogging.basicConfig(format='mine %(message)s')\nconfigure()\n"
        program += "logging.getLogger('shop').warning('x')"
        (ran,) = run(program, {"console_logs": "json"})
        mine, ours = ran.stderr.splitlines()
        assert mine == "mine x"
        assert json.loads(ours)["message"] == "x"

    def test_our_own_warnings_are_one_line(self) -> None:
        """They are shown by the console, then, and not a second time as text."""
        (ran,) = run(
            """
            configure()
            from pepperpy_otel import errors
            errors.warn("a setting is wrong")
            """,
            {"console_logs": "json"},
        )
        (line,) = ran.stderr.splitlines()
        assert json.loads(line)["message"] == "a setting is wrong"
        assert ran.taken == []

    def test_an_app_that_clears_the_handlers_has_cleared_the_console(self) -> None:
        """``root.handlers = []`` means what prints; the telemetry goes on."""
        (ran,) = run(
            """
            import logging
            configure()
            logging.getLogger().handlers = []
            logging.getLogger("shop").info("info")
            logging.getLogger("shop").warning("warning")
            """,
            {"console_logs": "json", "log_level": logging.INFO},
        )
        assert ran.stderr == "warning\n"
        assert ran.taken == ["info", "warning"]


def test_records_that_only_we_let_through_are_shown_in_one_process_too(
    provider: LoggerProvider, undo: Undo, capsys: pytest.CaptureFixture[str]
) -> None:
    """The console's own level and the loop guard hold for them."""
    root = logging.getLogger()
    root.setLevel(logging.WARNING)
    install(
        provider,
        log_level=logging.INFO,
        console_logs="text",
        service_name=None,
        record=undo.record,
    )
    logging.getLogger("shop").info("shown")
    logging.getLogger("opentelemetry.sdk").info("not shown")
    for handler in list(root.handlers):
        if isinstance(handler, ConsoleHandler):
            handler.setLevel(logging.ERROR)
    logging.getLogger("shop").info("below the console's level")
    (line,) = capsys.readouterr().err.splitlines()
    assert line.endswith("INFO     shop: shown")


def test_a_json_console_knows_the_service(
    provider: LoggerProvider, undo: Undo, capsys: pytest.CaptureFixture[str]
) -> None:
    """The name that configure() was given."""
    install(provider, log_level=None, console_logs="json", service_name="shop", record=undo.record)
    logging.getLogger("shop").error("bad")
    (line,) = capsys.readouterr().err.splitlines()
    assert json.loads(line)["service"] == "shop"


def test_a_forked_process_goes_on_logging() -> None:
    """A child made while another thread was logging takes its records, and waits for nobody."""
    if not hasattr(os, "fork"):
        pytest.skip("no fork here")
    (ran,) = run(
        """
        import logging, os, threading, warnings
        warnings.simplefilter("ignore")  # Python warns of every fork beside a thread
        logging.getLogger().addHandler(logging.NullHandler())
        configure()
        log, stop = logging.getLogger("shop"), threading.Event()

        def busy():
            while not stop.is_set():
                log.warning("parent")

        thread = threading.Thread(target=busy)
        thread.start()
        for _ in range(20):
            child = os.fork()
            if child == 0:
                _taken.clear()
                log.warning("child")
                os._exit(_taken != ["child"])
            assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
        stop.set()
        thread.join()
        _taken.clear()
        """,
        {},
    )
    assert ran.stderr == ""
    assert ran.there


class TestLedger:
    def test_each_change_is_recorded_in_words(self, provider: LoggerProvider, undo: Undo) -> None:
        """The report of a rollback is for a person."""
        logging.getLogger(LOGGER_NAME)
        install(
            provider,
            log_level=logging.NOTSET,
            console_logs="text",
            service_name=None,
            record=undo.record,
        )
        words = [what for what, _ in undo.entries if not what.startswith(f"logger {LOGGER_NAME}.")]
        assert words == [
            "logger pepperpy_otel",
            "root logger's handlers",
            "hook on Logger.callHandlers",
            "root logger's level",
        ]

    def test_the_handler_is_on_the_root_logger(
        self, provider: LoggerProvider, undo: Undo, logger: logging.Logger, collector: Collector
    ) -> None:
        """Until the rollback."""
        install(
            provider, log_level=None, console_logs="none", service_name=None, record=undo.record
        )
        logger.info("one")
        found = [h for h in logging.getLogger().handlers if isinstance(h, TelemetryHandler)]
        assert len(found) == 1
        undo.all()
        logger.info("two")
        assert not [h for h in logging.getLogger().handlers if isinstance(h, TelemetryHandler)]
        assert collector.bodies == ["one"]

    def test_our_loggers_cannot_be_disabled_meanwhile(self, undo: Undo) -> None:
        """Nor are they found enabled afterwards if they were not before."""
        ours = logging.getLogger(f"{LOGGER_NAME}.test_install")
        theirs = logging.getLogger(f"{LOGGER_NAME}_shop")
        kind = type(ours)
        keep_own_loggers_enabled(undo.record)
        ours.disabled = theirs.disabled = True
        assert not ours.disabled
        assert theirs.disabled
        theirs.disabled = False
        undo.all()
        assert type(ours) is kind
        assert not ours.disabled
        ours.disabled = True
        keep_own_loggers_enabled(undo.record)
        assert ours.isEnabledFor(logging.ERROR)
        ours.__class__ = kind  # somebody else had the same idea
        undo.all()
        assert ours.disabled
        ours.disabled = False
