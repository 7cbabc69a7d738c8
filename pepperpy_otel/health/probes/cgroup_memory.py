"""Memory: how near the container is to being killed for it.

The working set is what counts, as for the kubelet: memory in use without the page cache that the
kernel can take back. The tightest limit of all enclosing control groups holds; without a limit the
machine's own memory does.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pepperpy_otel.health.probes.cgroups import ROOT, UNLIMITED_V1, Group, groups
from pepperpy_otel.health.probes.local import Local, checked_share
from pepperpy_otel.health.probes.wording import degraded, healthy

if TYPE_CHECKING:
    from pathlib import Path

    from pepperpy_otel.health.status import HealthResult

MIB = 1024**2


def memory(*, degraded_share: float = 0.9, root: Path = ROOT) -> Local:
    """A local probe (Linux): the working set stays below a share of the container's limit.

    Args:
        degraded_share: More than this share of the limit in use is DEGRADED; it is never UNHEALTHY.
        root: Where ``proc`` and ``sys`` are.

    Raises:
        ValueError: The share is not above 0 and at most 1.
    """
    checked_share("degraded_share", degraded_share)

    def measure() -> HealthResult:
        found = _tightest(root) or _of_the_machine(root)
        if found is None:
            return healthy("neither a control group nor /proc/meminfo to read here")
        used, limit, whose = found
        share = used / limit
        text = f"{used / MIB:.0f} of {limit / MIB:.0f} MiB in use ({share:.0%}, limit of {whose})"
        data = {"used_bytes": used, "limit_bytes": limit, "share": round(share, 4)}
        return degraded(text, **data) if share > degraded_share else healthy(text, **data)

    return Local("memory", measure)


def _tightest(root: Path) -> tuple[int, int, str] | None:
    """(working set, limit, whose) of the group that is nearest to its limit."""
    found = [values for group in groups("memory", root) if (values := _of(group)) is not None]
    return max(((*each, "the container") for each in found), key=_share, default=None)


def _share(found: tuple[int, int, str]) -> float:
    return found[0] / found[1]


def _of(group: Group) -> tuple[int, int] | None:
    names = {
        1: ("memory.usage_in_bytes", "memory.limit_in_bytes", "total_inactive_file"),
        2: ("memory.current", "memory.max", "inactive_file"),
    }
    usage, most, reclaimable = names[group.version]
    used, limit = group.number(usage), group.number(most)
    if used is None or not limit or limit >= UNLIMITED_V1:
        return None
    return max(used - group.table("memory.stat").get(reclaimable, 0), 0), limit


def _of_the_machine(root: Path) -> tuple[int, int, str] | None:
    try:
        lines = (root / "proc/meminfo").read_text(encoding="ascii").splitlines()
    except OSError:
        return None
    kib = {line.partition(":")[0]: line.split()[1] for line in lines if len(line.split()) > 1}
    total, available = int(kib.get("MemTotal", 0)), kib.get("MemAvailable")
    if not total or available is None:
        return None
    return (total - int(available)) * 1024, total * 1024, "the machine"
