"""Whatever is wrong with a setting: one line that helps, and the default holds."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from pepperpy_otel import _settings_names
from pepperpy_otel.errors import ConfigurationError, Problems
from pepperpy_otel.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Mapping

#: What is installed in this test, whatever is installed on the machine.
INSTALLED = {
    "opentelemetry_traces_exporter": ["console", "otlp", "zipkin"],
    "opentelemetry_metrics_exporter": ["console", "otlp", "prometheus"],
    "opentelemetry_logs_exporter": ["console", "otlp"],
    "opentelemetry_traces_sampler": ["always_on", "shop_sampler"],
    "opentelemetry_propagator": ["b3", "baggage", "tracecontext"],
    "opentelemetry_resource_detector": ["aws_ec2", "otel"],
    "opentelemetry_id_generator": ["random", "xray"],
    "opentelemetry_instrumentor": ["fastapi", "requests", "sqlite3"],
}

ENVIRONMENT, ARGUMENT, PYPROJECT = "environment", "argument", "pyproject.toml"

WHOLE = "is not a whole number; use a whole number of"
EXPORTERS = "'console', 'otlp', 'otlp-file', 'otlp_proto_grpc' or 'otlp_proto_http'"
LEVELS = "use 'DEBUG', 'INFO', 'WARNING', 'ERROR', 'CRITICAL' or a number of 0 or more"
PORT = "is not a port; use a whole number from 0 (any free port) to 65535"
URL = "use a URL such as 'http://localhost:4318'"
PAIR = "write name=value pairs separated by commas, such as 'authorization=Bearer%20TOKEN'"


@dataclass
class Case:
    """One bad setting: where it is given, what is said, and what holds instead."""

    setting: str
    value: Any
    source: str
    said: str
    shown: Any = None
    affects: str = ""
    instead: Any = field(default_factory=lambda: DEFAULT)
    beside: Mapping[str, str] = field(default_factory=dict)
    name: str = ""

    @property
    def line(self) -> str:
        shown = self.value if self.shown is None else self.shown
        return f"{self.name or self.setting}={shown!r} ({self.source}) {self.said}"


DEFAULT = object()


def env(setting: str, value: str, said: str, affects: str, **more: Any) -> Case:
    """A bad variable."""
    return Case(setting, value, ENVIRONMENT, said, affects=affects, **more)


def arg(setting: str, value: Any, said: str, affects: str = "", **more: Any) -> Case:
    """A bad argument."""
    return Case(setting, value, ARGUMENT, said, affects=affects or setting, **more)


def toml(setting: str, text: str, value: Any, said: str, affects: str = "", **more: Any) -> Case:
    """A bad key, as it is written in the file and as it is read."""
    case = Case(f"{setting} = {text}", value, PYPROJECT, said, affects=affects or setting, **more)
    case.name = case.name or f"tool.pepperpy_otel.{setting}"
    case.shown = value if case.shown is None else case.shown
    return case


class _HalfAProcessor:
    def on_start(self) -> None:
        """Nothing else."""


class _Sampler:
    def should_sample(self) -> None:
        """As samplers do."""

    def get_description(self) -> str:
        """As samplers do."""
        return "test"


CASES = [
    # protocol, endpoint
    env(
        "OTEL_EXPORTER_OTLP_PROTOCOL",
        "gprc",
        "is not a protocol; use 'grpc' or 'http/protobuf'",
        "otlp",
    ),
    env(
        "OTEL_EXPORTER_OTLP_TRACES_PROTOCOL",
        "htp/protobuf",
        "is not a protocol; use 'http/protobuf' or 'grpc'",
        "otlp",
    ),
    arg("protocol", 4, "is not a protocol; use 'grpc' or 'http/protobuf'"),
    toml("protocol", "true", True, "is not a protocol; use 'grpc' or 'http/protobuf'"),
    env(
        "OTEL_EXPORTER_OTLP_ENDPOINT",
        "localhost:4318",
        "has no scheme; use 'http://localhost:4318' or 'https://localhost:4318'",
        "otlp",
    ),
    env(
        "OTEL_EXPORTER_OTLP_LOGS_ENDPOINT",
        "collector",
        "has no scheme; use 'http://collector:4318' or 'https://collector:4318'",
        "otlp",
    ),
    env(
        "OTEL_EXPORTER_OTLP_ENDPOINT",
        "htp://localhost:4318",
        f"is not an http:// or https:// URL; {URL}",
        "otlp",
    ),
    env(
        "OTEL_EXPORTER_OTLP_ENDPOINT",
        "unix:///run/otel.sock",
        f"is no endpoint for http/protobuf; {URL}",
        "otlp",
    ),
    env(
        "OTEL_EXPORTER_OTLP_ENDPOINT",
        "dns:collector",
        f"is no endpoint for http/protobuf; {URL}",
        "otlp",
    ),
    env(
        "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT",
        "http://localhost:port/v1/traces",
        f"is not a URL (Port could not be cast to integer value as 'port'); {URL}",
        "otlp",
    ),
    env(
        "OTEL_EXPORTER_OTLP_ENDPOINT",
        "localhost:65536",
        f"is not a URL (Port out of range 0-65535); {URL}",
        "otlp",
        beside={"OTEL_EXPORTER_OTLP_PROTOCOL": "grpc"},
    ),
    env("OTEL_EXPORTER_OTLP_ENDPOINT", "http://:4318", f"is a URL without a host; {URL}", "otlp"),
    env(
        "OTEL_EXPORTER_OTLP_ENDPOINT",
        "http://localhost:0",
        f"has port 0, to which nothing can be sent; {URL}",
        "otlp",
    ),
    env("OTEL_EXPORTER_OTLP_ENDPOINT", "http://local host", f"is not a URL; {URL}", "otlp"),
    env(
        "OTEL_EXPORTER_OTLP_ENDPOINT",
        "ftp://user:s3cr3t@host/x?token=s3cr3t",
        f"is not an http:// or https:// URL; {URL}",
        "otlp",
        shown="ftp://***@host/x?***",
    ),
    env(
        "OTEL_EXPORTER_OTLP_ENDPOINT",
        "user:s3cr3t@host:4318",
        "has no scheme; use 'http://***@host:4318' or 'https://***@host:4318'",
        "otlp",
        shown="***@host:4318",
    ),
    arg("endpoint", 4318, f"is not a URL; {URL}", "otlp"),
    arg("endpoint", "", f"is not a URL; {URL}", "otlp"),
    # headers: never a value
    env(
        "OTEL_EXPORTER_OTLP_HEADERS",
        "s3cr3t",
        f"is not a name=value pair; {PAIR}",
        "otlp",
        shown="***",
    ),
    env(
        "OTEL_EXPORTER_OTLP_HEADERS",
        "my key=s3cr3t",
        f"has no valid header name; {PAIR}",
        "otlp",
        shown="my key=***",
    ),
    env(
        "OTEL_EXPORTER_OTLP_METRICS_HEADERS",
        'token="s3cr3t"',
        "has a value with characters that must be URL-encoded; write %22 for a double quote,"
        " %3B for a semicolon, %5C for a backslash",
        "otlp",
        shown="token=***",
    ),
    env(
        "OTEL_EXPORTER_OTLP_HEADERS",
        "token=s3cr3t%0Ax",
        "has a value with characters that must be URL-encoded; write %22 for a double quote,"
        " %3B for a semicolon, %5C for a backslash",
        "otlp",
        shown="token=***",
    ),
    arg(
        "headers",
        ["token=s3cr3t"],
        "is not a mapping of headers; pass a mapping of text to values",
        "otlp",
        shown="***",
    ),
    arg(
        "headers",
        {"authorization": 7},
        "is not a header value; use text without line breaks and other control characters",
        "otlp",
        shown="***",
        name="headers['authorization']",
    ),
    arg(
        "headers",
        {"": "s3cr3t"},
        f"has no valid header name; {PAIR}",
        "otlp",
        shown={"": "***"},
    ),
    arg(
        "headers",
        {7: "s3cr3t"},
        f"has no valid header name; {PAIR}",
        "otlp",
        shown={7: "***"},
    ),
    toml(
        "headers",
        '{authorization = "s3cr3t\\n"}',
        {},
        "is not a header value; use text without line breaks and other control characters",
        "otlp",
        shown="***",
        name="tool.pepperpy_otel.headers.authorization",
    ),
    toml(
        "headers",
        "5",
        5,
        "is not a mapping of headers; write a table, or key=value pairs separated by commas",
        "otlp",
        shown="***",
    ),
    # OTLP: the rest
    env(
        "OTEL_EXPORTER_OTLP_TIMEOUT",
        "ten",
        "is not a number; use a number of seconds, 0 for no limit",
        "otlp",
    ),
    env(
        "OTEL_EXPORTER_OTLP_LOGS_TIMEOUT",
        "-1",
        "is negative; use a number of seconds, 0 for no limit",
        "otlp",
    ),
    env(
        "OTEL_EXPORTER_OTLP_TIMEOUT",
        "nan",
        "is not a number; use a number of seconds, 0 for no limit",
        "otlp",
    ),
    env(
        "OTEL_EXPORTER_OTLP_COMPRESSION",
        "zstd",
        "is not a supported compression; use 'gzip' or 'none'",
        "otlp",
    ),
    env(
        "OTEL_EXPORTER_OTLP_CERTIFICATE",
        "/no/such/ca.pem",
        "cannot be read (No such file or directory); give the path of a readable file",
        "otlp",
    ),
    env(
        "OTEL_EXPORTER_OTLP_CLIENT_KEY",
        "/",
        "cannot be read (Is a directory); give the path of a readable file",
        "otlp",
    ),
    env(
        "OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE",
        "/no/such/cert.pem",
        "cannot be read (No such file or directory); give the path of a readable file",
        "otlp",
    ),
    env(
        "OTEL_EXPORTER_OTLP_CERTIFICATE",
        __file__,
        "holds no certificates in PEM format; give the path of a PEM file",
        "otlp",
    ),
    env(
        "OTEL_EXPORTER_OTLP_CLIENT_KEY",
        __file__,
        "is a key without a certificate; set the client certificate too",
        "otlp",
    ),
    env(
        "OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE",
        __file__,
        "holds no private key; set the client key too",
        "otlp",
    ),
    env(
        "OTEL_EXPORTER_OTLP_INSECURE",
        "yes",
        "is not a boolean; use 'true' or 'false'",
        "otlp",
    ),
    env(
        "OTEL_PYTHON_EXPORTER_OTLP_HTTP_TRACES_CREDENTIAL_PROVIDER",
        "gcp",
        "is not an installed credential provider; none is installed: install one or leave it out",
        "otlp",
    ),
    env(
        "OTEL_PYTHON_EXPORTER_OTLP_GRPC_RETRYABLE_ERROR_CODES",
        "UNAVAILABLE,BUSY",
        "names 'BUSY', which is not a gRPC status code; use names such as 'UNAVAILABLE',"
        " separated by commas",
        "grpc_retryable_codes",
        instead=("UNAVAILABLE",),
    ),
    # exporters
    env(
        "OTEL_TRACES_EXPORTER",
        "oltp",
        "is not an installed exporter of traces; did you mean 'otlp'?",
        "traces",
    ),
    env(
        "OTEL_TRACES_EXPORTER",
        "otlp,zipkn",
        "names 'zipkn', which is not an installed exporter of traces; did you mean 'zipkin'?",
        "traces",
        instead=("otlp",),
    ),
    env(
        "OTEL_LOGS_EXPORTER",
        "prometheus",
        f"is not an installed exporter of logs; use {EXPORTERS}",
        "logs",
    ),
    env(
        "OTEL_TRACES_EXPORTER",
        "none,otlp",
        "mixes 'none' with other exporters; use 'none' alone or leave it out",
        "traces",
    ),
    env(
        "OTEL_METRICS_EXPORTER",
        "otlp-fil",
        "is not an installed exporter of metrics; did you mean 'otlp-file'?",
        "metrics",
    ),
    env(
        "PEPPERPY_OTEL_FILE_MAX_BYTES",
        "64MB",
        "is not a whole number; use a whole number of 0 or more",
        "file_max_bytes",
    ),
    env(
        "PEPPERPY_OTEL_FILE_MAX_FILES",
        "-1",
        "is negative; use a whole number of 0 or more",
        "file_max_files",
    ),
    env(
        "OTEL_LOGS_EXPORTER",
        ",",
        "is empty; write names separated by commas, or leave it out",
        "logs",
    ),
    env(
        "OTEL_LOGS_EXPORTER",
        "z" * 100,
        f"is not an installed exporter of logs; use {EXPORTERS}",
        "logs",
    ),
    arg(
        "traces",
        ["oltp"],
        "names 'oltp', which is not an installed exporter of traces; did you mean 'otlp'?",
    ),
    arg(
        "metrics",
        7,
        "is not a list of names; write names separated by commas, or a list",
    ),
    arg(
        "logs",
        ["otlp", None],
        "is not a list of names; write names separated by commas, or a list",
    ),
    env(
        "OTEL_EXPORTER_OTLP_TRACES_PROTOCOL",
        "grpc",
        "contradicts 'otlp_proto_http' in OTEL_TRACES_EXPORTER, which wins; use 'http/protobuf',"
        " or 'otlp' in OTEL_TRACES_EXPORTER",
        "otlp",
        beside={"OTEL_TRACES_EXPORTER": "otlp_proto_http"},
    ),
    arg("exporter", "fast", "is not an exporter implementation; use 'pepperpy' or 'stock'"),
    # Prometheus, health: ports and hosts
    env("OTEL_EXPORTER_PROMETHEUS_PORT", "http", PORT, "prometheus_port"),
    env("OTEL_EXPORTER_PROMETHEUS_PORT", "94_64", PORT, "prometheus_port"),
    arg("prometheus_port", 65536, PORT),
    arg("prometheus_port", -1, PORT),
    arg("prometheus_port", True, PORT),
    arg("prometheus_port", 9464.5, PORT),
    arg("prometheus_port", 10**400, PORT, shown=None),
    toml("health_port", '"http"', "http", PORT),
    arg(
        "prometheus_host",
        "http://localhost",
        "is not a host; use a host name or an address, such as 'localhost' or '0.0.0.0'",
    ),
    env(
        "PEPPERPY_OTEL_HEALTH_HOST",
        "localhost:8080",
        "is not a host; use a host name or an address, such as 'localhost' or '0.0.0.0'",
        "health_host",
    ),
    arg("health", "yes", "is not a boolean; use True or False"),
    toml("health", '"true"', "true", "is not a boolean; use true or false"),
    env(
        "PEPPERPY_OTEL_HEALTH",
        "perhaps",
        "is not a boolean; use 'true' or 'false'",
        "health",
    ),
    # traces
    env(
        "OTEL_TRACES_SAMPLER",
        "always",
        "is not an installed sampler; did you mean 'always_on'?",
        "sampler",
    ),
    arg("sampler", 1.5, "is not a ratio; use a number from 0 to 1"),
    arg("sampler", _Sampler, "is a class; pass a sampler, made of it, or the name of one"),
    arg("sampler", b"on", "is not a sampler; pass a sampler or the name of one"),
    toml("sampler", "[1]", [1], "is not the name of a sampler; write its name as a string"),
    env(
        "OTEL_TRACES_SAMPLER_ARG",
        "1.01",
        "is not a ratio; use a number from 0 to 1",
        "sampler_arg",
        beside={"OTEL_TRACES_SAMPLER": "traceidratio"},
    ),
    env(
        "OTEL_TRACES_SAMPLER_ARG",
        "half",
        "is not a number; use a number from 0 to 1",
        "sampler_arg",
        beside={"OTEL_TRACES_SAMPLER": "parentbased_traceidratio"},
    ),
    env(
        "OTEL_TRACES_SAMPLER_ARG",
        "0.5",
        "has no effect without a sampler; set OTEL_TRACES_SAMPLER, for example to"
        " 'parentbased_traceidratio'",
        "sampler_arg",
    ),
    env(
        "OTEL_TRACES_SAMPLER",
        "traceidrtio",
        "is not an installed sampler; did you mean 'traceidratio'?",
        "sampler_arg",
        beside={"OTEL_TRACES_SAMPLER_ARG": "0.5"},
    ),
    toml("sampler_arg", "false", False, "is not text; write it as a string"),
    env(
        "OTEL_PROPAGATORS",
        "tracecontxt,b3",
        "names 'tracecontxt', which is not an installed propagator; did you mean 'tracecontext'?",
        "propagators",
        instead=("b3",),
    ),
    env(
        "OTEL_PROPAGATORS",
        "none,b3",
        "mixes 'none' with other propagators; use 'none' alone or leave it out",
        "propagators",
    ),
    env(
        "OTEL_PYTHON_ID_GENERATOR",
        "xraay",
        "is not an installed id generator; did you mean 'xray'?",
        "id_generator",
    ),
    arg("id_generator", 7, "is not an id generator; pass an id generator or the name of one"),
    # numbers
    env(
        "OTEL_BSP_SCHEDULE_DELAY",
        "-5",
        "is negative; use a whole number of milliseconds, 1 or more",
        "bsp",
    ),
    env(
        "OTEL_BSP_SCHEDULE_DELAY",
        "5s",
        "is not a whole number; use a whole number of milliseconds, 1 or more",
        "bsp",
    ),
    env(
        "OTEL_BSP_MAX_QUEUE_SIZE",
        "0",
        "is too small; use a whole number of 1 or more",
        "bsp",
    ),
    env(
        "OTEL_BSP_MAX_EXPORT_BATCH_SIZE",
        "4096",
        "is more than the queue holds (2048); use 2048 or less, or a larger queue",
        "bsp",
    ),
    env("OTEL_BLRP_MAX_EXPORT_BATCH_SIZE", "many", f"{WHOLE} 1 or more", "blrp"),
    env(
        "OTEL_BLRP_EXPORT_TIMEOUT",
        "-1",
        "is negative; use a whole number of milliseconds, 0 or more",
        "blrp",
    ),
    env(
        "OTEL_METRIC_EXPORT_INTERVAL",
        "1.5",
        "is not a whole number; use a whole number of milliseconds, 1 or more",
        "metric_export_interval",
    ),
    env(
        "OTEL_METRIC_EXPORT_TIMEOUT",
        "inf",
        "is not a whole number; use a whole number of milliseconds, 0 or more",
        "metric_export_timeout",
    ),
    env("OTEL_SPAN_EVENT_COUNT_LIMIT", "lots", f"{WHOLE} 0 or more", "span_limits"),
    env(
        "OTEL_ATTRIBUTE_VALUE_LENGTH_LIMIT",
        "-1",
        "is negative; use a whole number of 0 or more",
        "log_limits",
    ),
    arg(
        "shutdown_timeout_millis",
        [2000],
        "is not a whole number; use a whole number of milliseconds, 0 or more",
    ),
    toml("bsp_max_queue_size", '"big"', "big", f"{WHOLE} 1 or more", "bsp"),
    # metrics
    env(
        "OTEL_METRICS_EXEMPLAR_FILTER",
        "trace-based",
        "is not an exemplar filter; use 'trace_based', 'always_on' or 'always_off'",
        "exemplar_filter",
    ),
    env(
        "OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE",
        "low",
        "is not a temporality; use 'cumulative', 'delta' or 'lowmemory'",
        "temporality",
    ),
    env(
        "OTEL_EXPORTER_OTLP_METRICS_DEFAULT_HISTOGRAM_AGGREGATION",
        "base2",
        "is not a histogram aggregation; use 'explicit_bucket_histogram' or"
        " 'base2_exponential_bucket_histogram'",
        "histogram_aggregation",
    ),
    # logs
    env("OTEL_LOG_LEVEL", "loud", f"is not a log level; {LEVELS}", "otel_log_level"),
    arg("log_level", -10, f"is not a log level; {LEVELS}"),
    arg("log_level", True, f"is not a log level; {LEVELS}"),
    env(
        "PEPPERPY_OTEL_CONSOLE_LOGS",
        "jsn",
        "is not a console format; use 'json', 'text' or 'none'",
        "console_logs",
    ),
    # resource
    env(
        "OTEL_RESOURCE_ATTRIBUTES",
        "team=shop,region",
        "is not a key=value pair; write key=value pairs separated by commas, values URL-encoded",
        "resource_attributes",
        shown="region",
        instead={"team": "shop"},
    ),
    arg(
        "resource_attributes",
        {"team": "shop", "owner": object},
        "is not an attribute value; use text, a number, a boolean or a list of one of these",
        shown=object,
        name="resource_attributes['owner']",
        instead={"team": "shop"},
    ),
    arg(
        "resource_attributes",
        {"team": "shop", 7: "x"},
        "has a key that is not text; use text for keys",
        shown={7: "x"},
        instead={"team": "shop"},
    ),
    arg(
        "resource_attributes",
        ["team"],
        "is not a mapping of attributes; pass a mapping of text to values",
    ),
    arg("service_name", 7, "is not text; write it as a string"),
    arg("service_version", "  ", "is empty; write a text or leave it out"),
    toml("environment", "['prod']", ["prod"], "is not text; write it as a string"),
    env(
        "OTEL_EXPERIMENTAL_RESOURCE_DETECTORS",
        "aws_ec3",
        "is not an installed resource detector; did you mean 'aws_ec2'?",
        "resource_detectors",
    ),
    # instrumentation
    env(
        "PEPPERPY_OTEL_INSTRUMENT",
        "fastapy",
        "is not an installed instrumentation; did you mean 'fastapi'?",
        "instrument",
    ),
    arg(
        "instrument",
        ["sqlite3", "celery"],
        "names 'celery', which is not an installed instrumentation; use 'fastapi', 'requests' or"
        " 'sqlite3'",
        instead=("sqlite3",),
    ),
    arg(
        "instrument",
        {"sqlite3", 7},
        "is not a list of names; write names separated by commas, or a list",
    ),
    env(
        "OTEL_PYTHON_EXCLUDED_URLS",
        "/health,(",
        "holds '(', which is no regular expression (missing ), unterminated subpattern at"
        " position 0); escape special characters with a backslash",
        "excluded_urls",
        instead=("/health",),
    ),
    # the user's own parts
    arg(
        "span_processors",
        "all",
        "is not a list of span_processors; pass a list",
    ),
    arg(
        "span_processors",
        [_HalfAProcessor],
        "is a class; pass a span processor, made of it",
        shown=_HalfAProcessor,
    ),
    arg("views", ["*"], "is not a metric view; pass a metric view", shown="*"),
    env(
        "PEPPERPY_OTEL_METRIC_READERS",
        "shop.readers",
        "is not a reference; write package.module:name",
        "metric_readers",
    ),
    env(
        "PEPPERPY_OTEL_LOG_RECORD_PROCESSORS",
        "no_such_module:make",
        "cannot be loaded (ModuleNotFoundError: No module named 'no_such_module'); write"
        " package.module:name of an object, or of what makes one without arguments",
        "log_record_processors",
    ),
    env(
        "PEPPERPY_OTEL_SPAN_PROCESSORS",
        "collections:OrderedDict",
        "is not a span processor; pass a span processor",
        "span_processors",
    ),
    # paths, the whole
    arg("spool_directory", __file__, "is not a directory; give the path of a directory"),
    arg("spool_directory", b"spool", "is not a path; give a path as a string"),
    arg("spool_directory", "a\0b", "is not a directory; give the path of a directory"),
    env(
        "OTEL_CONFIG_FILE",
        "/no/such/otel.yaml",
        "cannot be read (No such file or directory); give the path of a readable file",
        "config_file",
    ),
    env(
        "OTEL_SDK_DISABLED",
        "maybe",
        "is not a boolean; use 'true' or 'false'",
        "sdk_disabled",
    ),
    toml("sdk_disabled", '"true"', "true", "is not a boolean; use true or false"),
    env("PEPPERPY_OTEL_STRICT", "2", "is not a boolean; use 'true' or 'false'", "strict"),
    env(
        "PEPPERPY_OTEL_SPOOL_DIR",
        "s3cr3t",
        "is not a setting; use PEPPERPY_OTEL_SPOOL_DIRECTORY",
        "spool_directory",
        shown="***",
    ),
    env(
        "PEPPERPY_OTEL_SPOOL",
        "s3cr3t",
        "is not a setting; use PEPPERPY_OTEL_SPOOL_DIRECTORY",
        "spool_directory",
        shown="***",
    ),
    env(
        "PEPPERPY_OTEL_ENDPOINT",
        "http://localhost",
        "is not a setting; use OTEL_EXPORTER_OTLP_ENDPOINT",
        "otlp",
        shown="***",
    ),
    # the file
    toml("service_nme", "'shop'", "shop", "is not a setting; did you mean 'service_name'?", "otlp"),
    toml("header", "'s3cr3t'", "***", "is not a setting; did you mean 'headers'?", "otlp"),
    toml(
        "quux",
        "{token = 's3cr3t'}",
        {"token": "***"},
        "is not a setting; see docs/configuration.md for the keys",
        "otlp",
    ),
]


def _default() -> Settings:
    return Settings.resolve({}, environ={}, directory=Path("/no/such"), problems=Problems())


def _resolve(case: Case, directory: Path, problems: Problems) -> Settings:
    environ = dict(case.beside)
    arguments: dict[str, object] = {}
    if case.source == ENVIRONMENT:
        environ[case.setting] = case.value
    elif case.source == ARGUMENT:
        arguments[case.setting] = case.value
    else:
        (directory / "pyproject.toml").write_text(f"[tool.pepperpy_otel]\n{case.setting}\n")
    return Settings.resolve(arguments, environ=environ, directory=directory, problems=problems)


@pytest.fixture(autouse=True)
def _installed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_settings_names, "installed", lambda group: INSTALLED.get(group, []))


def _id(case: Case) -> str:
    return f"{case.setting[:60]}-{case.said[:40]}"


@pytest.mark.parametrize("case", CASES, ids=_id)
def test_one_line_says_what_is_wrong(
    case: Case, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The line has the exact name, value, source and fix, and there is no other."""
    problems = Problems()
    _resolve(case, tmp_path, problems)
    problems.report()
    shown = case.value if case.shown is None else case.shown
    if len(repr(shown)) <= 120:
        assert capsys.readouterr().err.splitlines() == [f"pepperpy_otel: {case.line}"]
    else:
        [line] = capsys.readouterr().err.splitlines()
        assert line.startswith(f"pepperpy_otel: {case.setting}={repr(shown)[:117]}...")
        assert line.endswith(f"({case.source}) {case.said}")
    assert "s3cr3t" not in "".join(map(str, problems.errors))


