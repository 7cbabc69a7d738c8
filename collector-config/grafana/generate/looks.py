"""Colours, thresholds and value mappings: one meaning, one look, on every dashboard."""

from __future__ import annotations

from grafana_foundation_sdk.models.dashboard import (
    DashboardFieldConfigSourceOverrides,
    DynamicConfigValue,
    MatcherConfig,
    Threshold,
    ThresholdsConfig,
    ValueMap,
    ValueMapping,
    ValueMappingResult,
)

from .promql import HEALTH_CODES

HEALTH_COLORS = {
    "healthy": "green",
    "degraded": "yellow",
    "unknown": "purple",
    "unhealthy": "red",
}


def health_states() -> list[ValueMapping]:
    """Codes of ``promql.worst`` as words and colours."""
    options = {
        str(code): ValueMappingResult(text=state, color=HEALTH_COLORS[state], index=index)
        for index, (state, code) in enumerate(HEALTH_CODES.items())
    }
    return [ValueMap(options=options)]


def span_kinds() -> list[ValueMapping]:
    """The kinds of spans in words."""
    words = ("internal", "client", "producer", "consumer", "server")
    options = {f"SPAN_KIND_{word.upper()}": ValueMappingResult(text=word) for word in words}
    return [ValueMap(options=options)]


def steps(*limits: tuple[float, str], base: str = "green") -> ThresholdsConfig:
    """Colours from a value on.

    Args:
        limits: Value and colour, ascending.
        base: The colour below the first.
    """
    first = Threshold(value=None, color=base)
    return ThresholdsConfig(
        steps=[first, *(Threshold(value=value, color=color) for value, color in limits)]
    )


#: How a table's cell shows the colour of its value.
COLORED = {"type": "color-background", "mode": "basic"}
COLORED_TEXT = {"type": "color-text"}
#: For what has no good or bad.
NEUTRAL = steps(base="blue")
#: For what should be 0.
NONE_WANTED = steps((1, "red"))
#: For a share of failures, and for a queue that fills.
ERRORS = steps((0.001, "yellow"), (0.01, "orange"), (0.05, "red"))
FILLING = steps((0.5, "yellow"), (0.8, "red"))
#: For what is left of an error budget: 1 is all of it, below 0 it is overspent.
BUDGET = steps((0.0, "orange"), (0.25, "yellow"), (0.5, "green"), base="red")
#: Seconds for a request; the top is where people leave.
SECONDS = steps((0.5, "yellow"), (1, "orange"), (2.5, "red"))


def by_name(name: str, **properties: object) -> DashboardFieldConfigSourceOverrides:
    """Field options for one column or series.

    Args:
        name: The field's name as shown.
        properties: Options; ``__`` in a name is a dot (``custom__width``).
    """
    return _override("byName", name, properties)


def by_regexp(pattern: str, **properties: object) -> DashboardFieldConfigSourceOverrides:
    """Field options for all whose name matches; see ``by_name``."""
    return _override("byRegexp", pattern, properties)


def _override(
    matcher: str, name: str, properties: dict[str, object]
) -> DashboardFieldConfigSourceOverrides:
    return DashboardFieldConfigSourceOverrides(
        matcher=MatcherConfig(id_val=matcher, options=name),
        properties=[
            DynamicConfigValue(id_val=key.replace("__", "."), value=value)
            for key, value in properties.items()
        ],
    )
