"""What is critical and was never seen is named; exactly that."""

from __future__ import annotations

import logging
import time
from typing import TYPE_CHECKING, Any

import pytest
from opentelemetry import _logs, metrics, trace
from opentelemetry.sdk._logs import LoggerProvider
from opentelemetry.sdk.trace import TracerProvider

import pepperpy_otel
from pepperpy_otel import expectations, watching
from pepperpy_otel.covered import CoverageReport
from pepperpy_otel.expectations import Expectations, Names, parts_of
from pepperpy_otel.health import HealthChecker
from pepperpy_otel.logging import LogAggregator

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from pepperpy_otel.demo.receiver import Receiver
    from pepperpy_otel.telemetry import Telemetry

    Configure = Callable[..., Telemetry]


@pytest.fixture
def telemetry(configure: Configure) -> Iterator[Telemetry]:
    running = configure(traces=False, metrics=False, logs=False)
    checker = running.health
    yield running
    checker.unregister("db")


def test_a_run_with_one_of_each_missing_names_exactly_those_four(telemetry: Telemetry) -> None:
    """One operation, one metric, one event, one component."""
    telemetry.expect(
        metrics=["sold", "refunded"],
        operations=["checkout", "refund"],
        log_events=["order placed", "user %s logged in", "order refunded"],
        components=["db", "mail"],
    )
    before = time.time()
    pepperpy_otel.get_tracer("t").start_span("checkout").end()
    pepperpy_otel.get_meter("m").create_counter("sold").add(1)
    LogAggregator().log("order placed")
    logging.getLogger("shop").warning("user %s logged in", "ada")
    telemetry.health.register("db", lambda: True)
    telemetry.health.run(5.0)
    report = telemetry.coverage()
    assert report.missing == {
        "metrics": ("refunded",),
        "operations": ("refund",),
        "log_events": ("order refunded",),
        "components": ("mail",),
    }
    assert not report
    assert (report.covered, report.expected) == (5, 9)
    assert str(report) == (
        "covered 5 of 9; missing: metric 'refunded', operation 'refund', "
        "log event 'order refunded', component 'mail'"
    )
    seen = [
        report.metrics["sold"],
        report.operations["checkout"],
        report.log_events["order placed"],
        report.log_events["user %s logged in"],
        report.components["db"],
    ]
    assert all(at is not None and before - 1 <= at <= time.time() + 1 for at in seen)


def test_it_says_when_last(telemetry: Telemetry, monkeypatch: pytest.MonkeyPatch) -> None:
    """A counter that stands still was not seen again; a gauge is there whenever it is read."""
    gauges = pepperpy_otel.get_meter("m")
    gauges.create_observable_gauge("load", [lambda _: [metrics.Observation(1)]])
    sold = gauges.create_counter("sold")
    sold.add(1)
    telemetry.expect(metrics=["sold", "load"])
    clock = [1_790_000_000.0]
    monkeypatch.setattr(expectations.time, "time", lambda: clock[0])
    telemetry.coverage()
    clock[0] += 60
    report = telemetry.coverage()
    assert report.metrics == {"sold": 1_790_000_000.0, "load": 1_790_000_060.0}
    sold.add(1)
    assert telemetry.coverage().metrics["sold"] == 1_790_000_060.0


def test_nothing_expected_is_nothing_missing(telemetry: Telemetry) -> None:
    """And costs nothing: no processor is added."""
    before = telemetry.tracer_provider.processor.processors  # type: ignore[attr-defined]
    telemetry.expect()
    report = telemetry.coverage()
    assert report
    assert report.ratio == 1.0
    assert str(report) == "covered 0 of 0"
    assert telemetry.tracer_provider.processor.processors == before  # type: ignore[attr-defined]


def test_names_are_names(telemetry: Telemetry) -> None:
    """One name may stand for a list of one; what is no text is a mistake of the caller's."""
    telemetry.expect(operations="checkout")
    telemetry.expect(operations=("checkout", "refund"))
    assert set(telemetry.coverage().operations) == {"checkout", "refund"}
    with pytest.raises(TypeError, match=r"expect\(metrics=…\): 3 is no name"):
        telemetry.expect(metrics=[3])  # type: ignore[list-item]


def test_rollback_takes_the_watchers_away(configure: Configure) -> None:
    """The next configure() begins with none of them."""
    telemetry = configure(health=False)
    telemetry.expect(operations=["a"], log_events=["b"])
    fan_out = telemetry.tracer_provider.processor  # type: ignore[attr-defined]
    assert any(isinstance(each, watching.SpanWatch) for each in fan_out.processors)
    pepperpy_otel.rollback()
    assert fan_out.processors == ()
    again = configure(health=False)
    pepperpy_otel.get_tracer("t").start_span("a").end()
    assert again.coverage().operations == {}


def test_gauges_say_how_much_is_missing(configure: Configure, receiver: Receiver) -> None:
    """By kind, in what is exported; once for each configure()."""
    for _ in range(2):
        telemetry = configure(health=False)
        receiver.store.points.clear()
        telemetry.expect(operations=["a", "b"], metrics=["sold"])
        pepperpy_otel.get_tracer("t").start_span("a").end()
        pepperpy_otel.get_meter("m").create_counter("sold").add(1)
        telemetry.force_flush()
        telemetry.force_flush()
        assert values(receiver, expectations.EXPECTED) == {"operations": 2, "metrics": 1}
        assert values(receiver, expectations.MISSING) == {"operations": 1, "metrics": 0}
        pepperpy_otel.rollback()


def values(receiver: Receiver, name: str) -> dict[str, Any]:
    """The last value of each series."""
    found = [point for point in receiver.store.points if point.name == name]
    return {point.attributes[expectations.KIND]: point.value for point in found}


