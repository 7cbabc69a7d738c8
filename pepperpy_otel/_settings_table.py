"""The table of settings: one row for each.

``Settings.resolve()`` reads by it, ``docs/configuration.md`` is generated from it, and error
messages name what stands in it. ``GROUPS`` has the rows in the order of the documentation,
``TABLE`` by name.
"""

from __future__ import annotations

from pepperpy_otel._settings_correlation import CORRELATION
from pepperpy_otel._settings_health import HEALTH
from pepperpy_otel._settings_logs import LOGS
from pepperpy_otel._settings_moving import MOVING
from pepperpy_otel._settings_redaction import REDACTION
from pepperpy_otel._settings_row import Row, argument, variable
from pepperpy_otel._settings_specification import (
    BATCHES,
    CREDENTIALS,
    LIMITS,
    METRICS,
    OTLP,
    OTLP_OF_SIGNALS,
    PYTHON,
)

RESOURCE = (
    argument(
        "service_name",
        "scalars.text",
        None,
        "Resource attribute `service.name`; wins over one in the resource attributes of the same"
        " source.",
        variable="OTEL_SERVICE_NAME",
    ),
    argument("service_version", "scalars.text", None, "Resource attribute `service.version`."),
    argument(
        "environment", "scalars.text", None, "Resource attribute `deployment.environment.name`."
    ),
    argument(
        "resource_attributes",
        "pairs.attributes",
        None,
        "Further resource attributes: `key=value,key=value` with URL-encoded values, or a table."
        " Those of all sources are merged.",
        variable="OTEL_RESOURCE_ATTRIBUTES",
        merged=True,
    ),
    variable(
        "OTEL_EXPERIMENTAL_RESOURCE_DETECTORS",
        "resource_detectors",
        "names.detectors",
        (),
        "Names of resource detectors to run beside the built-in ones; `*` for all installed.",
    ),
)

EXPORTERS = (
    *(
        argument(
            signal,
            "names.exporters",
            ("otlp",),
            f"Exporters of {what}, comma-separated: {known}, `none`, or any installed entry point.",
            variable=f"OTEL_{signal.upper()}_EXPORTER",
            signal=signal,
        )
        for signal, what, known in (
            ("traces", "spans", "`otlp`, `otlp-file`, `console`"),
            ("metrics", "metrics", "`otlp`, `otlp-file`, `console`, `prometheus`"),
            ("logs", "log records", "`otlp`, `otlp-file`, `console`"),
        )
    ),
    argument(
        "exporter",
        "scalars.choice",
        "pepperpy",
        "Who encodes and sends OTLP: `pepperpy`, or `stock` for opentelemetry-exporter-otlp.",
        what="an exporter implementation",
        among=("pepperpy", "stock"),
    ),
    argument(
        "prometheus_port",
        "scalars.port",
        None,
        "Port of the Prometheus endpoint; setting it starts the endpoint, and so does `prometheus`"
        " among the exporters of metrics (then 9464). 0 takes any free port.",
        variable="OTEL_EXPORTER_PROMETHEUS_PORT",
    ),
    argument(
        "prometheus_host",
        "scalars.host",
        "localhost",
        "Host name or address that the Prometheus endpoint binds.",
        variable="OTEL_EXPORTER_PROMETHEUS_HOST",
    ),
    variable(
        "PEPPERPY_OTEL_PROMETHEUS_DIRECTORY",
        "prometheus_directory",
        "files.directory",
        None,
        "Directory in which processes that serve one Prometheus page share their values; unset,"
        " workers of gunicorn and uvicorn find each other by themselves (Linux).",
    ),
    argument(
        "spool_directory",
        "files.directory",
        None,
        "Directory in which undelivered telemetry outlives the process, in the clear; off unless"
        " set.",
    ),
    variable(
        "PEPPERPY_OTEL_SPOOL_MAX_BYTES",
        "spool_max_bytes",
        "scalars.integer",
        512 * 1024 * 1024,
        "Bytes that one destination keeps in the spool at most, all processes together; the oldest"
        " go first.",
        minimum=1,
        unit="bytes",
    ),
    variable(
        "PEPPERPY_OTEL_SPOOL_MAX_AGE",
        "spool_max_age",
        "scalars.integer",
        72 * 3600,
        "Seconds after which what waits in the spool is dropped.",
        minimum=1,
        unit="seconds",
    ),
    variable(
        "PEPPERPY_OTEL_FILE_DIRECTORY",
        "file_directory",
        "files.directory",
        "otel-data",
        "Directory below which the exporter `otlp-file` writes.",
    ),
    variable(
        "PEPPERPY_OTEL_FILE_MAX_BYTES",
        "file_max_bytes",
        "scalars.integer",
        64 * 1024 * 1024,
        "Bytes from which on a file of `otlp-file` is put aside as `traces.1.jsonl` and so on; 0"
        " for no limit.",
    ),
    variable(
        "PEPPERPY_OTEL_FILE_MAX_FILES",
        "file_max_files",
        "scalars.integer",
        10,
        "Files put aside that `otlp-file` keeps for each signal; the oldest go.",
    ),
)

