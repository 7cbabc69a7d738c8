"""The rows of the table of settings that speak of health."""

from __future__ import annotations

from pepperpy_otel._settings_row import argument, variable

HEALTH = (
    argument("health", "scalars.flag", True, "Whether health checks run."),
    argument(
        "health_port",
        "scalars.port",
        None,
        "Port of the health endpoints; setting it starts them. 0 takes any free port.",
    ),
    argument(
        "health_host",
        "scalars.host",
        "localhost",
        "Host name or address that the health endpoints bind; probes of Kubernetes need `0.0.0.0`.",
    ),
    variable(
        "PEPPERPY_OTEL_HEALTH_TOKEN",
        "health_token",
        "scalars.text",
        None,
        "Bearer token with which a client of the health endpoints is told reasons and data; unset"
        " tells nobody.",
        secret=True,
    ),
    variable(
        "PEPPERPY_OTEL_HEALTH_STATUS_INSTRUMENT",
        "health_status_instrument",
        "scalars.choice",
        "gauge",
        "Instrument of `health.check.status`: `gauge`, or `updowncounter` as the semantic"
        " convention for status metrics has it.",
        what="an instrument",
        among=("gauge", "updowncounter"),
    ),
    variable(
        "PEPPERPY_OTEL_HEALTH_SPANS",
        "health_spans",
        "scalars.choice",
        "failure",
        "Which runs of health checks get a span: `off`, `change` for those that changed a status,"
        " `failure` for those that failed too.",
        what="a choice of health spans",
        among=("off", "change", "failure"),
    ),
)
