"""One record is one line: JSON that any reader takes, or text that a person takes."""

from __future__ import annotations

import datetime
import json
import logging
import logging.config
import math
import sys
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from opentelemetry import baggage, context
from opentelemetry.sdk.trace import TracerProvider

from pepperpy_otel import _current
from pepperpy_otel.logging.formatter import RESERVED, JsonFormatter, TextFormatter
from tests.logging.conftest import unhurried
from tests.logging.test_attributes import VALUES, Half
from tests.logging.test_plain import Mute
from tests.logging.test_values import Endless, Raising

if TYPE_CHECKING:
    from collections.abc import Iterator


def _record(msg: Any = "hello %s", args: Any = ("you",), **extra: Any) -> logging.LogRecord:
    return logging.getLogger("shop.orders").makeRecord(
        "shop.orders", logging.WARNING, "/shop.py", 7, msg, args, None, "place", extra or None
    )


def _line(record: logging.LogRecord, **options: Any) -> dict[str, Any]:
    text = JsonFormatter(**options).format(record)
    assert len(text.splitlines()) == 1
    text.encode()
    line = json.loads(text, parse_constant=lambda name: pytest.fail(f"{name} is no JSON"))
    assert isinstance(line, dict)
    return line


@pytest.fixture
def span() -> Iterator[Any]:
    """The context of the current span."""
    tracer = TracerProvider(shutdown_on_exit=False).get_tracer("test")
    with tracer.start_as_current_span("order") as span:
        yield span.get_span_context()


