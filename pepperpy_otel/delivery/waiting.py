"""What a pipeline still holds in memory, looked at and left where it is: for a backup.

The same span waits once for each destination; here it is found once. What is under way is found
too: it may be delivered while somebody looks, so whoever sends both sends it twice, never not.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable

    from pepperpy_otel.delivery.lane import Lane
    from pepperpy_otel.delivery.splitting import Part


class Waiting(NamedTuple):
    """What waits of one signal.

    Attributes:
        items: SDK records (for metrics whole collections), the oldest first.
        parts: Requests that are encoded already.
    """

    items: list[Any]
    parts: list[Part]


def waiting_in(lanes: Iterable[Lane]) -> Waiting:
    """What the lanes of one signal hold; nothing of it is taken away."""
    found: dict[int, Any] = {}
    parts: list[Part] = []
    for lane in lanes:
        entries, cargoes = lane.inventory()
        for cargo in cargoes:
            if cargo.batch is not None:
                continue  # it lies on disk
            entries = [*cargo.entries, *entries]
            if not cargo.entries:
                parts += cargo.parts or ()
        found.update((id(entry.item), entry.item) for entry in entries)
    return Waiting(list(found.values()), parts)
