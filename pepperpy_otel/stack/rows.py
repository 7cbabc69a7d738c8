"""One line for each service: what it is, how it is, which version, and where."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

GOOD = ("healthy", "running", "done")
WAITING = ("starting", "created", "absent")
HEADER = ("SERVICE", "STATE", "VERSION", "URL")


@dataclass(frozen=True, slots=True)
class Row:
    """A service as it is now.

    Attributes:
        service: Its name.
        state: ``healthy``, ``running`` (no health check), ``done`` (a one-shot that succeeded),
            ``starting``, ``created``, ``absent``, ``unhealthy``, ``restarting``, ``exited 1`` …
        version: Of the software; empty when it is not known.
        url: Where it is met; empty when nowhere.
    """

    service: str
    state: str
    version: str = ""
    url: str = ""

    @property
    def good(self) -> bool:
        """Nothing is wrong and nothing has to be waited for."""
        return self.state in GOOD

    @property
    def lost(self) -> bool:
        """Waiting does not help: it has ended, or is called unhealthy after all its retries."""
        return self.state == "unhealthy" or self.state.startswith("exited")


def table(rows: Sequence[Row]) -> str:
    """The rows as aligned text with a header."""
    cells = [HEADER, *((row.service, row.state, row.version, row.url) for row in rows)]
    widths = [max(len(line[column]) for line in cells) for column in range(len(HEADER))]
    return "\n".join(
        "  ".join(f"{cell:<{width}}" for cell, width in zip(line, widths, strict=True)).rstrip()
        for line in cells
    )
