"""Which scopes record: ``OTEL_PYTHON_{TRACER,METER,LOGGER}_CONFIGURATOR``, by entry point.

Experimental upstream, hence the underscore in the groups; an entry point is a function that says
for a scope, in ``.is_enabled``, whether its telemetry is wanted.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

from pepperpy_otel import _entry_points
from pepperpy_otel.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Callable

    from opentelemetry.sdk.util.instrumentation import InstrumentationScope

    from pepperpy_otel.errors import Problems
    from pepperpy_otel.settings import Settings

    Configurator = Callable[[InstrumentationScope], Any]


def configurator(
    settings: Settings, kind: Literal["tracer", "meter", "logger"], problems: Problems
) -> Configurator | None:
    """The configurator that the settings name, or ``None``: everything records.

    Args:
        settings: Resolved.
        kind: For whom it speaks.
        problems: Takes one that does not load.
    """
    setting = f"{kind}_configurator"
    name = getattr(settings, setting)
    if name is None:
        return None
    try:
        loaded = _entry_points.load(f"_opentelemetry_{setting}", name)
        if callable(loaded):
            chosen: Configurator = loaded
            return chosen
        reason = f"it is {type(loaded).__name__}, not a function"
    except Exception as error:
        reason = f"{type(error).__name__}: {error}"
    source = settings.source_of(setting)
    problems.add(
        ConfigurationError(
            source.name or setting,
            name,
            source.kind,
            f"cannot be loaded ({reason})",
            f"install what brings it or unset the variable; every {kind} records",
        )
    )
    return None
