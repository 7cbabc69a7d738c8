"""Rows for moving over from what was there before, and for knowing that everything is there."""

from __future__ import annotations

from pepperpy_otel._settings_row import argument, variable

MOVING = (
    argument(
        "legacy",
        "legacy.hooks",
        None,
        "What did this job before: functions and handlers that are switched off while telemetry"
        " runs and on again by `rollback()`; objects (argument only), or references as"
        " `package.module:name`, comma-separated.",
    ),
    variable(
        "PEPPERPY_OTEL_EXPECT",
        "expect",
        "legacy.expectations",
        None,
        "What has to be seen, for `telemetry.coverage()` and `pepperpy-otel coverage`: a table"
        " with lists `metrics`, `operations`, `log_events` and `components`; as JSON in the"
        " environment.",
    ),
)
