"""The rows of the specification's variables that belong together: OTLP, batches, limits, metrics.

None but endpoint, protocol and headers is an argument of configure().
"""

from __future__ import annotations

from typing import Any

from pepperpy_otel._settings_row import SIGNALS, Row, variable

_SPECIFIC = {
    "endpoint": "Where OTLP goes for this signal: a URL as it is; for `grpc` also `host:port`.",
}
_ARGUMENTS = frozenset({"endpoint", "protocol", "headers"})
_SECRET = frozenset({"endpoint", "headers"})


def _otlp(name: str, parser: str, default: Any, doc: str, **options: Any) -> Row:
    """A row of OTLP; each is there once more for each signal (``traces_timeout``)."""
    return Row(
        name=name,
        variable=f"OTEL_EXPORTER_OTLP_{name.upper()}",
        parser=parser,
        default=default,
        doc=doc,
        options=options,
        argument=name in _ARGUMENTS,
        secret=name in _SECRET,
    )


def _otlp_of(signal: str, general: Row) -> Row:
    return Row(
        name=f"{signal}_{general.name}",
        variable=general.variable.replace("_OTLP_", f"_OTLP_{signal.upper()}_"),
        parser=general.parser,
        default=None,
        doc=_SPECIFIC.get(general.name, f"`{general.name}` for {signal} only."),
        options=general.options,
        secret=general.secret,
    )


def _provider(transport: str, signal: str = "") -> Row:
    middle = f"{transport}_{signal}".strip("_").upper()
    return variable(
        f"OTEL_PYTHON_EXPORTER_OTLP_{middle}_CREDENTIAL_PROVIDER",
        f"{signal}_{transport}_credential_provider".strip("_"),
        "names.entry_point",
        None,
        f"Entry point that makes the credentials of `{transport}`"
        + (f" for {signal} only." if signal else "."),
        group="opentelemetry_otlp_credential_provider",
        what="credential provider",
    )


OTLP = (
    _otlp(
        "endpoint",
        "otlp.endpoint",
        None,
        "Where OTLP goes: a URL; for `grpc` also `host:port`. `/v1/<signal>` is appended for"
        " `http/protobuf`. Unset is `http://localhost:4318`, for `grpc` `http://localhost:4317`.",
    ),
    _otlp(
        "protocol",
        "scalars.choice",
        "http/protobuf",
        "Wire protocol: `http/protobuf` or `grpc`.",
        what="a protocol",
        among=("grpc", "http/protobuf"),
    ),
    _otlp(
        "headers",
        "pairs.headers",
        None,
        "Headers sent with every export: `name=value,name=value` with URL-encoded values, or a"
        " table.",
    ),
    _otlp(
        "timeout",
        "otlp.timeout",
        10.0,
        "Seconds for one export, retries included; 0 for no limit. 1000 and more is read as"
        " milliseconds, and one line says so.",
    ),
    _otlp(
        "compression",
        "scalars.choice",
        "none",
        "`gzip` or `none`.",
        what="a supported compression",
        among=("gzip", "none"),
    ),
    _otlp(
        "certificate",
        "files.certificate",
        None,
        "Path of the CA certificates (PEM) that the server is verified with; unset is the"
        " system's.",
    ),
    _otlp("client_key", "files.readable", None, "Path of the client's private key (PEM)."),
    _otlp(
        "client_certificate",
        "files.readable",
        None,
        "Path of the client's certificate chain (PEM).",
    ),
    _otlp(
        "insecure",
        "scalars.specified_flag",
        False,
        "For `grpc` and an endpoint without a scheme: `true` sends in plain text.",
    ),
)
OTLP_OF_SIGNALS = tuple(_otlp_of(signal, row) for signal in SIGNALS for row in OTLP)
CREDENTIALS = tuple(
    _provider(transport, signal) for transport in ("http", "grpc") for signal in ("", *SIGNALS)
)


def _count(env: str, name: str, default: int | None, doc: str, minimum: int = 0) -> Row:
    return variable(env, name, "scalars.integer", default, doc, minimum=minimum)


def _millis(env: str, name: str, default: int, doc: str, minimum: int = 0) -> Row:
    return variable(
        env, name, "scalars.integer", default, doc, minimum=minimum, unit="milliseconds"
    )


