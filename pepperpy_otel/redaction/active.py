"""The redactor that is at work in this process, for whatever prints or keeps text by itself.

The pipeline is handed its redactor; the JSON line, the aggregator and the health summaries are
used before ``configure()`` too, so they ask here. ``None`` costs them one look.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pepperpy_otel import _forks

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from opentelemetry.sdk.metrics.export import MetricsData

    from pepperpy_otel.redaction.redactor import Redactor

#: Read by everybody, set by ``activate()`` alone.
redactor: Redactor | None = None


def activate(wanted: Redactor) -> Callable[[], None]:
    """Let ``wanted`` look through what is printed and kept, from now on.

    Returns:
        What ends it.
    """
    global redactor
    before, redactor = redactor, wanted
    _forks.follow(wanted)

    def deactivate() -> None:
        global redactor
        if redactor is wanted:
            redactor = before

    return deactivate


def counts() -> dict[str, int]:
    """How much was taken out, by reason."""
    return {} if redactor is None else redactor.counts()


def metrics(data: MetricsData | None) -> MetricsData | None:
    """Collected metrics without secrets, if somebody asked for that."""
    return data if redactor is None or data is None else redactor.metrics(data)


def text(value: str) -> str:
    """``value`` without secrets, if somebody asked for that."""
    return value if redactor is None else redactor.text(value)


def fields(values: Mapping[str, Any]) -> Mapping[str, Any]:
    """The same for names and values."""
    return values if redactor is None else redactor.attributes(values)
