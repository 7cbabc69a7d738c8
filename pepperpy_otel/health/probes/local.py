"""A probe of something in this process or on this machine: measured, never connected to."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pepperpy_otel.health.probes.wording import degraded, described, one_line

if TYPE_CHECKING:
    from collections.abc import Callable

    from pepperpy_otel.health.status import HealthResult


class Local:
    """A probe for the checker: called, it measures and says how it is. It never raises.

    Args:
        target: What is measured, for a person.
        measure: Measures and judges.
        end: Lets go of what measuring holds, if anything.
        failed: Makes the result when measuring fails; DEGRADED unless a failure means more.
    """

    #: Asks nothing outside of this machine, so that the group ``live`` takes it.
    local = True

    def __init__(
        self,
        target: str,
        measure: Callable[[], HealthResult],
        end: Callable[[], None] | None = None,
        failed: Callable[..., HealthResult] = degraded,
    ) -> None:
        self.target = target
        self._measure = measure
        self._end = end
        self._failed = failed

    def __call__(self) -> HealthResult:
        """Measure once; see the class."""
        try:
            return self._measure()
        except Exception as error:
            text = one_line(f"{self.target}: {described(error)}")
            return self._failed(text, target=self.target, error_type=type(error).__name__)

    def close(self) -> None:
        """Let go of what measuring holds."""
        if self._end is not None:
            self._end()

    def __repr__(self) -> str:
        return f"<probe of {self.target}>"


def checked_share(name: str, share: float) -> float:
    """A part of a whole, above 0 and at most 1.

    Raises:
        ValueError: It is not; names the argument.
    """
    if isinstance(share, bool) or not isinstance(share, (int, float)) or not 0 < share <= 1:
        raise ValueError(f"{name}={share!r} is not a share; use a number above 0, at most 1")
    return float(share)


def checked_seconds(name: str, seconds: float) -> float:
    """A positive number of seconds.

    Raises:
        ValueError: It is not; names the argument.
    """
    if isinstance(seconds, bool) or not isinstance(seconds, (int, float)) or not seconds > 0:
        raise ValueError(f"{name}={seconds!r} is not a positive number of seconds")
    return float(seconds)
