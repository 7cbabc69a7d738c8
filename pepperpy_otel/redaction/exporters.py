"""Exporters of others, which are handed what was looked through.

For providers that somebody else built (``OTEL_CONFIG_FILE``): there is no processor of ours before
their queues, so that it is done when a batch leaves these.
"""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable

    from pepperpy_otel.redaction.redactor import Redactor


def cover(exporter: Any, signal: str, redactor: Redactor) -> None:
    """Have an exporter's ``export()`` given what may leave.

    Args:
        exporter: Of the SDK's kind.
        signal: ``traces``, ``metrics`` or ``logs``.
        redactor: Looks through.
    """
    export = exporter.export
    fit = {"traces": _spans, "logs": _records, "metrics": _metrics}[signal]

    def redacted(batch: Any, *args: Any, **kwargs: Any) -> Any:
        return export(fit(redactor, batch), *args, **kwargs)

    exporter.export = redacted


def _spans(redactor: Redactor, batch: Iterable[Any]) -> list[Any]:
    return _kept(map(redactor.spans, batch))


def _records(redactor: Redactor, batch: Iterable[Any]) -> list[Any]:
    return _kept(redactor.logs(_own(item)) for item in batch)


def _metrics(redactor: Redactor, data: Any) -> Any:
    return redactor.metrics(data)


def _kept(items: Iterable[Any]) -> list[Any]:
    return [item for item in items if item is not None]


def _own(item: Any) -> Any:
    """A copy with a record of its own, which shares body and attributes."""
    own = copy.copy(item)
    vars(own)["log_record"] = copy.copy(item.log_record)
    return own
