"""What stands where something was taken out: ``[redacted:reason]``, and ``REDACTED`` in URLs.

The reason tells who has set up redaction why, without the value. In a URL brackets would break
what parses it, and the semantic conventions have a word for it:
https://opentelemetry.io/docs/specs/semconv/registry/attributes/url/
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    #: Told the reason of each thing that was taken out.
    Count = Callable[[str], object]

IN_URL = "REDACTED"
#: Reasons beside the detectors' names.
BY_CALLBACK, BY_ERROR, BY_DEPTH = "callback", "error", "too-large"
#: So that what was redacted once is not a second time: for regular expressions.
NOT_YET = r"(?!\[redacted:|REDACTED\b)"


def mark(reason: str) -> str:
    """What stands for something that was taken out for ``reason``."""
    return f"[redacted:{reason}]"
