"""How long the end may take, and how much of it is left."""

from __future__ import annotations

import time
from typing import Any, TypeVar

T = TypeVar("T")
#: Milliseconds for the end when the destination does not answer, and when it does but slowly.
DOWN_MILLIS = 2000.0
SLOW_MILLIS = 5000.0
#: A day: nobody means more, and more than some years overflows where threads are waited for.
LONGEST_MILLIS = 86_400_000.0


def limit(timeout_millis: Any, default: T) -> float | T:
    """What the app gave as milliseconds; the default where that is ``None`` or no number."""
    try:
        return max(0.0, min(float(timeout_millis), LONGEST_MILLIS))
    except OverflowError:
        return LONGEST_MILLIS
    except (TypeError, ValueError):
        return default


def left(deadline: float) -> float:
    """Seconds up to a moment on the monotonic clock, none when it is over."""
    return max(0.0, deadline - time.monotonic())
