"""Whatever is wrong with the settings: one line that helps, and the app runs.

End to end through configure(), every case by the way that a user would make the mistake.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

import pytest
from opentelemetry import trace

import pepperpy_otel
from pepperpy_otel import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from pepperpy_otel.demo.receiver import Receiver

#: Variable, bad value, words that the line has to hold beside the variable's name.
ENVIRONMENT = [
    ("OTEL_EXPORTER_OTLP_PROTOCOL", "gprc", ["'gprc'", "use 'grpc' or 'http/protobuf'"]),
    ("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "http/json", ["'http/json'", "http/protobuf"]),
    ("OTEL_EXPORTER_OTLP_ENDPOINT", "localhost", ["'localhost'"]),
    ("OTEL_EXPORTER_OTLP_ENDPOINT", "ftp://localhost:4318", ["'ftp://localhost:4318'"]),
    ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://localhost:99999", ["99999"]),
    ("OTEL_EXPORTER_OTLP_LOGS_ENDPOINT", "http://", ["'http://'"]),
    ("OTEL_EXPORTER_OTLP_HEADERS", "authorization", ["authorization"]),
    ("OTEL_EXPORTER_OTLP_TIMEOUT", "-1", ["'-1'"]),
    ("OTEL_EXPORTER_OTLP_TIMEOUT", "ten", ["'ten'"]),
    ("OTEL_EXPORTER_OTLP_COMPRESSION", "brotli", ["'brotli'", "gzip"]),
    ("OTEL_EXPORTER_OTLP_CERTIFICATE", "/no/such/ca.pem", ["'/no/such/ca.pem'"]),
    ("OTEL_EXPORTER_OTLP_CLIENT_KEY", "/no/such/key.pem", ["'/no/such/key.pem'"]),
    ("OTEL_EXPORTER_OTLP_INSECURE", "maybe", ["'maybe'", "true"]),
    ("OTEL_TRACES_EXPORTER", "oltp", ["'oltp'", "otlp"]),
    ("OTEL_METRICS_EXPORTER", "promethues", ["'promethues'", "prometheus"]),
    ("OTEL_LOGS_EXPORTER", "zipkin", ["'zipkin'"]),
    ("OTEL_TRACES_EXPORTER", "prometheus", ["'prometheus'"]),
    ("OTEL_TRACES_SAMPLER", "always", ["'always'", "always_on"]),
    ("OTEL_PROPAGATORS", "tracecontxt", ["'tracecontxt'", "tracecontext"]),
    ("OTEL_SDK_DISABLED", "maybe", ["'maybe'", "true"]),
    ("OTEL_LOG_LEVEL", "loud", ["'loud'"]),
    ("OTEL_BSP_SCHEDULE_DELAY", "-5", ["'-5'"]),
    ("OTEL_BSP_MAX_QUEUE_SIZE", "0", ["'0'"]),
    ("OTEL_BSP_MAX_EXPORT_BATCH_SIZE", "many", ["'many'"]),
    ("OTEL_BLRP_EXPORT_TIMEOUT", "1s", ["'1s'"]),
    ("OTEL_METRIC_EXPORT_INTERVAL", "0.5s", ["'0.5s'"]),
    ("OTEL_METRIC_EXPORT_TIMEOUT", "-3", ["'-3'"]),
    ("OTEL_METRICS_EXEMPLAR_FILTER", "sometimes", ["'sometimes'", "trace_based"]),
    ("OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE", "sum", ["'sum'", "cumulative"]),
    (
        "OTEL_EXPORTER_OTLP_METRICS_DEFAULT_HISTOGRAM_AGGREGATION",
        "exponential",
        ["'exponential'", "base2_exponential_bucket_histogram"],
    ),
    ("OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT", "-1", ["'-1'"]),
    ("OTEL_ATTRIBUTE_VALUE_LENGTH_LIMIT", "long", ["'long'"]),
    ("OTEL_RESOURCE_ATTRIBUTES", "team", ["'team'", "key=value"]),
    ("OTEL_EXPORTER_PROMETHEUS_PORT", "http", ["'http'"]),
    ("OTEL_PYTHON_ID_GENERATOR", "xraay", ["'xraay'"]),
    ("OTEL_EXPERIMENTAL_RESOURCE_DETECTORS", "ec22", ["'ec22'"]),
    ("PEPPERPY_OTEL_CONSOLE_LOGS", "yaml", ["'yaml'", "json"]),
    ("PEPPERPY_OTEL_EXPORTER", "fast", ["'fast'", "stock"]),
    ("PEPPERPY_OTEL_LOG_LEVEL", "verbose", ["'verbose'"]),
    ("PEPPERPY_OTEL_HEALTH_PORT", "70000", ["'70000'"]),
    ("PEPPERPY_OTEL_SHUTDOWN_TIMEOUT_MILLIS", "soon", ["'soon'"]),
]
#: Arguments that cannot be used.
ARGUMENTS: list[tuple[str, Any, list[str]]] = [
    ("protocol", "gprc", ["protocol='gprc' (argument)"]),
    ("endpoint", 4318, ["endpoint=4318 (argument)"]),
    ("prometheus_port", "many", ["prometheus_port='many' (argument)"]),
    ("prometheus_port", 65536, ["prometheus_port=65536 (argument)"]),
    ("prometheus_port", True, ["prometheus_port=True (argument)"]),
    ("sampler", 1.5, ["sampler=1.5 (argument)"]),
    ("sampler", -0.1, ["sampler=-0.1 (argument)"]),
    ("sampler", object, ["sampler=<class 'object'> (argument)"]),
    ("traces", ["oltp"], ["traces", "'oltp'", "(argument)"]),
    ("log_level", "verbose", ["log_level='verbose' (argument)"]),
    ("instrument", ["fastapy"], ["instrument", "fastapy", "(argument)"]),
    ("headers", "token", ["headers", "(argument)"]),
    ("resource_attributes", ["team"], ["resource_attributes=['team'] (argument)"]),
    ("shutdown_timeout_millis", -1, ["shutdown_timeout_millis=-1 (argument)"]),
    ("span_processors", [object()], ["span_processors", "(argument)"]),
    ("views", "all", ["views", "(argument)"]),
    ("id_generator", 7, ["id_generator=7 (argument)"]),
]
#: Contents of pyproject.toml that cannot be used.
FILES = [
    ("[tool.pepperpy_otel]\nprotocol = 4\n", ["tool.pepperpy_otel.protocol", "4"]),
    ("[tool.pepperpy_otel]\nhealth = 'perhaps'\n", ["tool.pepperpy_otel.health"]),
    ("[tool.pepperpy_otel]\nprometheus_port = 'x'\n", ["tool.pepperpy_otel.prometheus_port"]),
    ("[tool.pepperpy_otel]\nservice_nme = 'x'\n", ["service_nme", "service_name"]),
    ("[tool.pepperpy_otel\nservice_name = 'x'\n", ["pyproject.toml"]),
]


@pytest.fixture(autouse=True)
def _elsewhere(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, receiver: Receiver
) -> Iterator[None]:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", receiver.endpoint)
    yield
    pepperpy_otel.rollback()


def _configure(**arguments: Any) -> None:
    """Without instrumentation, and without metrics where the case is not about them."""
    given = {"instrument": False, **arguments}
    if "traces" not in given:
        given["metrics"] = given.get("metrics", "none")
    pepperpy_otel.configure(**given)


def _one_line(capsys: pytest.CaptureFixture[str], words: list[str]) -> str:
    [line] = capsys.readouterr().err.splitlines()
    for word in words:
        assert word in line
    assert "Traceback" not in line
    return str(line)


def _the_app_runs() -> None:
    telemetry = pepperpy_otel.get_telemetry()
    assert telemetry is not None
    with trace.get_tracer("app").start_as_current_span("work"):
        logging.getLogger("app").warning("works")


@pytest.mark.parametrize(("variable", "value", "words"), ENVIRONMENT)
def test_a_bad_variable_is_one_line(
    variable: str,
    value: str,
    words: list[str],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """The line names the variable, its value and the fix; the app runs with the default."""
    monkeypatch.setenv(variable, value)
    arguments: dict[str, Any] = {}
    if "METRIC" in variable or "PROMETHEUS" in variable:
        arguments["metrics"] = None
    _configure(**arguments)
    line = _one_line(capsys, [variable, "(environment)", *words])
    with capsys.disabled():
        _the_app_runs()
    pepperpy_otel.rollback()
    capsys.readouterr()
    with pytest.raises(ConfigurationError) as raised:
        _configure(**{"metrics": None, **arguments, "strict": True})
    assert str(raised.value) in line
    assert pepperpy_otel.get_telemetry() is None


def test_a_bad_strict_variable_is_one_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Even the variable that asks for exceptions is only warned about when it is unclear."""
    monkeypatch.setenv("PEPPERPY_OTEL_STRICT", "2")
    _configure()
    _one_line(capsys, ["PEPPERPY_OTEL_STRICT='2' (environment)"])
    _the_app_runs()


