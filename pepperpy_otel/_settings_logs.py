"""The rows of the table of settings that speak of logs."""

from __future__ import annotations

from pepperpy_otel._settings_row import argument, variable

LOGS = (
    argument(
        "log_level",
        "scalars.level",
        None,
        "Level (name or number) from which log records reach the telemetry; unset leaves the"
        " app's own levels.",
    ),
    argument(
        "console_logs",
        "scalars.choice",
        "none",
        "What the app's console output becomes: `json`, one line a record; `text`; `none`, as it"
        " was.",
        what="a console format",
        among=("json", "text", "none"),
    ),
    variable(
        "OTEL_LOG_LEVEL",
        "otel_log_level",
        "scalars.level",
        None,
        "Level (name or number) of the loggers `opentelemetry` and `pepperpy_otel`; unset leaves"
        " them.",
    ),
    argument(
        "capture_warnings",
        "scalars.flag",
        False,
        "Whether what `warnings.warn()` shows becomes a log record too.",
    ),
    argument(
        "capture_exceptions",
        "scalars.flag",
        False,
        "Whether exceptions that nobody caught, of the program, its threads and its asyncio loops,"
        " become log records too, with the span in which they were raised.",
    ),
    argument(
        "repeated_logs",
        "scalars.integer",
        None,
        "How many like log records (same logger, level and words, whatever the numbers in them) are"
        " sent in ten seconds; the next one says how many were not. Unset sends all.",
        minimum=1,
    ),
)