class TestJson:
    def test_the_line_has_the_names_of_the_specification(self) -> None:
        """Outside of a span the ids are null; what there is not is not there."""
        record = _record()
        record.created = 1_700_000_000.25
        assert _line(record, service_name="shop") == {
            "timestamp": "2023-11-14T22:13:20.250000+00:00",
            "level": "WARNING",
            "logger": "shop.orders",
            "message": "hello you",
            "trace_id": None,
            "span_id": None,
            "service": "shop",
        }

    def test_the_timestamp_is_iso_8601_with_an_offset(self) -> None:
        """Python itself reads it back."""
        record = _record()
        read = datetime.datetime.fromisoformat(_line(record)["timestamp"])
        assert read.utcoffset() == datetime.timedelta(0)
        assert abs(read.timestamp() - record.created) < 1e-5

    def test_the_ids_are_those_of_the_span(self, span: Any) -> None:
        """Hexadecimal, as in every other place where they are shown."""
        line = _line(_record())
        assert line["trace_id"] == format(span.trace_id, "032x")
        assert line["span_id"] == format(span.span_id, "016x")

    @pytest.mark.parametrize(
        ("value", "shown"), [("abc-1", "abc-1"), (5, "5"), ("\ud800", None), ("a\nb", None)]
    )
    def test_the_correlation_id_comes_from_the_baggage(self, value: Any, shown: str) -> None:
        """Where there is one; what cannot be an id is none."""
        token = context.attach(baggage.set_baggage("correlation.id", value))
        try:
            assert _line(_record()).get("correlation_id") == shown
        finally:
            context.detach(token)

    def test_the_service_is_that_of_the_telemetry(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """A formatter that the app makes by itself knows what configure() was told."""
        resource = SimpleNamespace(attributes={"service.name": "configured"})
        monkeypatch.setattr(_current, "_telemetry", SimpleNamespace(resource=resource))
        assert _line(_record())["service"] == "configured"
        assert _line(_record(), service_name="given")["service"] == "given"
        resource.attributes.clear()
        assert _line(_record())["service"] is None

    def test_an_exception_is_an_object(self) -> None:
        """Type, message and stack trace."""
        record = _record()
        try:
            raise ValueError("bad \ud800")
        except ValueError:
            record.exc_info = sys.exc_info()
        exception = _line(record)["exception"]
        assert exception["type"] == "ValueError"
        assert exception["message"] == "bad \ufffd"
        assert exception["stacktrace"].startswith("Traceback (most recent call last):\n")
        assert exception["stacktrace"].endswith("ValueError: bad \ufffd\n")

    def test_the_stack_is_shown_if_asked_for(self) -> None:
        """``stack_info=True``."""
        record = _record()
        record.stack_info = "Stack:\n  here"
        assert _line(record)["stack_info"] == "Stack:\n  here"

    def test_extras_are_at_the_top_level(self) -> None:
        """With their types."""
        line = _line(_record(user="bob", items=[1, {"a": math.nan}], amount=2.5, none=None))
        assert line["user"] == "bob"
        assert line["items"] == [1, {"a": "NaN"}]
        assert line["amount"] == 2.5
        assert line["none"] is None

    @pytest.mark.parametrize("name", sorted(RESERVED - {"message", "stack_info"}))
    def test_extras_never_overwrite(self, name: str) -> None:
        """A name of ours gets a suffix, also where this line has no such thing."""
        without = _line(_record())
        line = _line(_record(**{name: "mine", f"{name}_": "too"}))
        assert line[f"{name}__"] == "mine"
        assert line[f"{name}_"] == "too"
        assert line.get(name) != "mine"
        assert set(line) == {*without, f"{name}_", f"{name}__"}

    def test_names_that_become_equal_are_kept_apart(self) -> None:
        """``5`` and ``"5"`` are two extras."""
        record = _record(**{"5": "text"})
        vars(record)[5] = "number"
        line = _line(record)
        assert {line["5"], line["5_"]} == {"text", "number"}

    def test_a_dict_as_message_gives_extras(self) -> None:
        """As in python-json-logger; the message is its text."""
        line = _line(_record({"event": "placed", "level": 3}, ()))
        assert line["message"] == "{'event': 'placed', 'level': 3}"
        assert line["event"] == "placed"
        assert line["level_"] == 3

    @pytest.mark.parametrize("number", range(4))
    def test_hostile_values_cost_themselves(self, number: int) -> None:
        """In an extra, as an argument, as the message."""
        kind: Any = [Mute, Endless, Half, Raising][number]
        line = _line(_record(bad=kind(), good=1))
        assert line["good"] == 1
        assert kind.__name__ in line["bad"]
        assert "message" in _line(_record("%s", (kind(),)))
        assert "message" in _line(_record(kind(), ()))

    def test_huge_values_are_cut(self) -> None:
        """Message, extras and stack trace: 64 Ki characters each."""
        record = _record("x" * 10**6, (), long="y" * 10**6)
        try:
            raise ValueError("z" * 10**6)
        except ValueError:
            record.exc_info = sys.exc_info()
        record.stack_info = "s" * 10**6
        line = _line(record)
        assert len(line["message"]) == len(line["long"]) == len(line["stack_info"]) == 65536
        assert len(line["exception"]["message"]) == 65536
        assert line["exception"]["stacktrace"].endswith("zzz\n")
        assert len(line["exception"]["stacktrace"]) == 65536

    @unhurried
    @given(
        st.dictionaries(
            st.one_of(
                st.text(alphabet=st.characters(codec=None)),
                st.integers(),
                st.sampled_from(["msg", "args", "name", "levelname", "created", "exc_info"]),
                st.sampled_from(["stack_info", *sorted(RESERVED)]),
            ),
            st.one_of(VALUES, st.floats(), st.builds(Mute), st.builds(Half), st.builds(Endless)),
            max_size=6,
        )
    )
    def test_any_record_is_one_line_of_json(self, values: dict[Any, Any]) -> None:
        """Whatever is in it."""
        record = logging.makeLogRecord(values)
        line = _line(record)
        assert {"timestamp", "level", "logger", "message", "trace_id", "service"} <= set(line)
        assert len(TextFormatter().format(record).splitlines()) <= 1

    def test_a_record_that_cannot_be_read_is_a_line_too(
        self, capsys: pytest.CaptureFixture[str]
    ) -> None:
        """Of one without the usual attributes, what is left; and one line says so once."""
        record = _record()
        del record.levelname, record.name
        for _ in range(2):
            line = _line(record)
        assert (line["message"], line["level"], line["logger"]) == ("hello %s", "None", "None")
        assert capsys.readouterr().err.count("internal error in JsonFormatter") == 1

    def test_options_of_python_json_logger_hold(self) -> None:
        """Further attributes by a format string, static fields, other names, a prefix."""
        options: dict[str, Any] = {
            "fmt": "%(asctime)s %(levelname)s %(funcName)s %(lineno)d",
            "static_fields": {"region": "eu"},
            "rename_fields": {"message": "msg"},
            "json_ensure_ascii": False,
            "prefix": "@cee: ",
        }
        text = JsonFormatter(**options).format(_record("grüße", ()))
        assert text.startswith('@cee: {"timestamp"')
        assert "grüße" in text
        line = json.loads(text.removeprefix("@cee: "))
        assert (line["funcName"], line["lineno"], line["region"]) == ("place", 7, "eu")
        assert line["msg"] == "grüße"
        assert "asctime" not in line
        assert "levelname" not in line

    def test_a_dict_config_can_name_it(self, capsys: pytest.CaptureFixture[str]) -> None:
        """In both ways in which a formatter is named there."""
        configurator = logging.config.DictConfigurator({"version": 1})
        by_call = configurator.configure_formatter(
            {"()": "pepperpy_otel.logging.JsonFormatter", "service_name": "a"}
        )
        by_class = configurator.configure_formatter(
            {"class": "pepperpy_otel.logging.JsonFormatter", "format": "%(process)d"}
        )
        assert json.loads(by_call.format(_record()))["service"] == "a"
        assert json.loads(by_class.format(_record()))["process"] > 0


class TestText:
    def test_a_line_reads_from_left_to_right(self, span: Any) -> None:
        """Time, level, logger, message, extras, exception, ids."""
        record = _record(user="bob", items=[1, 2])
        try:
            raise ValueError("bad")
        except ValueError:
            record.exc_info = sys.exc_info()
        when, _, rest = TextFormatter().format(record).partition(" ")
        assert datetime.datetime.fromisoformat(when).tzinfo is not None
        assert rest == (
            "WARNING  shop.orders: hello you user=bob items=[1, 2] exception=ValueError: bad "
            f"trace_id={span.trace_id:032x} span_id={span.span_id:016x}"
        )

    def test_outside_of_a_span_there_are_no_ids(self) -> None:
        """Nothing is shown that says nothing."""
        assert TextFormatter().format(_record()).endswith("WARNING  shop.orders: hello you")

    def test_control_characters_are_escaped(self) -> None:
        """Nobody forges a line or colours the terminal; tabs and other scripts stay."""
        text = TextFormatter().format(_record("a\nb\r\x1b[31m\x9b\u2028\tgrüße 日本\x00", ()))
        assert text.endswith(r"a\nb\r\x1b[31m\x9b\u2028" + "\tgrüße 日本" + r"\x00")
        assert len(text.splitlines()) == 1

    def test_a_record_that_cannot_be_read_is_its_message(
        self, capsys: pytest.CaptureFixture[str]
    ) -> None:
        """And one line says so once."""
        record = _record("a\n%s")
        del record.levelname
        assert TextFormatter().format(record) == r"a\nyou"
        assert capsys.readouterr().err.count("internal error in TextFormatter") == 1

    @pytest.mark.parametrize("created", [math.nan, 1e300, None, "now"])
    def test_a_time_that_is_none_is_now(self, created: Any) -> None:
        """A record that somebody made by hand."""
        record = _record()
        record.created = created
        when = TextFormatter().format(record).partition(" ")[0]
        now = datetime.datetime.now(datetime.timezone.utc)
        assert abs(datetime.datetime.fromisoformat(when) - now) < datetime.timedelta(minutes=1)