def test_what_pyproject_and_environment_expect_counts(
    configure: Configure, monkeypatch: pytest.MonkeyPatch, tmp_path: Any
) -> None:
    """[tool.pepperpy_otel.expect], or JSON."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "pyproject.toml").write_text(
        '[tool.pepperpy_otel.expect]\noperations = ["checkout"]\ncomponents = ["db"]\n'
    )
    assert configure(health=False).coverage().missing == {
        "operations": ("checkout",),
        "components": ("db",),
    }
    pepperpy_otel.rollback()
    monkeypatch.setenv("PEPPERPY_OTEL_EXPECT", '{"metrics": ["sold"]}')
    assert configure(health=False).coverage().missing == {"metrics": ("sold",)}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("nonsense", "is no JSON"),
        ("[1]", "is not a table"),
        ('{"operation": ["a"]}', "did you mean 'operations'?"),
        ('{"zzz": ["a"]}', "cannot be expected"),
        ('{"metrics": "a"}', "is not a list of names"),
        ('{"metrics": [1]}', "is not a list of names"),
    ],
)
def test_bad_expectations_are_one_line(
    configure: Configure,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    text: str,
    message: str,
) -> None:
    """With the name of the variable and what to write."""
    monkeypatch.setenv("PEPPERPY_OTEL_EXPECT", text)
    assert configure(health=False).coverage().expected == 0
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("pepperpy_otel: PEPPERPY_OTEL_EXPECT=")
    assert message in line


@pytest.mark.parametrize(
    ("template", "message", "matches"),
    [
        ("user %s logged in", "user ada logged in", True),
        ("user %s logged in", "user ada logged out", False),
        ("%(n)d of %(m)05.2f%%", "3 of 04.00%", True),
        ("got {name!r}", "got 'x'\nand more", True),
        ("got {name}", "have x", False),
        ("a %s b %s c", "a 1 c", False),
        ("a %s a", "a", False),
    ],
)
def test_messages_are_known_by_their_template(template: str, message: str, matches: bool) -> None:
    """As the code has them."""
    names = Names()
    names.add([template], templates=True)
    names.mark_message(message, 1.0)
    assert (names.seen[template] is not None) is matches


def test_a_message_without_directive_is_no_template() -> None:
    """Nor is one of directives alone, which would match everything."""
    assert parts_of("plain") is None
    assert parts_of("%s") is None
    names = Names()
    names.add(["%s", "a %d"], templates=True)
    names.mark_message(7, 1.0)
    names.mark_message("b 7", 1.0)
    assert set(names.seen.values()) == {None}


def test_a_long_message_does_not_take_long() -> None:
    """A template with many values, against a text that nearly fits."""
    names = Names()
    names.add(["%s a %s a %s a %s!"], templates=True)
    started = time.process_time()
    names.mark_message("x a " * 500 + "?", 1.0)
    assert time.process_time() - started < 20


def test_foreign_providers_are_watched_and_left(
    configure: Configure, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An application with its own SDK providers has coverage, too."""
    tracers = TracerProvider(shutdown_on_exit=False)
    loggers = LoggerProvider(shutdown_on_exit=False)
    monkeypatch.setattr(trace, "get_tracer_provider", lambda: tracers)
    monkeypatch.setattr(_logs, "get_logger_provider", lambda: loggers)
    telemetry = configure(health=False)
    telemetry.expect(operations=["theirs"], log_events=["event"])
    tracers.get_tracer("t").start_span("theirs").end()
    loggers.get_logger("l").emit(event_name="event")
    assert telemetry.coverage()
    assert telemetry.rollback()
    tracers.get_tracer("t").start_span("theirs").end()
    tracers.shutdown()
    loggers.shutdown()


def test_a_name_that_is_none_does_not_hurt_the_span() -> None:
    """A provider of the SDK takes anything as one."""
    provider = TracerProvider(shutdown_on_exit=False)
    names = Names()
    names.add(["checkout"])
    provider.add_span_processor(watching.SpanWatch(names))
    odd: Any = ["checkout"]
    provider.get_tracer("test").start_span(odd).end()
    assert names.seen == {"checkout": None}


def test_watchers_have_nothing_to_flush() -> None:
    """Nor to shut down."""
    for watch in (watching.SpanWatch(Names()), watching.RecordWatch(Names())):
        watch.shutdown()
        assert watch.force_flush()


def test_what_a_foreign_reader_collects_cannot_hurt(capsys: pytest.CaptureFixture[str]) -> None:
    """An unknown shape of data is one line, and given back."""
    watch = Expectations()
    watch._names["metrics"].add(["x"])
    broken: Any = object()
    assert watch.look(broken) is broken
    assert "coverage of metrics" in capsys.readouterr().err
    assert watch.look(None) is None


def test_a_report_is_true_when_nothing_is_missing() -> None:
    """Never seen is not the same as seen at the beginning of time."""
    assert CoverageReport(metrics={"a": 0.0})
    assert not CoverageReport(metrics={"a": None})


def test_a_component_without_a_check_was_never_seen(telemetry: Telemetry) -> None:
    """Also if health expects it, too."""
    checker = HealthChecker()
    checker.expect("mail")
    telemetry.health = checker
    telemetry.expect(components=["mail"])
    assert telemetry.coverage().missing == {"components": ("mail",)}


def test_disabled_telemetry_shows_nothing(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """All of it is missing, without a word."""
    monkeypatch.setenv("OTEL_SDK_DISABLED", "true")
    telemetry = pepperpy_otel.configure()
    telemetry.expect(operations="a", log_events="b", metrics="c", components="d")
    assert telemetry.coverage().covered == 0
    pepperpy_otel.rollback()
    assert capsys.readouterr().err == ""
