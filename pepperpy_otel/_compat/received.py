"""The private method by which a metric reader is handed what was collected."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable


def edit_received(reader: Any, edit: Callable[[Any], Any]) -> None:
    """Have a metric reader of somebody else's get edited data.

    Private: ``MetricReader._receive_metrics``, which every reader implements and ``collect()``
    calls.
    """
    receive = reader._receive_metrics

    def received(data: Any, *args: Any, **kwargs: Any) -> Any:
        return receive(edit(data), *args, **kwargs)

    reader._receive_metrics = received
