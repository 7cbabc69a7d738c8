"""The root logger's level: lowered for the telemetry, unchanged for everybody else.

A record must pass its logger's level before any handler sees it, so for INFO records to reach the
telemetry the root logger has to stand at INFO. What the app set (and what it sets later, by
``setLevel()``, ``basicConfig(level=…)``, ``dictConfig()``) is remembered here; the hook in
``root.py`` keeps a record that would not have been there without us from every handler but ours.
"""

from __future__ import annotations

import logging
import sys
from typing import TYPE_CHECKING

from pepperpy_otel.logging.records import is_at_least

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import FrameType


class RootLevel:
    """Holds the root logger at ``wanted`` or lower.

    Args:
        root: The root logger.
        wanted: The level from which records shall come into being.

    Attributes:
        app: The level that the root logger would have without us.
    """

    def __init__(self, root: logging.Logger, wanted: int) -> None:
        self._root = root
        self._wanted = wanted
        self._active = True
        self.app = root.level

    def install(self, record: Callable[[str, Callable[[], None]], None]) -> None:
        """Lower the level, and stand in for the root logger's ``setLevel``."""
        vars(self._root)["setLevel"] = self.set_level
        self._lower()
        record("root logger's level", self._undo)

    def set_level(self, level: int | str) -> None:
        """``Logger.setLevel`` of the root logger, as the app calls it.

        Raises:
            ValueError: For an unknown name, as without us.
            TypeError: For what is no level, as without us.
        """
        type(self._root).setLevel(self._root, level)
        self.app = self._root.level
        if self._active:
            self._lower()

    def hides(self, logger: logging.Logger, record: logging.LogRecord) -> bool:
        """Whether the record is there only because we lowered the level."""
        if is_at_least(record, self.app) or self._root.level != self._wanted:
            return False  # an app that assigns root.level gets what it asks for
        current: logging.Logger | None = logger
        while current is not None and current is not self._root:
            if current.level:
                return False  # its own level let it through
            current = current.parent
        return _was_logged_here()

    def _lower(self) -> None:
        if self.app > self._wanted:
            type(self._root).setLevel(self._root, self._wanted)

    def _undo(self) -> None:
        self._active = False
        if vars(self._root).get("setLevel") == self.set_level:
            del vars(self._root)["setLevel"]
        if self._root.level == self._wanted and self.app > self._wanted:
            type(self._root).setLevel(self._root, self.app)


#: Frames between ``Logger._log`` and ``hides()``: two of ours, ``handle``, and those of others
#: that hooked in beside us.
_FRAMES = 8
_LOG = logging.Logger._log.__code__


def _was_logged_here() -> bool:
    """Whether the record comes from ``logger.info()`` and the like, which look at the level.

    ``logger.handle(record)`` does not: it is how records of other processes are passed on (the
    logging cookbook's listener), and without us the handlers show them all.
    """
    frame: FrameType | None = sys._getframe(2)
    for _ in range(_FRAMES):
        if frame is None:
            return False
        if frame.f_code is _LOG:
            return True
        frame = frame.f_back
    return False
