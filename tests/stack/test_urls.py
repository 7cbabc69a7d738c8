"""The addresses as they are shown."""

from __future__ import annotations

import pytest

from pepperpy_otel.stack.rows import Row, table
from pepperpy_otel.stack.urls import app_line, lines, urls
from pepperpy_otel.stack.variables import numbers


@pytest.mark.parametrize(
    ("bind", "host"),
    [
        (None, "127.0.0.1"),
        ("0.0.0.0", "127.0.0.1"),
        ("::", "127.0.0.1"),
        ("192.168.1.5", "192.168.1.5"),
        ("::1", "[::1]"),
    ],
)
def test_the_host(bind, host):
    """What the stack listens on; of every interface, this machine's own."""
    variables = {} if bind is None else {"STACK_BIND": bind}

    assert urls(variables, numbers({}))["jaeger"] == f"http://{host}:16686"


def test_lines_and_the_setting():
    """Aligned; what is left out is not there."""
    found = urls({}, numbers({}), ["grafana", "jaeger", "prometheus", "loki", "shop", "otlp-grpc"])

    assert lines(found) == [
        "OTLP/HTTP         http://127.0.0.1:4318",
        "Collector health  http://127.0.0.1:13133",
        "Alertmanager      http://127.0.0.1:9093",
        "Agent OTLP/gRPC   http://127.0.0.1:14317",
        "Agent OTLP/HTTP   http://127.0.0.1:14318",
    ]
    assert app_line(found) == "OTEL_EXPORTER_OTLP_ENDPOINT=http://127.0.0.1:4318"


def test_the_table():
    """Columns as wide as they must be, nothing behind the last one."""
    assert table([Row("jaeger", "healthy", "2.13.0", "http://x"), Row("init", "done")]) == (
        "SERVICE  STATE    VERSION  URL\njaeger   healthy  2.13.0   http://x\ninit     done"
    )