@pytest.mark.parametrize("case", CASES, ids=_id)
def test_the_default_holds_instead(case: Case, tmp_path: Path) -> None:
    """What is bad counts as not set; of a list or a mapping the good part stays."""
    settings = _resolve(case, tmp_path, Problems())
    beside = Settings.resolve(
        {}, environ=case.beside, directory=Path("/no/such"), problems=Problems()
    )
    wanted = getattr(beside, case.affects) if case.instead is DEFAULT else case.instead
    assert getattr(settings, case.affects) == wanted


@pytest.mark.parametrize("case", CASES, ids=_id)
def test_strict_raises_with_the_same_words(case: Case, tmp_path: Path) -> None:
    """A strict configuration ends with the line that the other one prints."""
    lenient = Problems()
    _resolve(case, tmp_path, lenient)
    with pytest.raises(ConfigurationError) as raised:
        _resolve(case, tmp_path, Problems(strict=True))
    assert [str(raised.value)] == list(map(str, lenient.errors))


def test_there_are_cases_enough() -> None:
    """The table does not shrink unnoticed."""
    assert len({case.line for case in CASES}) >= 45


def test_several_bad_settings_are_a_line_each(tmp_path: Path) -> None:
    """One mistake does not hide another, nor does one value say itself three times."""
    problems = Problems()
    Settings.resolve(
        {"protocol": "gprc"},
        environ={"OTEL_TRACES_SAMPLER": "always", "OTEL_RESOURCE_ATTRIBUTES": "a,b"},
        directory=tmp_path,
        problems=problems,
    )
    assert sorted(error.setting for error in problems.errors) == [
        "OTEL_RESOURCE_ATTRIBUTES",
        "OTEL_RESOURCE_ATTRIBUTES",
        "OTEL_TRACES_SAMPLER",
        "protocol",
    ]


