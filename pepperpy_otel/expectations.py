"""What is critical, and whether it was really seen: ``telemetry.expect()``, ``coverage()``.

A dashboard shows what is there; nobody sees what is not. So a team declares its critical metrics,
operations, log events and components once, and is told which of them never showed up.

On the way of a span or a record it costs one look into a dict; metrics are looked at when they are
collected, components in the snapshot of health.
"""

from __future__ import annotations

import re
import threading
import time
import weakref
from typing import TYPE_CHECKING, Any

from pepperpy_otel.errors import guarded, report_internal
from pepperpy_otel.health import HealthStatus

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from opentelemetry.metrics import CallbackOptions, MeterProvider, Observation
    from opentelemetry.sdk.metrics.export import MetricsData

    from pepperpy_otel.covered import CoverageReport
    from pepperpy_otel.telemetry import Telemetry

#: The kinds, in the order of every answer, and what one of each is called.
KINDS = {
    "metrics": "metric",
    "operations": "operation",
    "log_events": "log event",
    "components": "component",
}
#: The gauges: how many are declared, and how many of them were never seen.
SCOPE = "pepperpy_otel.coverage"
EXPECTED, MISSING = "pepperpy.coverage.expected", "pepperpy.coverage.missing"
KIND = "pepperpy.coverage.kind"

_DIRECTIVE = r"(?<!%)%(?:\(\w+\))?[-#0 +]*(?:\d+|\*)?(?:\.(?:\d+|\*))?[hlL]?[a-zA-Z]|\{[^{}]*\}"


class Names:
    """Names of one kind, and when each was last seen (UNIX seconds).

    Messages of logs are declared as the code has them, and arrive with their values in them.
    """

    def __init__(self) -> None:
        self.seen: dict[str, float | None] = {}
        self._templates: tuple[tuple[tuple[str, ...], str], ...] = ()

    def add(self, names: Iterable[str], *, templates: bool = False) -> None:
        """Declare some more."""
        for name in names:
            self.seen.setdefault(name, None)
            if templates and (parts := parts_of(name)) is not None:
                self._templates = (*self._templates, (parts, name))

    def mark(self, name: Any, at: float) -> bool:
        """It was seen, if it is one that is declared; whether it is."""
        if type(name) is str and name in self.seen:
            self.seen[name] = at
            return True
        return False

    def mark_message(self, text: Any, at: float) -> None:
        """A message was seen: as it is, or made from one that is declared."""
        if self.mark(text, at) or not self._templates or not isinstance(text, str):
            return
        for parts, name in self._templates:
            if _is_made_of(text, parts):
                self.seen[name] = at


def parts_of(template: str) -> tuple[str, ...] | None:
    """What stands between the values of a message; ``None`` if it has none, or only such."""
    parts = tuple(part.replace("%%", "%") for part in re.split(_DIRECTIVE, template))
    return parts if len(parts) > 1 and any(part.strip() for part in parts) else None


def _is_made_of(text: str, parts: tuple[str, ...]) -> bool:
    # Not by a regular expression, which for a long text that nearly fits takes minutes.
    first, *between, last = parts
    at, end = len(first), len(text) - len(last)
    if at > end or not (text.startswith(first) and text.endswith(last)):
        return False
    for part in between:
        found = text.find(part, at, end)
        if found < 0:
            return False
        at = found + len(part)
    return True


