"""From components to groups and to the whole: what an endpoint answers."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pepperpy_otel.health.registration import GROUPS, LIVE, READY, unknown
from pepperpy_otel.health.status import HealthReason, HealthStatus, HealthVerdict, worst

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping


def no_check() -> HealthVerdict:
    """Of a component that is expected and that nobody checks: ready it is not."""
    return HealthVerdict(
        HealthStatus.UNKNOWN,
        HealthReason.NO_CHECK,
        "no check: expected, but nothing is registered under this name",
        groups=frozenset({READY}),
    )


def groups_of(verdicts: Iterable[HealthVerdict]) -> frozenset[str]:
    """The groups that have members."""
    return frozenset().union(*(verdict.groups for verdict in verdicts))


def group_status(
    group: str, verdicts: Mapping[str, HealthVerdict], *, draining: bool
) -> HealthStatus:
    """What the endpoint of a group answers.

    Args:
        group: ``live``, ``ready`` or ``startup``.
        verdicts: Of all components.
        draining: Whether the process takes no more work.

    Raises:
        KeyError: An unknown group, or one without members: that is an error and never green.
    """
    if group not in GROUPS:
        raise unknown("group", group, GROUPS)
    if draining and group == READY:
        return HealthStatus.UNHEALTHY
    members = [verdict for verdict in verdicts.values() if group in verdict.groups]
    if not members:
        raise KeyError(f"health group {group!r} is empty: no check is registered in it")
    if group == LIVE:
        # A process is not killed for what is not known.
        members = [each for each in members if each.status is not HealthStatus.UNKNOWN]
    return worst(members)
