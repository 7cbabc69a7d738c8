"""Loading what other packages offer by entry point."""

from __future__ import annotations

from typing import Any


def load(group: str, name: str) -> Any:
    """What the first entry point of this group and name stands for.

    Raises:
        LookupError: There is none.
        Exception: Whatever importing it raises.
    """
    from importlib.metadata import entry_points

    for point in entry_points(group=group, name=name):
        return point.load()
    raise LookupError(f"no entry point {name!r} in {group}")
