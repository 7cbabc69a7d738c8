"""The last changes of all components, those of earlier processes included."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from pepperpy_otel.health.status import Transition

#: Changes that are kept; the oldest go first.
LONGEST = 1000


class Change(NamedTuple):
    """A component's status became another one.

    Attributes:
        at: UNIX seconds.
        name: The component.
        before: Its status until then, as text.
        after: Its status from then on.
        summary: Why, in one line for a person. It may quote an error: not for a public page.
    """

    at: float
    name: str
    before: str
    after: str
    summary: str


class History:
    """Changes, the oldest first; it is added to while telemetry runs."""

    def __init__(self) -> None:
        self._changes: deque[Change] = deque(maxlen=LONGEST)

    def __iter__(self) -> Iterator[Change]:
        return iter(self._changes.copy())

    def __len__(self) -> int:
        return len(self._changes)

    def take(self, transition: Transition) -> None:
        """Take note of a change, as a subscriber of the checker."""
        before, after = transition.before, transition.after
        at = after.since.timestamp()
        self._changes.append(
            Change(at, transition.name, before.status.value, after.status.value, after.summary)
        )

    def restore(self, changes: Iterable[Change]) -> int:
        """Put changes of earlier processes where they belong.

        Returns:
            How many of them were not there.
        """
        there = {_key(change) for change in self}
        added = [change for change in changes if _key(change) not in there]
        self._changes = deque(sorted([*self, *added]), maxlen=LONGEST)
        return len(added)

    def forget(self) -> None:
        """Know nothing any more, in a forked child."""
        self._changes = deque(maxlen=LONGEST)


def _key(change: Change) -> tuple[object, ...]:
    """What tells one change: times went through text and back."""
    return round(change.at, 2), change.name, change.before, change.after
