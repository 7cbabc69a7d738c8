"""Secrets that errors and results quote: passwords in URLs, tokens, keys. Masked, never guessed at.

What is shown outside goes through here: a driver's error text holds the whole connection string
often enough.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from pepperpy_otel.redaction import active

if TYPE_CHECKING:
    from collections.abc import Mapping

MASK = "***"
#: Nesting that is looked into; what lies deeper is masked as a whole.
DEEPEST = 6
#: Entries of one mapping or list that are shown.
LONGEST = 200
_SECRET = (
    r"pass(?:word|wd|phrase)?|pwd|secret|token|api[_-]?key|access[_-]?key|private[_-]?key|"
    r"client[_-]?secret|credentials?|authorization|auth|cookie|session[_-]?id|sas|signature"
)
_SECRET_KEY = re.compile(rf"(?:^|[^a-z])(?:{_SECRET})(?:[_-](?:key|value|hash))?$", re.IGNORECASE)
_URL = r"(://)"
_PATTERNS: tuple[tuple[re.Pattern[str], str], ...] = (
    # scheme://user:password@host, and scheme://token@host; a password may hold an unescaped @.
    (re.compile(rf"{_URL}([^\s/:@'\"]*):[^\s/'\"]*@", re.IGNORECASE), rf"\1\2:{MASK}@"),
    (re.compile(rf"{_URL}[^\s/:@'\"]{{16,}}@", re.IGNORECASE), rf"\1{MASK}@"),
    (re.compile(r"\b(bearer|basic)\s+[\w.~+/=-]{6,}", re.IGNORECASE), rf"\1 {MASK}"),
    (
        re.compile(
            rf"((?:\b|[_-])(?:{_SECRET})['\"]?\s*[=:]\s*)"
            r"(\"(?:[^\"\\]|\\.)*\"|'(?:[^'\\]|\\.)*'|[^\s,;&'\"\])}]+)",
            re.IGNORECASE | re.DOTALL,
        ),
        rf"\1{MASK}",
    ),
    # A JSON web token, then keys of AWS, GitHub, Slack and Stripe, and private keys.
    (re.compile(r"\beyJ[\w-]{8,}\.[\w-]{4,}(?:\.[\w-]*)?"), MASK),
    (re.compile(r"\b(?:AKIA|ASIA)[A-Z0-9]{16}\b"), MASK),
    (re.compile(r"\b(?:gh[pousr]|xox[abprs]|sk|pk|rk)[_-][\w-]{16,}"), MASK),
    (re.compile(r"-----BEGIN [A-Z ]*PRIVATE KEY-----.*?(?:-----END [A-Z ]*-----|$)", re.S), MASK),
)


def mask(text: str) -> str:
    """The text with what looks like a secret masked."""
    for pattern, replacement in _PATTERNS:
        text = pattern.sub(replacement, text)
    return active.text(text)


def mask_data(data: Mapping[str, Any]) -> dict[str, Any]:
    """A copy in which values under telling keys and secrets in texts are masked."""
    masked: dict[str, Any] = _masked(data, 0)
    return dict(active.fields(masked))


def _masked(value: Any, depth: int) -> Any:
    if isinstance(value, str):
        return mask(value)
    if isinstance(value, bytes):
        return mask(value.decode("utf-8", "replace"))
    if isinstance(value, (bool, int, float, type(None))):
        return value
    if depth >= DEEPEST:
        return MASK
    if isinstance(value, dict) or hasattr(value, "items"):
        pairs = list(value.items())[:LONGEST]
        return {
            key: MASK if _SECRET_KEY.search(str(key)) else _masked(each, depth + 1)
            for key, each in pairs
        }
    if isinstance(value, (list, tuple, set, frozenset)):
        return [_masked(each, depth + 1) for each in list(value)[:LONGEST]]
    return mask(_text(value))


def _text(value: Any) -> str:
    try:
        return str(value)
    except Exception:
        return f"<unprintable {type(value).__name__}>"
