"""Forks, as the delivery sees them; what is behind it is shared with the other floors."""

from __future__ import annotations

from pepperpy_otel._forks import IMPORTS, PATIENCE, follow, held_off, is_child, load, start

__all__ = ["IMPORTS", "PATIENCE", "follow", "held_off", "is_child", "load", "start"]