class Expectations:
    """What one ``Telemetry`` is expected to show."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._names = {kind: Names() for kind in KINDS}
        self._sums: dict[tuple[str, str], Any] = {}
        self._watched: set[str] = set()

    def add(self, telemetry: Telemetry, names: Sequence[Iterable[str]]) -> None:
        """Declare names; what looks out for them is put up with the first one of a kind.

        Args:
            telemetry: Whose.
            names: In the order of ``KINDS``; one name may stand for a list of one.

        Raises:
            TypeError: A name is no text.
        """
        given = {kind: _listed(kind, each) for kind, each in zip(KINDS, names, strict=True)}
        with self._lock:
            for kind, each in given.items():
                self._names[kind].add(each, templates=kind == "log_events")
        for kind, watch in _WATCHERS.items():
            if given.get(kind) and kind not in self._watched:
                self._watched.add(kind)
                with guarded(f"coverage of {kind}"):
                    watch(telemetry, self._names[kind])
        if any(given.values()) and "gauge" not in self._watched:
            self._watched.add("gauge")
            with guarded("the gauges of coverage"):
                _show(telemetry, self)

    def look(self, data: MetricsData | None, stream: str = "push") -> MetricsData | None:
        """See which metrics are in a collection, and whether they moved; gives it back.

        Args:
            data: What was collected.
            stream: By whom: sums of one reader are compared with those of the same one.
        """
        wanted = self._names["metrics"]
        if wanted.seen and data is not None:
            try:
                self._look(data, stream, wanted)
            except Exception as error:  # whatever a foreign reader collects
                report_internal("coverage of metrics", error)
        return data

    def _look(self, data: MetricsData, stream: str, wanted: Names) -> None:
        now = time.time()
        for resource_metrics in data.resource_metrics:
            for scope_metrics in resource_metrics.scope_metrics:
                for metric in scope_metrics.metrics:
                    if metric.name not in wanted.seen or not metric.data.data_points:
                        continue
                    key, total = (stream, metric.name), _total(metric.data)
                    if total is None or self._sums.get(key) != total:
                        self._sums[key] = total
                        wanted.mark(metric.name, now)

    def report(self, telemetry: Telemetry) -> CoverageReport:
        """What was seen until now; metrics and components are looked at for it."""
        from pepperpy_otel.covered import CoverageReport

        if self._names["metrics"].seen:
            self.look(telemetry.metrics_snapshot(), "snapshot")
        self._look_at_components(telemetry)
        return CoverageReport(**{kind: dict(names.seen) for kind, names in self._names.items()})

    def _look_at_components(self, telemetry: Telemetry) -> None:
        wanted = self._names["components"]
        if not wanted.seen:
            return
        with guarded("coverage of components"):
            now = time.time()
            for name, verdict in telemetry.health.snapshot().items():
                age = verdict.age
                if age is not None or verdict.status is not HealthStatus.UNKNOWN:
                    wanted.mark(name, now - (age or 0.0))

    def counts(self, telemetry: Telemetry) -> list[tuple[str, int, int]]:
        """Kind, how many are declared, how many of them were never seen; for the gauges."""
        self._look_at_components(telemetry)
        return [
            (kind, len(names.seen), sum(last is None for last in list(names.seen.values())))
            for kind, names in self._names.items()
            if names.seen
        ]


def _listed(kind: str, names: Iterable[str]) -> list[str]:
    listed = [names] if isinstance(names, str) else list(names)
    for name in listed:
        if not isinstance(name, str):
            raise TypeError(f"expect({kind}=…): {name!r} is no name")
    return listed


def _total(data: Any) -> Any:
    """What changes when somebody measures; ``None`` for gauges, which are seen when they are."""
    if not hasattr(data, "aggregation_temporality"):
        return None
    return sum(getattr(each, "count", 0) or getattr(each, "value", 0) for each in data.data_points)


def _watch_spans(telemetry: Telemetry, names: Names) -> None:
    from pepperpy_otel.watching import SpanWatch, leave_spans

    provider: Any = telemetry.tracer_provider
    if hasattr(provider, "add_span_processor"):  # disabled telemetry shows nothing
        watch = SpanWatch(names)
        provider.add_span_processor(watch)
        telemetry.ledger.record_inert("", lambda: leave_spans(provider, watch))


def _watch_records(telemetry: Telemetry, names: Names) -> None:
    from pepperpy_otel.watching import RecordWatch, leave_records

    provider: Any = telemetry.logger_provider
    if hasattr(provider, "add_log_record_processor"):
        watch = RecordWatch(names)
        provider.add_log_record_processor(watch)
        telemetry.ledger.record_inert("", lambda: leave_records(provider, watch))


_WATCHERS = {"operations": _watch_spans, "log_events": _watch_records}

#: Instruments outlive ``rollback()``: those of a provider are made once and show who is current.
_shown: weakref.WeakKeyDictionary[MeterProvider, list[Any]] = weakref.WeakKeyDictionary()


def _show(telemetry: Telemetry, expectations: Expectations) -> None:
    provider = telemetry.meter_provider
    current = _shown.get(provider)
    if current is None:
        current = _shown[provider] = []
        _make_gauges(provider, current)
    entry = (telemetry, expectations)
    current[:] = [entry]
    telemetry.ledger.record_inert("", current.clear)


def _make_gauges(provider: MeterProvider, current: list[Any]) -> None:
    from opentelemetry.metrics import Observation

    def observe(index: int) -> Any:
        def callback(options: CallbackOptions) -> list[Observation]:
            return [
                Observation(row[index], {KIND: row[0]})
                for telemetry, expectations in list(current)
                for row in expectations.counts(telemetry)
            ]

        return [callback]

    meter = provider.get_meter(SCOPE)
    meter.create_observable_gauge(
        EXPECTED, observe(1), "{item}", "What telemetry is declared to show."
    )
    meter.create_observable_gauge(MISSING, observe(2), "{item}", "What of it was never seen.")