TRACING = (
    argument(
        "sampler",
        "names.sampler",
        None,
        "Sampler: an object (argument only), a name (`always_on`, `always_off`, `traceidratio`,"
        " each also with `parentbased_`, or an installed entry point), or a ratio from 0 to 1."
        " Unset is `parentbased_always_on`.",
        variable="OTEL_TRACES_SAMPLER",
    ),
    variable(
        "OTEL_TRACES_SAMPLER_ARG",
        "sampler_arg",
        "names.sampler_arg",
        None,
        "Argument of the sampler that is named: for the ratio samplers a number from 0 to 1.",
    ),
    variable(
        "OTEL_PROPAGATORS",
        "propagators",
        "names.propagators",
        ("tracecontext", "baggage"),
        "Propagators, comma-separated: `tracecontext`, `baggage`, `correlation`, `none`, or any"
        " installed entry point. Where it is unset, `correlation` is one of them.",
    ),
    argument(
        "id_generator",
        "names.id_generator",
        None,
        "Generator of trace and span ids: an object (argument only) or an installed entry point;"
        " unset is `random`.",
        variable="OTEL_PYTHON_ID_GENERATOR",
    ),
)

INSTRUMENTATION = (
    argument(
        "instrument",
        "names.instrument",
        True,
        "`true` for every installed instrumentation, `false` for none, or names, comma-separated.",
    ),
    variable(
        "OTEL_PYTHON_DISABLED_INSTRUMENTATIONS",
        "disabled_instrumentations",
        "names.words",
        (),
        "Names of instrumentations that are left out, comma-separated; `*` for all.",
    ),
    variable(
        "OTEL_PYTHON_EXCLUDED_URLS",
        "excluded_urls",
        "names.patterns",
        (),
        "Regular expressions, comma-separated, of URLs without spans in every HTTP"
        " instrumentation.",
    ),
)

_REFERENCE = "in environment and pyproject as `package.module:name`, comma-separated"
EXTENSIONS = tuple(
    argument(name, "objects.objects", (), f"{what} of your own, added to ours; {_REFERENCE}.")
    for name, what in (
        ("span_processors", "Span processors"),
        ("log_record_processors", "Log record processors"),
        ("metric_readers", "Metric readers"),
        ("views", "Metric views"),
    )
)

GENERAL = (
    argument(
        "strict",
        "scalars.flag",
        False,
        "Whether the first bad setting raises ConfigurationError; otherwise each is one warning"
        " and counts as not set.",
    ),
    argument(
        "shutdown_timeout_millis",
        "scalars.integer",
        None,
        "Milliseconds that shutdown may take, also at exit; unset is 2000 with the destination"
        " down and 5000 with a slow one.",
        unit="milliseconds",
    ),
    argument(
        "signal_handlers",
        "scalars.flag",
        True,
        "Whether a SIGTERM or SIGINT that ends the process delivers first what is finished; the"
        " exit status stays what it is.",
    ),
    variable(
        "OTEL_SDK_DISABLED",
        "sdk_disabled",
        "scalars.specified_flag",
        False,
        "`true` records nothing at all; propagators stay.",
    ),
    variable(
        "OTEL_CONFIG_FILE",
        "config_file",
        "files.readable",
        None,
        "Path of a declarative configuration file of OpenTelemetry, which then replaces the"
        " settings of the specification.",
    ),
)

GROUPS: tuple[tuple[str, tuple[Row, ...]], ...] = (
    ("General", GENERAL),
    ("Resource", RESOURCE),
    ("Exporters", EXPORTERS),
    ("OTLP", OTLP),
    ("OTLP for one signal", OTLP_OF_SIGNALS),
    ("OTLP credentials", CREDENTIALS),
    ("Traces", TRACING),
    ("Correlation", CORRELATION),
    ("Metrics", METRICS),
    ("Logs", LOGS),
    ("Redaction", REDACTION),
    ("Instrumentation", INSTRUMENTATION),
    ("Health", HEALTH),
    ("Your own parts", EXTENSIONS),
    ("Moving over", MOVING),
    ("Batches", BATCHES),
    ("Limits", LIMITS),
    ("Python SDK", PYTHON),
)

TABLE: dict[str, Row] = {row.name: row for _, rows in GROUPS for row in rows}
