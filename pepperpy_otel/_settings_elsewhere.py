"""Variables of OpenTelemetry for Python that are no settings of ours, and why.

For the documentation, and for the test that no variable is forgotten.
"""

from __future__ import annotations

#: Read by the instrumentations, the launcher or the API themselves; they work as they do without
#: us. ``<LIBRARY>`` stands for the name of an instrumentation in upper case.
ELSEWHERE = {
    "OTEL_SEMCONV_STABILITY_OPT_IN": (
        "Instrumentations: which semantic conventions they follow (`http`, `http/dup`, `database`,"
        " `database/dup` …)."
    ),
    "OTEL_PYTHON_<LIBRARY>_EXCLUDED_URLS": (
        "One HTTP instrumentation: regular expressions of URLs without spans; wins over"
        " `OTEL_PYTHON_EXCLUDED_URLS`."
    ),
    "OTEL_INSTRUMENTATION_HTTP_CAPTURE_HEADERS_SERVER_REQUEST": (
        "HTTP instrumentations: request headers recorded by servers."
    ),
    "OTEL_INSTRUMENTATION_HTTP_CAPTURE_HEADERS_SERVER_RESPONSE": (
        "HTTP instrumentations: response headers recorded by servers."
    ),
    "OTEL_INSTRUMENTATION_HTTP_CAPTURE_HEADERS_CLIENT_REQUEST": (
        "HTTP instrumentations: request headers recorded by clients."
    ),
    "OTEL_INSTRUMENTATION_HTTP_CAPTURE_HEADERS_CLIENT_RESPONSE": (
        "HTTP instrumentations: response headers recorded by clients."
    ),
    "OTEL_INSTRUMENTATION_HTTP_CAPTURE_HEADERS_SANITIZE_FIELDS": (
        "HTTP instrumentations: recorded headers whose values are hidden."
    ),
    "OTEL_PYTHON_INSTRUMENTATION_HTTP_CAPTURE_ALL_METHODS": (
        "HTTP instrumentations: keep unknown methods instead of `_OTHER`."
    ),
    "OTEL_PYTHON_DJANGO_INSTRUMENT": "Django instrumentation: `False` turns it off.",
    "OTEL_PYTHON_DJANGO_MIDDLEWARE_POSITION": "Django instrumentation: place of its middleware.",
    "OTEL_PYTHON_SYSTEM_METRICS_EXCLUDED_METRICS": "System metrics instrumentation: what to omit.",
    "OTEL_PYTHON_LOG_CORRELATION": "Logging instrumentation: trace ids in the app's own format.",
    "OTEL_PYTHON_LOG_FORMAT": "Logging instrumentation: that format.",
    "OTEL_PYTHON_LOG_LEVEL": "Logging instrumentation: level of its basicConfig().",
    "OTEL_PYTHON_LOG_AUTO_INSTRUMENTATION": "Logging instrumentation: a handler of its own.",
    "OTEL_PYTHON_LOG_CODE_ATTRIBUTES": "Logging instrumentation: code attributes of that handler.",
    "OTEL_PYTHON_LOG_HANDLER_LEVEL": "Logging instrumentation: level of that handler.",
    "OTEL_PYTHON_DISTRO": "opentelemetry-instrument: which distro it takes (`pepperpy_otel`).",
    "OTEL_PYTHON_CONFIGURATOR": "opentelemetry-instrument: which configurator it takes.",
    "OTEL_PYTHON_AUTO_INSTRUMENTATION_EXPERIMENTAL_GEVENT_PATCH": (
        "opentelemetry-instrument: `patch_all` patches gevent first."
    ),
    "OTEL_PYTHON_CONTEXT": "OpenTelemetry API: implementation of the context.",
}

#: Defined by the API or the SDK, and without effect once pepperpy-otel is configured.
IGNORED = {
    "OTEL_PYTHON_TRACER_PROVIDER": "the provider is the one that configure() sets",
    "OTEL_PYTHON_METER_PROVIDER": "the provider is the one that configure() sets",
    "OTEL_PYTHON_LOGGER_PROVIDER": "the provider is the one that configure() sets",
    "OTEL_PYTHON_LOGGING_AUTO_INSTRUMENTATION_ENABLED": (
        "deprecated upstream; our handler is always there, `OTEL_LOGS_EXPORTER=none` sends nothing"
    ),
    "OTEL_EXPORTER_ZIPKIN_ENDPOINT": "the Python SDK has no Zipkin exporter any more",
    "OTEL_EXPORTER_ZIPKIN_TIMEOUT": "the Python SDK has no Zipkin exporter any more",
}
