"""Children that multiprocessing spawns, configured as their parent is.

They import the program anew without what lies under its ``__main__`` guard, ``configure()`` as a
rule, and so were silent. ``Beginning`` goes with them (see ``correlation.carrying``) and calls it
there, with the arguments of the parent; environment and pyproject.toml they have themselves.
"""

from __future__ import annotations

import pickle
from typing import TYPE_CHECKING, Any

from pepperpy_otel.errors import warn
from pepperpy_otel.redaction.travelling import travelling

if TYPE_CHECKING:
    from collections.abc import Mapping

#: Ports are the parent's: a forked child closes them, a spawned one does not open them.
PORTS = ("prometheus_port", "health_port")


class Beginning:
    """Configures the process in which it is called, unless that has been done.

    Args:
        arguments: Of ``configure()``; those that cannot be pickled are named in one line and
            left out.
    """

    def __init__(self, arguments: Mapping[str, Any]) -> None:
        # Each pickled by itself: the task or process that this goes with must arrive, whatever
        # becomes of an argument whose module the child cannot import.
        self._arguments: dict[str, bytes] = {}
        stay = []
        for name, value in arguments.items():
            if name in PORTS:
                continue
            if name == "redact":  # what is left out here would leave there
                value = travelling(value, _can_travel)
            try:
                self._arguments[name] = _pickled(value)
            except Exception:
                stay.append(name)
        if stay:
            warn(
                "spawned child processes are configured without %s, which cannot be pickled; give"
                " it as 'package.module:name' in the environment",
                ", ".join(sorted(stay)),
            )

    def __call__(self) -> None:
        """Configure; in the parent itself, and in its forks, there is nothing to do.

        Raises:
            Exception: An argument cannot be had in this process, which then has no telemetry.
        """
        from pepperpy_otel.bootstrap import configure_child

        configure_child(lambda: {n: pickle.loads(data) for n, data in self._arguments.items()})


def _pickled(value: object) -> bytes:
    data = pickle.dumps(value)
    pickle.loads(data)
    return data


def _can_travel(value: object) -> bool:
    try:
        _pickled(value)
    except Exception:
        return False
    return True