@pytest.mark.parametrize(("argument", "value", "words"), ARGUMENTS)
def test_a_bad_argument_is_one_line(
    argument: str, value: Any, words: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    """The line names the argument, its value and the fix; the app runs with the default."""
    _configure(**{argument: value})
    line = _one_line(capsys, words)
    _the_app_runs()
    pepperpy_otel.rollback()
    capsys.readouterr()
    with pytest.raises(ConfigurationError) as raised:
        _configure(strict=True, **{argument: value})
    assert str(raised.value) in line


@pytest.mark.parametrize(("content", "words"), FILES)
def test_a_bad_pyproject_is_one_line(
    content: str, words: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The line names the key, its value and the fix; the app runs with the default."""
    (tmp_path / "pyproject.toml").write_text(content)
    _configure()
    _one_line(capsys, words)
    _the_app_runs()


@pytest.mark.parametrize("argument", ["1.5", "half", "-1"])
def test_a_ratio_out_of_range_is_one_line(
    argument: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The sampler's argument is checked where the sampler takes a ratio."""
    monkeypatch.setenv("OTEL_TRACES_SAMPLER", "traceidratio")
    monkeypatch.setenv("OTEL_TRACES_SAMPLER_ARG", argument)
    _configure()
    _one_line(capsys, ["OTEL_TRACES_SAMPLER_ARG", f"'{argument}'"])
    _the_app_runs()


def test_a_secret_in_a_bad_header_is_not_printed(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Header values are masked, also in the line that complains about them."""
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_HEADERS", "authorization=s3cr3t,broken")
    _configure()
    assert "s3cr3t" not in _one_line(capsys, ["OTEL_EXPORTER_OTLP_HEADERS"])


def test_milliseconds_for_the_timeout_are_understood(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """1000 and more is read as the specification's milliseconds, and one line says so."""
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_TIMEOUT", "3000")
    _configure()
    _one_line(capsys, ["OTEL_EXPORTER_OTLP_TIMEOUT", "3000"])
    telemetry = pepperpy_otel.get_telemetry()
    assert telemetry is not None
    assert telemetry.settings.otlp["traces"].timeout == 3.0


def test_several_bad_settings_are_a_line_each(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """One mistake does not hide another."""
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_PROTOCOL", "gprc")
    monkeypatch.setenv("OTEL_TRACES_SAMPLER", "always")
    monkeypatch.setenv("PEPPERPY_OTEL_CONSOLE_LOGS", "yaml")
    _configure()
    assert len(capsys.readouterr().err.splitlines()) == 3
