"""Names for Prometheus: metrics, units and labels.

The names are those that opentelemetry-exporter-prometheus 0.66 gives, so that dashboards stay
right; written out here because there they are private, and because a new version of it must not
rename a user's metrics. Rules: OpenTelemetry's "Prometheus and OpenMetrics Compatibility",
https://opentelemetry.io/docs/specs/otel/compatibility/prometheus_and_openmetrics/.
"""

from __future__ import annotations

import json
import re
from functools import lru_cache
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable

_NOT_IN_NAMES = re.compile(r"[^a-zA-Z0-9:]+")
_NOT_IN_LABELS = re.compile(r"[^a-zA-Z0-9]+")
_ANNOTATION = re.compile(r"{.*}")

_UNITS = {
    "d": "days",
    "h": "hours",
    "min": "minutes",
    "s": "seconds",
    "ms": "milliseconds",
    "us": "microseconds",
    "ns": "nanoseconds",
    "By": "bytes",
    "KiBy": "kibibytes",
    "MiBy": "mebibytes",
    "GiBy": "gibibytes",
    "TiBy": "tibibytes",
    "KBy": "kilobytes",
    "MBy": "megabytes",
    "GBy": "gigabytes",
    "TBy": "terabytes",
    "m": "meters",
    "V": "volts",
    "A": "amperes",
    "J": "joules",
    "W": "watts",
    "g": "grams",
    "Cel": "celsius",
    "Hz": "hertz",
    "1": "",
    "%": "percent",
}
_PER_UNITS = {
    "s": "second",
    "m": "minute",
    "h": "hour",
    "d": "day",
    "w": "week",
    "mo": "month",
    "y": "year",
}


def metric_name(name: str) -> str:
    """The name of a metric, without unit and ``_total``."""
    return _NOT_IN_NAMES.sub("_", _without_leading_digit(name))


@lru_cache(maxsize=4096)  # asked for every attribute of every point at every scrape
def label_name(key: str) -> str:
    """The name of a label for an attribute."""
    return _NOT_IN_LABELS.sub("_", _without_leading_digit(key))


def _without_leading_digit(name: str) -> str:
    return f"_{name[1:]}" if name[:1].isdigit() else name


def unit_name(unit: str) -> str:
    """The unit as a suffix of names: ``By/s`` is ``bytes_per_second``, ``{request}`` is nothing."""
    unit = _ANNOTATION.sub("", unit)
    if unit in _UNITS:
        return _UNITS[unit]
    top, slash, bottom = unit.partition("/")
    bottom = _NOT_IN_NAMES.sub("_", bottom)
    if slash and bottom:
        top = _NOT_IN_NAMES.sub("_", top)
        top = _UNITS.get(top, top)
        bottom = _PER_UNITS.get(bottom, bottom)
        return f"{top}_per_{bottom}" if top else f"per_{bottom}"
    return _NOT_IN_NAMES.sub("_", unit).strip("_")


def family_name(name: str, unit: str, *, counter: bool) -> tuple[str, str]:
    """The name of a family, and its unit for OpenMetrics.

    Args:
        name: The instrument's name.
        unit: The instrument's unit.
        counter: Counters get ``_total`` at each sample and must not have it twice.

    Returns:
        Name and unit; the unit is empty where the name does not end with it, as OpenMetrics asks.
    """
    family, suffix = metric_name(name), unit_name(unit)
    if counter:
        family = family.removesuffix("_total")
    if family == suffix:  # bytes.total in By: not bytes_bytes_total
        return family, ""
    if suffix and not family.endswith(f"_{suffix}"):
        family = f"{family}_{suffix}"
    return family, suffix


def labels(attributes: Iterable[tuple[str, Any]]) -> dict[str, str]:
    """Labels for attributes; values of names that become the same are joined with ``;``."""
    named: dict[str, str] = {}
    sources: dict[str, list[tuple[str, str]]] = {}
    for key, value in attributes:
        name = label_name(key)
        text = label_value(value)
        named[name] = text
        sources.setdefault(name, []).append((key, text))
    if len(sources) < sum(map(len, sources.values())):
        for name, pairs in sources.items():
            named[name] = ";".join(text for _, text in sorted(pairs))
    return named


def label_value(value: Any) -> str:
    """A label's value: text as it is, everything else as JSON; always encodable as UTF-8."""
    return encodable(value if isinstance(value, str) else json.dumps(value, default=str))


def encodable(text: str) -> str:
    """Text without lone surrogates, one of which would make the whole page unencodable."""
    return text if text.isascii() else text.encode("utf-8", "replace").decode("utf-8")
