"""What ``coverage()`` answers: loaded when somebody asks, not at every start."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from pepperpy_otel.expectations import KINDS

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True, slots=True)
class CoverageReport:
    """What is expected, and when each was last seen; truthy if nothing is missing.

    Attributes:
        metrics: Name → UNIX seconds, or ``None`` for what was never seen.
        operations: Likewise; a span counts when it ends, one that is not sampled is not there.
        log_events: Likewise.
        components: Likewise; a component counts when its check has run.
    """

    metrics: Mapping[str, float | None] = field(default_factory=dict)
    operations: Mapping[str, float | None] = field(default_factory=dict)
    log_events: Mapping[str, float | None] = field(default_factory=dict)
    components: Mapping[str, float | None] = field(default_factory=dict)

    @property
    def missing(self) -> dict[str, tuple[str, ...]]:
        """What was never seen, by kind; kinds of which nothing is missing are left out."""
        found = {
            kind: tuple(name for name, last in getattr(self, kind).items() if last is None)
            for kind in KINDS
        }
        return {kind: names for kind, names in found.items() if names}

    @property
    def expected(self) -> int:
        """How many are declared."""
        return sum(len(getattr(self, kind)) for kind in KINDS)

    @property
    def covered(self) -> int:
        """How many of them were seen."""
        return self.expected - sum(map(len, self.missing.values()))

    @property
    def ratio(self) -> float:
        """The share that was seen, from 0 to 1; 1 if nothing is declared."""
        return self.covered / self.expected if self.expected else 1.0

    def __bool__(self) -> bool:
        return not self.missing

    def __str__(self) -> str:
        text = f"covered {self.covered} of {self.expected}"
        names = [f"{KINDS[kind]} {name!r}" for kind in self.missing for name in self.missing[kind]]
        return f"{text}; missing: {', '.join(names)}" if names else text
