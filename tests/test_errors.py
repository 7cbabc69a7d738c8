"""Our own words reach a person once, on one line, and our errors never reach the app."""

from __future__ import annotations

import io
import logging
import sys
from typing import TYPE_CHECKING

import pytest

from pepperpy_otel import errors
from pepperpy_otel.errors import ConfigurationError, Problems

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(autouse=True)
def _fresh(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(errors, "_seen", set())
    root = logging.getLogger()
    handlers = root.handlers[:]
    yield
    root.handlers[:] = handlers


def _bad(value: object = "gprc") -> ConfigurationError:
    return ConfigurationError(
        "OTEL_EXPORTER_OTLP_PROTOCOL",
        value,
        "environment",
        "is not a protocol",
        "use 'grpc' or 'http/protobuf'",
    )


def test_a_configuration_error_names_setting_value_source_and_fix() -> None:
    """One line says everything that is needed to mend it."""
    assert str(_bad()) == (
        "OTEL_EXPORTER_OTLP_PROTOCOL='gprc' (environment) is not a protocol; "
        "use 'grpc' or 'http/protobuf'"
    )


class _Unprintable:
    def __repr__(self) -> str:
        raise RuntimeError("no")


@pytest.mark.parametrize(
    ("value", "words"), [("x" * 5000, "xxx..."), (_Unprintable(), "<unprintable _Unprintable>")]
)
def test_any_value_fits_on_the_line(value: object, words: str) -> None:
    """A pasted certificate or a broken object makes no page and no second error."""
    assert words in str(_bad(value))
    assert len(str(_bad(value))) < 300


def test_problems_are_printed_once_each(capsys: pytest.CaptureFixture[str]) -> None:
    """The same bad setting met twice is one line, and report() repeats nothing."""
    problems = Problems()
    problems.add(_bad())
    problems.add(_bad())
    assert capsys.readouterr().err == ""
    problems.report()
    problems.report()
    lines = capsys.readouterr().err.splitlines()
    assert lines == [f"pepperpy_otel: {_bad()}"]


def test_strict_raises_the_same_words_and_prints_nothing(
    capsys: pytest.CaptureFixture[str],
) -> None:
    """strict=True turns the warning into an exception."""
    with pytest.raises(ConfigurationError, match="is not a protocol"):
        Problems(strict=True).add(_bad())
    assert capsys.readouterr().err == ""


def test_a_line_is_shown_once_when_the_app_shows_it_on_stderr_already(
    capsys: pytest.CaptureFixture[str],
) -> None:
    """An app with a stderr handler shows our line through it, and only through it."""
    logging.getLogger().addHandler(logging.StreamHandler(sys.stderr))
    errors.warn("hello %d", 7)
    assert capsys.readouterr().err.splitlines() == ["hello 7"]


def test_a_line_is_shown_on_stderr_beside_a_handler_that_writes_elsewhere(
    capsys: pytest.CaptureFixture[str],
) -> None:
    """An app that logs to a file gets the line there, and the person on stderr."""
    elsewhere = io.StringIO()
    logging.getLogger().addHandler(logging.StreamHandler(elsewhere))
    errors.warn("hello")
    assert capsys.readouterr().err.splitlines() == ["pepperpy_otel: hello"]
    assert elsewhere.getvalue() == "hello\n"


def test_a_handler_that_would_not_show_the_line_does_not_count(
    capsys: pytest.CaptureFixture[str],
) -> None:
    """A stderr handler for critical records only leaves the line to us."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setLevel(logging.CRITICAL)
    logging.getLogger().addHandler(handler)
    errors.warn("hello")
    assert capsys.readouterr().err.splitlines() == ["pepperpy_otel: hello"]


def test_an_app_that_propagates_nothing_still_shows_our_line(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """With propagation off the root's handlers do not see our records, so we print them."""
    logging.getLogger().addHandler(logging.StreamHandler(sys.stderr))
    monkeypatch.setattr(errors.logger, "propagate", False)
    errors.warn("hello")
    assert capsys.readouterr().err.splitlines() == ["pepperpy_otel: hello"]


def test_an_app_whose_root_is_at_error_still_hears_us(capsys: pytest.CaptureFixture[str]) -> None:
    """A warning about a setting is shown whatever the root's level is; undone afterwards."""
    root = logging.getLogger()
    level = root.level
    root.setLevel(logging.ERROR)
    try:
        errors.warn("hello")
    finally:
        root.setLevel(level)
    assert "hello" in capsys.readouterr().err
    assert errors.logger.level == logging.NOTSET


def test_a_closed_stderr_is_not_the_apps_problem(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where nothing can be printed nothing is, and nothing is raised."""
    closed = io.StringIO()
    closed.close()
    monkeypatch.setattr(sys, "stderr", closed)
    errors.warn("hello")


def test_installed_once_and_undone(capsys: pytest.CaptureFixture[str]) -> None:
    """The handler stays for the time of the configuration and leaves no trace."""
    undo = errors.install_stderr_handler()
    again = errors.install_stderr_handler()
    errors.warn("hello")
    again()
    undo()
    assert capsys.readouterr().err.count("hello") == 1
    assert errors.logger.handlers == []
    assert errors.logger.level == logging.NOTSET


def test_the_users_level_for_our_logger_is_kept() -> None:
    """A level that somebody set on the logger pepperpy_otel is not ours to change."""
    errors.logger.setLevel(logging.ERROR)
    try:
        undo = errors.install_stderr_handler()
        assert errors.logger.level == logging.ERROR
        undo()
        assert errors.logger.level == logging.ERROR
    finally:
        errors.logger.setLevel(logging.NOTSET)


def test_an_internal_error_is_said_once_and_swallowed(capsys: pytest.CaptureFixture[str]) -> None:
    """An error of ours costs one line for each place and type, never an exception."""

    @errors.never_raises("the encoder", default=-1)
    def fails(kind: type[Exception]) -> int:
        raise kind("boom")

    assert fails(ValueError) == fails(ValueError) == fails(KeyError) == -1
    with errors.guarded("the worker"):
        raise ValueError("boom")
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 3
    assert "internal error in the encoder (reported once): ValueError: boom" in lines[0]


def test_an_error_without_a_text_is_still_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    """An exception whose ``__str__`` raises does not become a traceback of logging's."""

    class Mute(Exception):
        def __str__(self) -> str:
            raise RuntimeError("no")

    logging.getLogger().addHandler(logging.StreamHandler(sys.stderr))
    with errors.guarded("the mute part"):
        raise Mute
    [line] = capsys.readouterr().err.splitlines()
    assert line.endswith("internal error in the mute part (reported once): Mute: <no text>")


def test_a_guarded_function_gives_its_result() -> None:
    """The guard is invisible where nothing fails."""

    @errors.never_raises("x", default=0)
    def add(a: int, b: int) -> int:
        return a + b

    assert add(2, b=3) == 5
    assert add.__name__ == "add"
