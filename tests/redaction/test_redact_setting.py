"""``redact`` as argument, in the environment and in pyproject; a wrong one lets nothing through."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

import pepperpy_otel
from pepperpy_otel.errors import ConfigurationError, Problems
from pepperpy_otel.redaction import Redactor, active
from pepperpy_otel.settings import Settings

if TYPE_CHECKING:
    from pathlib import Path

    from tests.delivery.sinks import HttpSink


def resolved(
    tmp_path: Path, argument: Any = None, text: str | None = None
) -> tuple[tuple[Any, ...], list[str]]:
    """The setting's value and the complaints."""
    problems = Problems()
    environ = {} if text is None else {"PEPPERPY_OTEL_REDACT": text}
    arguments = {} if argument is None else {"redact": argument}
    settings = Settings.resolve(arguments, environ=environ, directory=tmp_path, problems=problems)
    return settings.values["redact"], [str(error) for error in problems.errors]


def _own(key: str, value: object) -> object:
    return value


@pytest.mark.parametrize(
    ("argument", "text", "value"),
    [
        (None, None, ()),
        (True, None, ("default",)),
        (False, "true", ()),
        ("none", None, ()),
        ("email,-card", None, ("email", "-card")),
        (["default", "key:*SSN*", _own], None, ("default", "key:*SSN*", _own)),
        (_own, None, (_own,)),
        (None, "true", ("default",)),
        (None, "off", ()),
        (None, "default, Email,,allow:order.*", ("default", "email", "allow:order.*")),
        (None, ",", ("default",)),
    ],
)
def test_what_is_understood(
    tmp_path: Path, argument: Any, text: str | None, value: tuple[Any, ...]
) -> None:
    """Booleans, names, patterns and functions, from wherever they come."""
    assert resolved(tmp_path, argument, text) == (value, [])


@pytest.mark.parametrize(
    ("argument", "named"),
    [("emails", "'emails'"), (["key:"], "'key:'"), ([int], "type"), ([12], "int"), (12, "12")],
)
def test_what_is_wrong_is_said_and_the_default_ones_are_on(
    tmp_path: Path, argument: Any, named: str
) -> None:
    """A typing error does not let secrets out."""
    value, complaints = resolved(tmp_path, argument)
    assert value[0] == "default"
    assert len(complaints) == 1
    assert named in complaints[0]


def test_pyproject_says_it_too(tmp_path: Path) -> None:
    """A list in pyproject.toml is read like one in an argument."""
    text = '[tool.pepperpy_otel]\nredact = ["default", "email"]\n'
    (tmp_path / "pyproject.toml").write_text(text)
    assert resolved(tmp_path) == (("default", "email"), [])


def test_strict_raises() -> None:
    """With strict=True the first wrong part raises, and nothing was changed."""
    with pytest.raises(ConfigurationError, match="no detector"):
        pepperpy_otel.configure("x", redact="emails", strict=True)
    assert active.redactor is None


def test_names_choose_detectors() -> None:
    """A name alone is that one; ``default`` adds the others; a minus takes one away."""
    text = "bob@example.com password=hunter2 4111111111111111"
    assert Redactor(["email"]).text(text) == text.replace("bob@example.com", "[redacted:email]")
    assert "bob@" in Redactor().text(text)
    assert Redactor(["-card"]).text(text).endswith("4111111111111111")
    assert Redactor(["-key"]).attributes({"password": "x"}) == {"password": "x"}
    assert "[redacted:email]" in Redactor(["default", "email"]).text(text)


def test_patterns_choose_keys() -> None:
    """``key:`` adds keys, ``allow:`` leaves values alone whatever they look like."""
    redactor = Redactor(["key:*ssn*", "allow:Order.*"])
    attributes = {"user.SSN": 12, "order.token": "4111111111111111", "x": {"order.password": "p"}}
    assert redactor.attributes(attributes) == {
        "user.SSN": "[redacted:key]",
        "order.token": "4111111111111111",
        "x": {"order.password": "p"},
    }
    assert Redactor(["email", "key:a"]).attributes({"a": "x", "password": "y"}) == {
        "a": "[redacted:key]",
        "password": "y",
    }


def test_rollback_ends_it(sink: HttpSink) -> None:
    """After rollback() nothing is looked through; before, the handle counts."""
    telemetry = pepperpy_otel.configure(
        "x", endpoint=sink.url, instrument=False, health=False, redact=True
    )
    try:
        assert active.text("password=hunter2") == "password=[redacted:assignment]"
        assert telemetry.stats().redacted == {"assignment": 1}
    finally:
        report = pepperpy_otel.rollback()
    assert active.redactor is None
    assert active.text("password=hunter2") == "password=hunter2"
    assert any("redaction" in item for item in map(str, report.restored))


def test_of_two_the_later_one_counts_until_it_ends() -> None:
    """Ending one that was replaced changes nothing."""
    first, second = Redactor(), Redactor(["email"])
    end_first = active.activate(first)
    end_second = active.activate(second)
    end_first()
    assert active.redactor is second
    end_second()
    active.redactor = None
