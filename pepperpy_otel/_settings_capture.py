"""The rows of the table of settings that speak of further sources of log records."""

from __future__ import annotations

from pepperpy_otel._settings_row import argument

CAPTURE = (
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
