"""What a backup came to, for who asked for it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from pepperpy_otel.backup.counting import ITEMS
from pepperpy_otel.backup.manifest import STATE, Manifest

if TYPE_CHECKING:
    from pathlib import Path


@dataclass(frozen=True, slots=True)
class BackupReport:
    """What ``backup()`` did; truthy if all of it is safe on disk.

    Attributes:
        directory: Where it is.
        manifest: What is in it; ``None`` if nothing could be written.
        error: Why nothing could be written, in one line; empty if it could.
        complaints: What could not be read or kept, a line each.
    """

    directory: Path
    manifest: Manifest | None = None
    error: str = ""
    complaints: tuple[str, ...] = field(default=())

    def __bool__(self) -> bool:
        return self.manifest is not None and not self.complaints and not self.manifest.lost

    @property
    def spans(self) -> int:
        """Spans in it."""
        return 0 if self.manifest is None else self.manifest.items("traces")

    @property
    def data_points(self) -> int:
        """Data points of metrics in it."""
        return 0 if self.manifest is None else self.manifest.items("metrics")

    @property
    def log_records(self) -> int:
        """Log records in it."""
        return 0 if self.manifest is None else self.manifest.items("logs")

    def __str__(self) -> str:
        if self.manifest is None:
            return f"no backup in {self.directory}: {self.error}"
        counts = [f"{self.manifest.items(signal)} {what}" for signal, what in ITEMS.items()]
        state = sum(each.items for each in self.manifest.files.values() if each.role == STATE)
        return f"{self.directory}: {', '.join(counts)}, {state} records of health and log events"