def _batch(prefix: str, what: str, delay: int) -> tuple[Row, ...]:
    name, env = prefix.lower(), f"OTEL_{prefix}"
    return (
        _millis(
            f"{env}_SCHEDULE_DELAY",
            f"{name}_schedule_delay",
            delay,
            f"Milliseconds between two exports of {what}.",
            1,
        ),
        _millis(
            f"{env}_EXPORT_TIMEOUT",
            f"{name}_export_timeout",
            30000,
            f"Milliseconds for one export of {what}; 0 for no limit.",
        ),
        _count(
            f"{env}_MAX_QUEUE_SIZE",
            f"{name}_max_queue_size",
            2048,
            f"Number of {what} that wait for export at most.",
            1,
        ),
        _count(
            f"{env}_MAX_EXPORT_BATCH_SIZE",
            f"{name}_max_export_batch_size",
            512,
            f"Number of {what} in one export at most; not more than the queue holds.",
            1,
        ),
    )


BATCHES = (*_batch("BSP", "spans", 5000), *_batch("BLRP", "log records", 1000))

LIMITS = tuple(
    _count(f"OTEL_{name.upper()}", name, default, doc)
    for name, default, doc in (
        ("attribute_count_limit", 128, "Number of attributes of anything at most."),
        (
            "attribute_value_length_limit",
            None,
            "Characters of an attribute's text at most; unset is no limit.",
        ),
        ("span_attribute_count_limit", None, "Number of attributes of a span at most."),
        ("span_attribute_value_length_limit", None, "Characters of a span attribute at most."),
        ("span_event_count_limit", 128, "Number of events of a span at most."),
        ("span_link_count_limit", 128, "Number of links of a span at most."),
        ("event_attribute_count_limit", None, "Number of attributes of a span's event at most."),
        ("link_attribute_count_limit", None, "Number of attributes of a span's link at most."),
        ("logrecord_attribute_count_limit", None, "Number of attributes of a log record at most."),
        (
            "logrecord_attribute_value_length_limit",
            None,
            "Characters of a log record's attribute at most.",
        ),
    )
)

METRICS = (
    _millis(
        "OTEL_METRIC_EXPORT_INTERVAL",
        "metric_export_interval",
        60000,
        "Milliseconds between two exports of metrics.",
        1,
    ),
    _millis(
        "OTEL_METRIC_EXPORT_TIMEOUT",
        "metric_export_timeout",
        30000,
        "Milliseconds for one export of metrics; 0 for no limit.",
    ),
    variable(
        "OTEL_METRICS_EXEMPLAR_FILTER",
        "exemplar_filter",
        "scalars.choice",
        "trace_based",
        "Which measurements can become exemplars: `trace_based`, `always_on`, `always_off`.",
        what="an exemplar filter",
        among=("trace_based", "always_on", "always_off"),
    ),
    variable(
        "OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE",
        "temporality",
        "scalars.choice",
        "cumulative",
        "Temporality that OTLP prefers: `cumulative`, `delta`, `lowmemory`.",
        what="a temporality",
        among=("cumulative", "delta", "lowmemory"),
    ),
    variable(
        "OTEL_EXPORTER_OTLP_METRICS_DEFAULT_HISTOGRAM_AGGREGATION",
        "histogram_aggregation",
        "scalars.choice",
        "explicit_bucket_histogram",
        "Histograms that OTLP prefers: `explicit_bucket_histogram` or"
        " `base2_exponential_bucket_histogram`.",
        what="a histogram aggregation",
        among=("explicit_bucket_histogram", "base2_exponential_bucket_histogram"),
    ),
)

PYTHON = (
    variable(
        "OTEL_PYTHON_SDK_INTERNAL_METRICS_ENABLED",
        "internal_metrics",
        "scalars.specified_flag",
        False,
        "`true` records the SDK's metrics of itself, `otel.sdk.*`.",
    ),
    *(
        variable(
            f"OTEL_PYTHON_{what.upper()}_CONFIGURATOR",
            f"{what}_configurator",
            "names.entry_point",
            None,
            f"Entry point of a {what} configurator (experimental).",
            group=f"_opentelemetry_{what}_configurator",
            what=f"{what} configurator",
        )
        for what in ("tracer", "meter", "logger")
    ),
    variable(
        "OTEL_PYTHON_EXPORTER_OTLP_GRPC_RETRYABLE_ERROR_CODES",
        "grpc_retryable_codes",
        "otlp.grpc_codes",
        (),
        "gRPC status codes, comma-separated, after which an export is tried again; unset is what"
        " the OTLP specification says.",
    ),
)
