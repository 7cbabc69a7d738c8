from __future__ import annotations

import itertools
import logging
from typing import Any

import pytest
from opentelemetry import metrics
from opentelemetry._logs import LogRecord, SeverityNumber
from opentelemetry.context import Context
from opentelemetry.sdk.resources import Resource

from pepperpy_otel import _compat
from pepperpy_otel.logging.attributes import exception_attributes
from pepperpy_otel.logging.fields import MAX_ATTRIBUTES, items_of, make_fit, usable_context
from pepperpy_otel.logging.provider import LoggerProvider
from pepperpy_otel.logging.records import own_exc_info


class Unprintable:
    """Has no text, no truth and no hash."""

    def _raise(self, *_: Any) -> Any:
        raise RuntimeError("hostile")

    __str__ = __repr__ = __bool__ = __eq__ = __hash__ = _raise


class Liar:
    """Says that it is a tuple, or whatever it is asked to be."""

    def __init__(self, kind: type) -> None:
        self._kind = kind

    @property  # type: ignore[misc]
    def __class__(self) -> Any:
        return self._kind


def record(**fields: Any) -> LogRecord:
    """A record with these fields, whatever they are."""
    made = LogRecord(body="x")
    for name, value in fields.items():
        setattr(made, name, value)
    make_fit(made)
    return made


@pytest.mark.parametrize("wrong", ["5", 1.5, -1, 2**64, True, Unprintable()])
def test_a_time_that_is_none_is_left_out(wrong: Any) -> None:
    """The time of observation is then now."""
    made = record(timestamp=wrong, observed_timestamp=wrong)
    assert made.timestamp is None
    assert type(made.observed_timestamp) is int
    assert made.observed_timestamp > 10**18
    kept = record(timestamp=5, observed_timestamp=7)
    assert (kept.timestamp, kept.observed_timestamp) == (5, 7)


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (None, None),
        (SeverityNumber.WARN, SeverityNumber.WARN),
        (9, SeverityNumber.INFO),
        (99, None),
        ("INFO", None),
        (Unprintable(), None),
    ],
)
def test_a_severity_is_one_of_the_known(given: Any, expected: Any) -> None:
    """Numbers are taken for what they stand for."""
    assert record(severity_number=given).severity_number is expected


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (None, None),
        ("INFO", "INFO"),
        ("größe", "größe"),
        ("\ud800", "\ufffd"),
        (5, "5"),
        (Unprintable(), "<unprintable Unprintable>"),
    ],
)
def test_names_are_text(given: Any, expected: Any) -> None:
    """Severity text and event name, whatever was given."""
    made = record(severity_text=given, event_name=given)
    assert (made.severity_text, made.event_name) == (expected, expected)


def test_attributes_come_to_an_end() -> None:
    """What is no mapping has none, and an endless one has some."""

    class Endless(dict):  # type: ignore[type-arg]
        def items(self) -> Any:
            return ((str(number), number) for number in itertools.count())

    assert len(items_of(Endless(a=1))) == MAX_ATTRIBUTES
    assert items_of([("a", 1)]) == {"a": 1}
    for odd in (None, 5, Unprintable(), Liar(dict), itertools.count(), "abc"):
        assert items_of(odd) == {}
    given = {"a": 1}
    assert items_of(given) is given


def test_only_a_context_is_a_context() -> None:
    """Everything else stands for the current one."""
    context = Context({"a": 1})
    assert usable_context(context) is context
    assert usable_context(Liar(Context)) is None
    assert usable_context(Unprintable()) is None


def test_what_is_no_exception_has_no_attributes() -> None:
    """And one whose class will not say its name is told by the name that it has."""

    class Meta(type):
        def __getattribute__(cls, name: str) -> Any:
            if name in ("__module__", "__qualname__"):
                raise RuntimeError("no name")
            return super().__getattribute__(name)

    class Odd(Exception, metaclass=Meta):
        pass

    assert exception_attributes(Liar(ValueError)) == {}
    assert exception_attributes(5) == {}
    assert exception_attributes(Odd("x"))["exception.type"] == "Odd"
    assert exception_attributes(Odd("x"))["exception.message"] == "x"


@pytest.mark.parametrize(
    "info",
    [Liar(tuple), Liar(ValueError), (1, 2, 3), (Liar(type), None, None), (1, 2), "abc"],
)
def test_exception_information_is_not_taken_on_trust(info: Any) -> None:
    """Only what is one counts, not what says so."""
    made = logging.LogRecord("n", 20, "p", 1, "m", (), None)
    made.exc_info = info
    assert own_exc_info(made) == (None, None, None)


def test_scopes_have_names_that_are_text() -> None:
    """Whatever a logger is asked for by."""
    provider = LoggerProvider()
    for name, expected in (
        (5, "5"),
        (Unprintable(), "<unprintable Unprintable>"),
        (["a"], "['a']"),
    ):
        scope = provider.get_logger(name, name, name, {"a": Unprintable()})._instrumentation_scope
        assert (scope.name, scope.version, scope.schema_url) == (expected,) * 3
        bare = provider.get_logger(name, "1")._instrumentation_scope
        assert (bare.name, bare.version) == (expected, "1")
    assert provider.get_logger("n", attributes=5)._instrumentation_scope.attributes == {}  # type: ignore[arg-type]


def test_a_provider_counts_records_as_soon_as_it_is_armed_for_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """``otel.sdk.log.created`` follows the setting of now, not of when the provider was made."""
    from opentelemetry.sdk.metrics import MeterProvider
    from opentelemetry.sdk.metrics.export import InMemoryMetricReader

    reader = InMemoryMetricReader()
    meters = MeterProvider([reader], shutdown_on_exit=False)
    monkeypatch.setattr(metrics, "get_meter_provider", lambda: meters)
    provider = LoggerProvider()
    provider.arm(resource=Resource({}))
    provider.get_logger("l").emit(body="not counted")
    monkeypatch.setenv("OTEL_PYTHON_SDK_INTERNAL_METRICS_ENABLED", "true")
    provider.arm(resource=Resource({}))
    provider.get_logger("l").emit(body="counted")
    data: Any = reader.get_metrics_data()
    (metric,) = data.resource_metrics[0].scope_metrics[0].metrics
    assert (metric.name, metric.data.data_points[0].value) == ("otel.sdk.log.created", 1)
    _compat.renew_logger_metrics(provider, meters)
    meters.shutdown()
