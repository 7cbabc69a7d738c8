"""From single runs to a verdict: hysteresis and expiry. Pure: the time is an argument.

DEGRADED is the band of the hysteresis. The first failure of a healthy component shows at once, as
a suspicion; ``fail_after`` in a row make it unhealthy; on the way back the first success shows at
once and ``recover_after`` make it healthy. So neither does a single blip page anybody, nor does the
damping hide an outage. Where nothing is known, before the first run and after the expiry, the
first result counts at once. So does what needs no second opinion: a run that overran, a return
value that is no answer, and a degradation that the check itself reports.
"""

from __future__ import annotations

from collections import deque
from dataclasses import replace
from datetime import datetime, timezone
from typing import TYPE_CHECKING

from pepperpy_otel.health.outcome import FAIL, INCONCLUSIVE, PASS, TIMEOUT, WARN
from pepperpy_otel.health.status import HealthReason, HealthStatus, HealthVerdict

if TYPE_CHECKING:
    from collections.abc import Iterable

    from pepperpy_otel.health.outcome import Outcome
    from pepperpy_otel.health.registration import Registration

    Judgement = tuple[HealthStatus, HealthReason, str]

#: Raw results that ``get_details()`` shows.
HISTORY = 10
#: Seconds that the wall clock may tell otherwise than the monotonic one about one and the same run.
SAME_RUN = 0.5


class Machine:
    """The verdict on one component, moved by outcomes.

    Args:
        entry: Its registration.
    """

    def __init__(self, entry: Registration) -> None:
        self._entry = entry
        self.successes = 0
        self.failures = 0
        #: (monotonic seconds, result, summary) of the last runs, undamped.
        self.history: deque[tuple[float, str, str]] = deque(maxlen=HISTORY)
        self.inconclusive = ""
        self.traceback = ""
        self._pending = HealthVerdict(
            HealthStatus.UNKNOWN,
            HealthReason.PENDING,
            "pending: no run has ended yet",
            entry.critical,
            entry.groups,
        )
        # One tuple: readers hold no lock, and a new verdict with the expiry of the one before
        # would be stale for a moment.
        self._held = (self._pending, float("inf"))
        self._stale: tuple[HealthVerdict, HealthVerdict] | None = None

    @property
    def verdict(self) -> HealthVerdict:
        """The verdict of the last run, however long ago."""
        return self._held[0]

    @property
    def expires_at(self) -> float:
        """Monotonic seconds when the verdict means nothing any more."""
        return self._held[1]

    def at(self, now: float) -> HealthVerdict:
        """The verdict at that moment (monotonic seconds)."""
        verdict, expires_at = self._held
        if now < expires_at:
            return verdict
        stale = self._stale
        if stale is None or stale[0] is not verdict:
            stale = self._stale = (verdict, self._expired(verdict))
        return stale[1]

    def skip(self, outcome: Outcome, now: float) -> None:
        """Take note of a run that says nothing about the component."""
        self.inconclusive = outcome.summary
        self.history.append((now, INCONCLUSIVE, outcome.summary))

    def remember(self, runs: Iterable[tuple[float, str, str]], now: float) -> None:
        """Have runs of an earlier process (age in seconds, result, summary) in the history."""
        there = list(self.history)
        earlier = [
            (now - age, result, summary)
            for age, result, summary in runs
            if not any(
                abs(now - age - at) < SAME_RUN and (result, summary) == (known, text)
                for at, known, text in there
            )
        ]
        self.history = deque(sorted([*earlier, *there]), maxlen=HISTORY)

    def take(self, outcome: Outcome, now: float, duration: float) -> None:
        """Take the outcome of a run that ended, or overran, at ``now``."""
        before = self.at(now).status
        self.history.append((now, outcome.result, outcome.summary))
        self.inconclusive = ""
        self.traceback = outcome.traceback
        self._become(self._judge(outcome, before), outcome, now, duration)

    def _judge(self, outcome: Outcome, before: HealthStatus) -> Judgement:
        result = outcome.result
        self.successes = self.successes + 1 if result == PASS else 0
        self.failures = self.failures + 1 if result in (FAIL, TIMEOUT) else 0
        if result == PASS:
            return self._passed(outcome, before)
        if result == WARN:
            return HealthStatus.DEGRADED, outcome.reason, outcome.summary
        if result == INCONCLUSIVE:
            return HealthStatus.UNKNOWN, outcome.reason, outcome.summary
        return self._failed(outcome, before)

    def _passed(self, outcome: Outcome, before: HealthStatus) -> Judgement:
        needed = self._entry.recover_after
        at_once = before in (HealthStatus.HEALTHY, HealthStatus.UNKNOWN)
        if at_once or self.successes >= needed:
            return HealthStatus.HEALTHY, outcome.reason, outcome.summary
        summary = f"recovering: {self.successes} of {needed} successes in a row"
        return HealthStatus.DEGRADED, HealthReason.SUSPECT, summary

    def _failed(self, outcome: Outcome, before: HealthStatus) -> Judgement:
        needed = self._entry.fail_after
        at_once = before in (HealthStatus.UNHEALTHY, HealthStatus.UNKNOWN) or (
            outcome.reason in (HealthReason.TIMEOUT, HealthReason.BAD_RETURN)
        )
        if at_once or self.failures >= needed:
            return HealthStatus.UNHEALTHY, outcome.reason, outcome.summary
        summary = f"suspect ({self.failures} of {needed} failures in a row): {outcome.summary}"
        return HealthStatus.DEGRADED, HealthReason.SUSPECT, summary

    def _become(self, judgement: Judgement, outcome: Outcome, now: float, duration: float) -> None:
        status, reason, summary = judgement
        shown = self.at(now)
        verdict = HealthVerdict(
            status,
            reason,
            summary,
            self._entry.critical,
            self._entry.groups,
            outcome.data,
            duration,
            now,
            shown.since if shown.status is status else datetime.now(timezone.utc),
            self.failures,
        )
        self._held = (verdict, now + self._entry.expiry)

    def _expired(self, verdict: HealthVerdict) -> HealthVerdict:
        why = f" ({self.inconclusive})" if self.inconclusive else ""
        return replace(
            verdict,
            status=HealthStatus.UNKNOWN,
            reason=HealthReason.STALE,
            summary=f"stale: no run has ended for {self._entry.expiry:g} s{why}; "
            f"it was {verdict.status.value} then",
            since=datetime.now(timezone.utc),
        )
