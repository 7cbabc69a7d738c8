"""What looks for secrets in a text, in the order in which they are asked.

The order matters: a private key is taken out whole before its lines look like something else, and
a header before its scheme.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from pepperpy_otel.redaction.assignments import redact_assignments, redact_authorization
from pepperpy_otel.redaction.cards import redact_cards
from pepperpy_otel.redaction.formats import redact_tokens
from pepperpy_otel.redaction.marks import mark
from pepperpy_otel.redaction.urls import redact_urls

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from pepperpy_otel.redaction.marks import Count

    Detector = Callable[[str, Count], str]

#: To its end, or to the end of a text that was cut off; line breaks may be escaped.
_PRIVATE_KEY = re.compile(
    r"-----BEGIN [A-Z0-9 ]{0,40}PRIVATE KEY(?: BLOCK)?-----"
    r"(?:(?:(?!-----END ).)*-----END [^-]{0,60}-----|.*\Z)",
    re.DOTALL,
)
_JWT = re.compile(r"(?<![A-Za-z0-9_-])eyJ[\w-]{8,}\.[\w-]{4,}(?:\.[\w-]*){0,3}")
_EMAIL = re.compile(
    r"(?<![\w.+%-])[A-Za-z0-9][\w.+%-]{0,63}@(?:[A-Za-z0-9-]{1,63}\.){1,8}[A-Za-z]{2,24}(?![\w])"
)


def _by_pattern(reason: str, pattern: re.Pattern[str]) -> Detector:
    instead = mark(reason)

    def redact(text: str, count: Count) -> str:
        text, found = pattern.subn(instead, text)
        for _ in range(found):
            count(reason)
        return text

    return redact


#: By the names of the setting; ``key`` looks at keys and is not here.
DETECTORS: Mapping[str, Detector] = {
    "private-key": _by_pattern("private-key", _PRIVATE_KEY),
    "url": redact_urls,
    "authorization": redact_authorization,
    "jwt": _by_pattern("jwt", _JWT),
    "token": redact_tokens,
    "assignment": redact_assignments,
    "card": redact_cards,
    "email": _by_pattern("email", _EMAIL),
}
