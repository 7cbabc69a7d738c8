"""File descriptors: how near the process is to "Too many open files"."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from pepperpy_otel.health.probes.drivers import has
from pepperpy_otel.health.probes.local import Local, checked_share
from pepperpy_otel.health.probes.wording import degraded, healthy

if TYPE_CHECKING:
    from pepperpy_otel.health.status import HealthResult

#: Linux, and what macOS and the BSDs have.
DIRECTORIES = ("/proc/self/fd", "/dev/fd")


def file_descriptors(
    *, degraded_share: float = 0.9, directories: tuple[str, ...] = DIRECTORIES
) -> Local:
    """A local probe (Unix): fewer descriptors are open than a share of the soft limit.

    Args:
        degraded_share: More than this share of the limit open is DEGRADED; it is never UNHEALTHY.
        directories: Where the system lists the open ones; the first that exists is read.

    Raises:
        ValueError: The share is not above 0 and at most 1.
    """
    checked_share("degraded_share", degraded_share)

    def measure() -> HealthResult:
        listing = next((each for each in directories if Path(each).is_dir()), None)
        if listing is None or not has("resource"):
            return healthy("cannot be counted on this system")
        import resource

        limit = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
        opened = len(list(Path(listing).iterdir()))
        if limit == resource.RLIM_INFINITY:
            return healthy(f"{opened} open, no limit", open=opened)
        share = opened / limit
        text = f"{opened} of {limit} file descriptors open ({share:.0%})"
        data = {"open": opened, "limit": limit, "share": round(share, 4)}
        return degraded(text, **data) if share > degraded_share else healthy(text, **data)

    return Local("file descriptors", measure)
