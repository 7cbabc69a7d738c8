"""OTLP settings: general and per signal, endpoints by protocol, headers, timeouts."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from pepperpy_otel.errors import Problems
from pepperpy_otel.settings import OtlpSettings, Settings

if TYPE_CHECKING:
    from collections.abc import Mapping

GENERAL = "OTEL_EXPORTER_OTLP_ENDPOINT"
TRACES = "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT"
SIGNALS = ("traces", "metrics", "logs")


def resolve(
    environ: Mapping[str, str] | None = None, *, lines: int = 0, **arguments: Any
) -> Settings:
    """Resolve settings about which ``lines`` lines are said."""
    problems = Problems()
    settings = Settings.resolve(
        arguments, environ=environ or {}, directory=Path("/no/such"), problems=problems
    )
    assert len(problems.errors) == lines, problems.errors
    return settings


def test_by_default_it_is_the_collector_on_this_machine() -> None:
    """http/protobuf to port 4318, with the path of each signal, in plain text."""
    assert resolve().otlp["metrics"] == OtlpSettings(
        endpoint="http://localhost:4318/v1/metrics",
        protocol="http/protobuf",
        headers={},
        timeout=10.0,
        compression="none",
        certificate=None,
        client_key=None,
        client_certificate=None,
        insecure=True,
        endpoint_given=False,
        credential_provider=None,
    )
    assert list(resolve().otlp) == list(SIGNALS)


def test_grpc_has_a_port_of_its_own() -> None:
    """4317, and no path."""
    for signal, otlp in resolve(protocol="grpc").otlp.items():
        assert (otlp.endpoint, otlp.insecure, signal) == ("http://localhost:4317", True, signal)
        assert not otlp.endpoint_given


@pytest.mark.parametrize(
    ("endpoint", "traces"),
    [
        ("http://c:4318", "http://c:4318/v1/traces"),
        ("http://c:4318/", "http://c:4318/v1/traces"),
        ("http://c:4318/otlp/", "http://c:4318/otlp/v1/traces"),
        ("HTTPS://c/otlp?tenant=a#x", "https://c/otlp/v1/traces?tenant=a"),
        ("http://[::1]:4318", "http://[::1]:4318/v1/traces"),
        ("http://user:pass@c", "http://user:pass@c/v1/traces"),
    ],
)
def test_the_general_endpoint_gets_the_path_of_the_signal(endpoint: str, traces: str) -> None:
    """Whatever path it has already stays in front."""
    otlp = resolve(endpoint=endpoint).otlp["traces"]
    assert otlp.endpoint == traces
    assert otlp.endpoint_given


def test_the_endpoint_of_a_signal_is_used_as_it_is() -> None:
    """No path is appended; the other signals keep the general one."""
    otlp = resolve({GENERAL: "http://c:1", TRACES: "http://t:2/"}).otlp
    assert otlp["traces"].endpoint == "http://t:2/"
    assert otlp["logs"].endpoint == "http://c:1/v1/logs"


def test_the_source_counts_before_the_signal() -> None:
    """An argument for all wins over the variable for one, which wins over the variable for all."""
    otlp = resolve({GENERAL: "http://c:1", TRACES: "http://t:2/x"}, endpoint="http://a").otlp
    assert otlp["traces"].endpoint == "http://a/v1/traces"


@pytest.mark.parametrize(
    ("endpoint", "setting", "insecure"),
    [
        ("http://c:4317", None, True),
        ("http://c:4317", "false", True),
        ("https://c:4317", None, False),
        ("https://c:4317", "true", False),
        ("c:4317", None, False),
        ("c:4317", "TRUE", True),
        ("unix:///run/c.sock", "true", True),
        ("dns:c:4317", None, False),
        ("dns:///c:4317", None, False),
    ],
)
def test_the_scheme_says_whether_grpc_is_in_plain_text(
    endpoint: str, setting: str | None, insecure: bool
) -> None:
    """Without http or https it is the setting, and without that it is encrypted."""
    environ = {GENERAL: endpoint, **({"OTEL_EXPORTER_OTLP_INSECURE": setting} if setting else {})}
    otlp = resolve(environ, protocol="grpc").otlp["logs"]
    assert (otlp.endpoint, otlp.insecure) == (endpoint, insecure)


def test_an_endpoint_fits_each_signal_or_not() -> None:
    """A signal with another protocol, or that does not leave by OTLP, is judged by itself."""
    environ = {GENERAL: "c:4317", "OTEL_EXPORTER_OTLP_TRACES_PROTOCOL": "grpc"}
    otlp = resolve(environ, metrics="none", logs="console").otlp
    assert otlp["traces"].endpoint == "c:4317"
    assert otlp["logs"].endpoint == "http://localhost:4318/v1/logs"
    assert resolve(environ, lines=1).otlp["metrics"].endpoint.startswith("http://localhost")


def test_a_bad_endpoint_of_a_signal_leaves_the_general_one() -> None:
    """Bad counts as not set."""
    otlp = resolve({GENERAL: "http://c:1", TRACES: "t"}, lines=1).otlp
    assert otlp["traces"].endpoint == "http://c:1/v1/traces"


def test_everything_can_be_set_for_one_signal() -> None:
    """The others keep the general value."""
    settings = resolve(
        {
            "OTEL_EXPORTER_OTLP_PROTOCOL": "grpc",
            "OTEL_EXPORTER_OTLP_LOGS_PROTOCOL": "http/protobuf",
            "OTEL_EXPORTER_OTLP_HEADERS": "a=1,b=2",
            "OTEL_EXPORTER_OTLP_LOGS_HEADERS": "c=3",
            "OTEL_EXPORTER_OTLP_TIMEOUT": "3",
            "OTEL_EXPORTER_OTLP_LOGS_TIMEOUT": "0",
            "OTEL_EXPORTER_OTLP_COMPRESSION": "gzip",
            "OTEL_EXPORTER_OTLP_LOGS_COMPRESSION": "none",
        }
    )
    assert settings.protocol == "grpc"
    logs, traces = settings.otlp["logs"], settings.otlp["traces"]
    assert (logs.protocol, traces.protocol) == ("http/protobuf", "grpc")
    assert (logs.headers, traces.headers) == ({"c": "3"}, {"a": "1", "b": "2"})
    assert (logs.timeout, traces.timeout) == (2147483.0, 3.0)
    assert (logs.compression, traces.compression) == ("none", "gzip")


@pytest.mark.parametrize(
    ("text", "headers"),
    [
        ("Authorization=Bearer%20abc", {"authorization": "Bearer abc"}),
        ("a=1, b = 2 ,,", {"a": "1", "b": "2"}),
        ("a=x=y==", {"a": "x=y=="}),
        ("a=", {"a": ""}),
        ("a=not encoded 100%", {"a": "not encoded 100%"}),
        ("a=gr%C3%BC%C3%9Fe", {"a": "grüße"}),
        ("x%2Dkey=1", {"x-key": "1"}),
    ],
)
def test_headers_are_read_as_the_sdk_reads_them(text: str, headers: dict[str, str]) -> None:
    """W3C Baggage, URL-decoded, names in lower case; values with spaces are taken literally."""
    assert resolve({"OTEL_EXPORTER_OTLP_HEADERS": text}).otlp["traces"].headers == headers
    from opentelemetry.util.re import parse_env_headers

    assert parse_env_headers(text, liberal=True) == headers


def test_a_bad_pair_of_headers_leaves_the_good_ones() -> None:
    """One line for the bad one."""
    otlp = resolve({"OTEL_EXPORTER_OTLP_HEADERS": "a=1,b,c=3"}, lines=1).otlp
    assert otlp["traces"].headers == {"a": "1", "c": "3"}


def test_headers_may_be_a_mapping() -> None:
    """Values as they are, nothing decoded."""
    assert resolve(headers={"X-Key": "a%20b"}).otlp["logs"].headers == {"x-key": "a%20b"}


@pytest.mark.parametrize("strict", [False, True])
def test_milliseconds_are_understood_and_said(strict: bool) -> None:
    """1000 and more is the specification's unit: one line, and no error, also when strict."""
    problems = Problems(strict=strict)
    settings = Settings.resolve(
        {},
        environ={
            "OTEL_EXPORTER_OTLP_TIMEOUT": "10000",
            "OTEL_EXPORTER_OTLP_TRACES_TIMEOUT": "999",
        },
        directory=Path("/no/such"),
        problems=problems,
    )
    assert settings.otlp["metrics"].timeout == 10.0
    assert settings.otlp["traces"].timeout == 999.0
    [line] = map(str, problems.errors)
    assert line == (
        "OTEL_EXPORTER_OTLP_TIMEOUT='10000' (environment) is read as milliseconds, being 1000 or"
        " more; for seconds write 10"
    )
    Settings.resolve(
        {},
        environ={"OTEL_EXPORTER_OTLP_TIMEOUT": "10000"},
        directory=Path("/no/such"),
        problems=problems,
    )
    assert len(problems.errors) == 1


