"""Disk space: whether enough is left where the app writes.

An absolute number by default: 5 % of a big volume is plenty, 5 % of a small one is nothing.
"""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

from pepperpy_otel.health.probes.local import Local
from pepperpy_otel.health.probes.wording import degraded, healthy, unhealthy

if TYPE_CHECKING:
    from pepperpy_otel.health.status import HealthResult

GIB = 1024**3


def disk(
    path: str | os.PathLike[str] = "/",
    *,
    degraded_free_gib: float = 1.0,
    unhealthy_free_gib: float | None = None,
) -> Local:
    """A local probe: enough space is left for unprivileged writers, and inodes too.

    Args:
        path: Any path on the volume.
        degraded_free_gib: Less free than this many GiB is DEGRADED.
        unhealthy_free_gib: Less than this is UNHEALTHY; never by default.

    Raises:
        ValueError: A threshold is not a number above zero, or they are in the wrong order.
    """
    for name, value in (
        ("degraded_free_gib", degraded_free_gib),
        ("unhealthy_free_gib", unhealthy_free_gib),
    ):
        if value is not None and not value > 0:
            raise ValueError(f"{name}={value!r} is not a positive number of GiB")
    if unhealthy_free_gib is not None and unhealthy_free_gib > degraded_free_gib:
        raise ValueError("unhealthy_free_gib is above degraded_free_gib; it must be below")
    where = Path(path)

    def measure() -> HealthResult:
        free = shutil.disk_usage(where).free / GIB
        data = {"path": str(where), "free_gib": round(free, 3)}
        if unhealthy_free_gib is not None and free < unhealthy_free_gib:
            return unhealthy(f"{where}: {free:.2f} GiB free", **data)
        if free < degraded_free_gib:
            return degraded(f"{where}: {free:.2f} GiB free", **data)
        if _no_inode_left(where):
            return degraded(f"{where}: no inode left", **data)
        return healthy(f"{free:.1f} GiB free", **data)

    return Local(f"disk {where}", measure, failed=unhealthy)


def _no_inode_left(path: Path) -> bool:
    """Whether no file can be created; file systems without a fixed number say 0 of 0."""
    if not hasattr(os, "statvfs"):  # Windows
        return False
    found = os.statvfs(path)
    return found.f_files > 0 and found.f_favail == 0
