"""Levels of the standard library as OpenTelemetry's severities.

The same table as ``opentelemetry.instrumentation.log_utils.std_to_otel`` (a test compares them),
without the 25 ms that importing the instrumentation package costs at start-up.
"""

from __future__ import annotations

from opentelemetry._logs import SeverityNumber

from pepperpy_otel.logging.values import safe_text

_FIRST = {10: SeverityNumber.DEBUG, 20: SeverityNumber.INFO, 30: SeverityNumber.WARN}
_FIRST |= {40: SeverityNumber.ERROR, 50: SeverityNumber.FATAL}
#: Four severities for each ten levels: 20 is INFO, 21 INFO2, 22 INFO3, 23 to 29 INFO4.
_TABLE = {
    first + step: SeverityNumber(severity.value + min(step, 3))
    for first, severity in _FIRST.items()
    for step in range(10)
}
#: The names that the log data model displays, where they differ from Python's.
_TEXT = {"WARNING": "WARN", "CRITICAL": "FATAL"}


def severity_number(level: object) -> SeverityNumber:
    """The severity of a level; below DEBUG it is unspecified, above CRITICAL it is FATAL4."""
    if not isinstance(level, int):  # a record that somebody made by hand
        return SeverityNumber.UNSPECIFIED
    known = _TABLE.get(level)
    if known is not None:
        return known
    return SeverityNumber.UNSPECIFIED if level < 10 else SeverityNumber.FATAL4


def severity_text(level_name: object) -> str:
    """The name of a level as the log data model writes it."""
    if type(level_name) is not str:
        return safe_text(level_name)
    return _TEXT.get(level_name, level_name)