@pytest.mark.parametrize(
    ("name", "protocol", "port"),
    [("otlp_proto_grpc", "grpc", 4317), ("otlp_proto_http", "http/protobuf", 4318)],
)
def test_an_exporter_may_name_the_protocol(name: str, protocol: str, port: int) -> None:
    """As in the SDK it then wins for that signal, and is the OTLP exporter in the end."""
    settings = resolve(traces=[name, "console"])
    assert settings.traces == ("otlp", "console")
    assert settings.otlp["traces"].protocol == protocol
    assert f":{port}" in settings.otlp["traces"].endpoint
    assert settings.otlp["logs"].protocol == "http/protobuf"
    assert resolve(traces=name, protocol=protocol).traces == ("otlp",)


def test_exporters_that_name_several_protocols_stay_apart() -> None:
    """They are several destinations."""
    names = ("otlp_proto_grpc", "otlp_proto_http")
    settings = resolve(traces=names)
    assert settings.traces == names
    assert settings.otlp["traces"].protocol == "http/protobuf"


def test_each_protocol_has_its_credential_provider(monkeypatch: pytest.MonkeyPatch) -> None:
    """The one of the signal wins over the general one of the protocol."""
    monkeypatch.setattr("pepperpy_otel._settings_names.installed", lambda _: ["a", "b", "c"])
    environ = {
        "OTEL_PYTHON_EXPORTER_OTLP_GRPC_CREDENTIAL_PROVIDER": "a",
        "OTEL_PYTHON_EXPORTER_OTLP_GRPC_LOGS_CREDENTIAL_PROVIDER": "b",
        "OTEL_PYTHON_EXPORTER_OTLP_HTTP_CREDENTIAL_PROVIDER": "c",
        "OTEL_EXPORTER_OTLP_METRICS_PROTOCOL": "http/protobuf",
        "OTEL_EXPORTER_OTLP_PROTOCOL": "grpc",
    }
    otlp = resolve(environ).otlp
    assert [otlp[signal].credential_provider for signal in SIGNALS] == ["a", "c", "b"]
