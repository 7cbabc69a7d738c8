"""What is wrong with the app's measurements, said once for each instrument.

The SDK warns at every call, with a traceback for a callback: a bad value in a busy path floods
stderr. Here each (instrument, problem) is one line in the life of a provider.
"""

from __future__ import annotations

from pepperpy_otel.errors import warn

#: A program that makes instrument names up without end must not fill the memory with complaints.
MAX_COMPLAINTS = 1000


class Complaints:
    """Remembers what has been said already."""

    def __init__(self) -> None:
        self._said: set[tuple[str, str]] = set()

    def say(self, instrument: str, problem: str, detail: str = "") -> None:
        """Say one line, unless it was said before.

        Args:
            instrument: The name of the instrument concerned.
            problem: What is wrong; the same words are said once.
            detail: What differs from time to time.
        """
        key = (instrument, problem)
        if key in self._said or len(self._said) >= MAX_COMPLAINTS:
            return
        self._said.add(key)
        ending = f": {detail}" if detail else ""
        warn("metric %s (said once): %s%s", instrument, problem, ending)

    def forget(self) -> None:
        """Start anew, for a provider that is armed again."""
        self._said.clear()


def describe(error: BaseException) -> str:
    """An error in one short line; its ``__str__`` may be as broken as the rest."""
    try:
        text = " ".join(str(error).split())
    except Exception:
        text = "<unprintable>"
    return f"{type(error).__name__}: {text[:200]}"
