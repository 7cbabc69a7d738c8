"""Views and the cardinality limit: how many attribute sets one metric may have.

Every attribute set of a cumulative metric stays in memory for the life of the process, so an
attribute with a user's id in it is a leak. SDK 1.45.2 keeps 2,000 sets for each metric and adds
the measurements of all others to one point, ``otel.metric.overflow=true``; 1.45.1 keeps all, so
our provider does the same there (``_compat``). For another limit:

* of all metrics: ``build_readers(cardinality_limit=…)``;
* of one metric, SDK 1.45.2: ``View(instrument_name=…, aggregation_cardinality_limit=…)``;
* fewer attributes in the first place: ``View(instrument_name=…, attribute_keys={…})``.
"""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING, Any

from pepperpy_otel import _compat
from pepperpy_otel.errors import warn

if TYPE_CHECKING:
    from collections.abc import Sequence

    from opentelemetry.sdk.metrics.view import View

#: Attribute sets of one metric, as the SDK has it since 1.45.2.
DEFAULT_CARDINALITY_LIMIT = 2000


def reader_limits(limit: int) -> dict[str, Any]:
    """Arguments that give a ``MetricReader`` the limit, where the installed SDK takes them."""
    from opentelemetry.sdk.metrics.export import MetricReader

    if "cardinality_limits" not in inspect.signature(MetricReader.__init__).parameters:
        return {}
    return {"cardinality_limits": dict.fromkeys(_compat.sdk_instrument_classes(), limit)}


def sound_views(views: Sequence[Any]) -> list[View]:
    """The views that are views: a wrong one would make every measurement fail."""
    from opentelemetry.sdk.metrics.view import View

    wrong = [view for view in views if not isinstance(view, View)]
    for view in wrong:
        warn("views: a %s is no View and was left out", type(view).__name__)
    return [view for view in views if isinstance(view, View)]
