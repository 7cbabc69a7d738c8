"""CPU throttling: how often the kernel stopped us because the CPU limit was used up.

A process that is stopped for part of every period answers late and fails its probes, while its CPU
usage looks fine. Counted between two runs of the probe.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pepperpy_otel.health.probes.cgroups import ROOT, groups
from pepperpy_otel.health.probes.local import Local, checked_share
from pepperpy_otel.health.probes.wording import degraded, healthy

if TYPE_CHECKING:
    from pathlib import Path

    from pepperpy_otel.health.status import HealthResult


def cpu_throttling(*, degraded_share: float = 0.25, root: Path = ROOT) -> Local:
    """A local probe (Linux): only few of the CPU limit's periods ended with us stopped.

    Args:
        degraded_share: More than this share of the periods since the run before is DEGRADED; it is
            never UNHEALTHY.
        root: Where ``proc`` and ``sys`` are.

    Raises:
        ValueError: The share is not above 0 and at most 1.
    """
    return Local(
        "cpu throttling", _Throttling(checked_share("degraded_share", degraded_share), root)
    )


class _Throttling:
    def __init__(self, degraded_share: float, root: Path) -> None:
        self._degraded_share = degraded_share
        self._root = root
        self._before: tuple[int, int] | None = None

    def __call__(self) -> HealthResult:
        now = self._read()
        before, self._before = self._before, now
        if now is None:
            return healthy("no CPU limit")
        if before is None or now[0] < before[0]:  # another group, or the counters began anew
            return healthy("first reading")
        periods, throttled = now[0] - before[0], now[1] - before[1]
        share = throttled / periods if periods else 0.0
        text = f"stopped in {throttled} of {periods} periods ({share:.0%})"
        data = {"periods": periods, "throttled_periods": throttled, "share": round(share, 4)}
        return degraded(text, **data) if share > self._degraded_share else healthy(text, **data)

    def _read(self) -> tuple[int, int] | None:
        """(periods, those in which we were stopped) of the innermost group that counts them."""
        for group in groups("cpu", self._root):
            found = group.table("cpu.stat")
            if found.get("nr_periods"):
                return found["nr_periods"], found.get("nr_throttled", 0)
        return None