def test_a_long_list_of_names_is_cut(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A page of installed instrumentations helps nobody."""
    names = [f"library{number:02}" for number in range(50)]
    monkeypatch.setattr(_settings_names, "installed", lambda _: names)
    problems = Problems()
    Settings.resolve({"instrument": "xyz"}, environ={}, directory=tmp_path, problems=problems)
    [error] = problems.errors
    assert error.fix.startswith("use 'library00', 'library01',")
    assert error.fix.endswith("'library11' …")
    monkeypatch.setattr(_settings_names, "installed", lambda _: names[:12])
    problems = Problems()
    Settings.resolve({"instrument": "xyz"}, environ={}, directory=tmp_path, problems=problems)
    [error] = problems.errors
    assert error.fix.endswith("'library10' or 'library11'")


def test_variables_of_others_with_our_prefix_are_theirs(tmp_path: Path) -> None:
    """Only what was meant for a setting is worth a line."""
    environ = {"PEPPERPY_OTEL_REQUIRE_SERVERS": "1", "PEPPERPY_OTEL_TEMP": "1"}
    problems = Problems(strict=True)
    Settings.resolve({}, environ=environ, directory=tmp_path, problems=problems)


class _Evil:
    """An object that raises whatever is done with it."""

    def __getattr__(self, name: str) -> Any:
        raise RuntimeError(name)

    def __repr__(self) -> str:
        raise RuntimeError("repr")

    def __eq__(self, other: object) -> bool:
        raise RuntimeError("eq")

    def __hash__(self) -> int:
        raise RuntimeError("hash")

    def __str__(self) -> str:
        raise RuntimeError("str")

    def __bool__(self) -> bool:
        raise RuntimeError("bool")

    def __fspath__(self) -> str:
        raise RuntimeError("fspath")


@pytest.mark.parametrize("name", sorted(_default().values))
def test_no_argument_is_strange_enough_to_raise(name: str, tmp_path: Path) -> None:
    """An object that raises on every touch is one problem for every setting."""
    problems = Problems()
    Settings.resolve({name: _Evil()}, environ={}, directory=tmp_path, problems=problems)
    [error] = problems.errors
    assert error.setting == name
