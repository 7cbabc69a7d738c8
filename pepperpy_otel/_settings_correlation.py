"""The rows of the table of settings that speak of correlation."""

from __future__ import annotations

from pepperpy_otel._settings_row import argument

CORRELATION = (
    argument(
        "correlation_id",
        "scalars.choice",
        "accept",
        "Where correlation ids come from: `accept` takes that of a request; `make` makes one for a"
        " request or message that has none; `replace` makes one for each and takes none; `off`"
        " takes, makes and sends none.",
        what="a source of correlation ids",
        among=("accept", "make", "replace", "off"),
    ),
    argument(
        "correlation_headers",
        "context.headers",
        ("x-correlation-id", "x-request-id"),
        "Headers in which an id is looked for, in this order; the first one is sent.",
    ),
    argument(
        "correlation_response",
        "scalars.flag",
        False,
        "Whether HTTP responses have the id in that header (ASGI, Flask, Django).",
    ),
    argument(
        "baggage_attributes",
        "context.keys",
        (),
        "Keys of baggage that become attributes of spans and log records, comma-separated;"
        " `order.*` is all that begin so.",
    ),
    argument(
        "propagation_hosts",
        "context.hosts",
        None,
        "Hosts that are sent baggage and correlation id, comma-separated: `host`, `host:port`,"
        " `*.domain`, `10.0.0.0/8`; `@messaging` for producers; `none` for nobody."
        " Unset is everybody.",
    ),
    argument(
        "context_patches",
        "context.patches",
        (),
        "Parts of the standard library that are patched to take the context along: `threads`,"
        " `processes`.",
    ),
)
