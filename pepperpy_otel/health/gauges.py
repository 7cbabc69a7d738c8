"""The state of every check and group as observable gauges; callbacks only copy the snapshot.

One series for each state, 1 for the one that is and 0 for the others, so that averages and sums
mean something. A gauge is what the mission asks for; ``updowncounter`` is the semantic convention's
way, with which a View that drops ``health.check.name`` adds the checks up instead of keeping an
arbitrary one of them (docs/health.md).
"""

from __future__ import annotations

import weakref
from typing import TYPE_CHECKING

from opentelemetry.metrics import Observation

from pepperpy_otel import errors
from pepperpy_otel.health import names
from pepperpy_otel.health.status import HealthReason, HealthStatus

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from opentelemetry.metrics import CallbackOptions, Meter, MeterProvider

    from pepperpy_otel.health.checker import HealthChecker
    from pepperpy_otel.health.status import HealthVerdict

#: Checks that are in the metrics at most: four states each, and the SDK folds everything beyond
#: 2,000 series of an instrument into one that says nothing.
MAX_CHECKS = 499
INSTRUMENTS = ("gauge", "updowncounter")


class Gauges:
    """The instruments on one meter provider; they cannot be taken back, only emptied.

    Args:
        meter: Of that provider.
    """

    def __init__(self, meter: Meter) -> None:
        self._meter = meter
        self._made: set[str] = set()
        self._checker: HealthChecker | None = None
        self._kind = ""
        self._warned = False
        meter.create_observable_gauge(
            names.CHECK_AGE,
            callbacks=[self._observing("", self._ages)],
            unit="s",
            description="Time since the last completed run of a health check.",
        )

    def show(self, checker: HealthChecker, kind: str) -> None:
        """Observe ``checker`` from now on.

        Args:
            checker: Whose snapshot is copied.
            kind: One of ``INSTRUMENTS``.
        """
        self._checker, self._kind = checker, kind
        if kind in self._made:
            return
        self._made.add(kind)
        make = (
            self._meter.create_observable_gauge
            if kind == "gauge"
            else self._meter.create_observable_up_down_counter
        )
        make(
            names.CHECK_STATUS,
            callbacks=[self._observing(kind, self._checks)],
            unit="{check}",
            description="1 for the state that a health check is in, 0 for the others.",
        )
        make(
            names.GROUP_STATUS,
            callbacks=[self._observing(kind, self._groups)],
            unit="{group}",
            description="1 for the state that a group of health checks is in, 0 for the others.",
        )

    def hide(self, checker: HealthChecker) -> None:
        """Observe nothing any more, if it was ``checker`` that was observed."""
        if self._checker is checker:
            self._checker = None

    def _observing(
        self, kind: str, read: Callable[[HealthChecker], Iterator[Observation]]
    ) -> Callable[[CallbackOptions], Iterable[Observation]]:
        def observe(options: CallbackOptions) -> Iterable[Observation]:
            checker = self._checker
            if checker is None or kind not in {"", self._kind}:
                return ()
            return list(read(checker))

        return observe

    def _counted(self, checker: HealthChecker) -> list[tuple[str, HealthVerdict]]:
        verdicts = list(checker.snapshot().items())
        if checker.newborn:
            verdicts = [each for each in verdicts if each[1].reason is not HealthReason.PENDING]
        if len(verdicts) > MAX_CHECKS and not self._warned:
            self._warned = True
            errors.warn(
                "%d health checks, of which the first %d are in the metrics; "
                "all of them are checked and on the endpoints",
                len(verdicts),
                MAX_CHECKS,
            )
        return verdicts[:MAX_CHECKS]

    def _checks(self, checker: HealthChecker) -> Iterator[Observation]:
        for name, verdict in self._counted(checker):
            for state in HealthStatus:
                attributes = {
                    names.CHECK_NAME: name,
                    names.CHECK_STATE: state.value,
                    names.CHECK_CRITICAL: verdict.critical,
                }
                yield Observation(int(verdict.status is state), attributes)

    def _groups(self, checker: HealthChecker) -> Iterator[Observation]:
        for group in sorted(checker.groups()):
            try:
                status = checker.group_status(group)
            except LookupError:  # empty: nothing is known of it
                status = HealthStatus.UNKNOWN
            if status is HealthStatus.UNKNOWN and checker.newborn:
                continue
            for state in HealthStatus:
                attributes = {names.GROUP_NAME: group, names.CHECK_STATE: state.value}
                yield Observation(int(status is state), attributes)

    def _ages(self, checker: HealthChecker) -> Iterator[Observation]:
        for name, verdict in self._counted(checker):
            if verdict.age is not None:
                yield Observation(verdict.age, {names.CHECK_NAME: name})


_gauges: weakref.WeakKeyDictionary[MeterProvider, Gauges] = weakref.WeakKeyDictionary()


def gauges_of(meter_provider: MeterProvider) -> Gauges:
    """The gauges of a provider: the same ones again when telemetry is configured once more."""
    found = _gauges.get(meter_provider)
    if found is None:
        found = _gauges[meter_provider] = Gauges(meter_provider.get_meter(names.SCOPE))
    return found
