"""Keys whose values are secrets, whatever they look like: ``password``, ``client_secret``.

A key is looked at once in a process: the answer is remembered by whoever asks.
"""

from __future__ import annotations

import enum
import re
from fnmatch import translate
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

#: Words that mean it wherever a key ends in them: ``PGPASSWORD``, ``authtoken``.
_PLAIN = (
    r"passwords?|passwd|passphrase|passcode|secrets?|token|api_?keys?|access_?keys?(?:_?id)?"
    r"|private_?keys?|secret_?keys?|account_?keys?|signing_?keys?|encryption_?keys?|master_?keys?"
    r"|credentials?|authorization|set_cookie|cookies?|connection_?string"
)
#: Words that mean it only when they stand alone: ``coauth`` is nothing.
_ALONE = (
    r"auth|pwd|pass|pw|cred|creds|sas|sig|signature|session_?(?:id|key)|jsessionid|phpsessid|sid"
    r"|csrf|xsrf|csrf_?token|otp|pin|cvv|cvc|dsn|jwt|bearer|tokens(?=_value)"
)
_SECRET = re.compile(rf"(?:(?:{_PLAIN})|(?:^|_)(?:{_ALONE}))(?:_?(?:value|hash|b64|text))?_?\d*$")
#: ``session.id`` is an attribute of the semantic conventions, and no secret by them.
_CONVENTIONAL = frozenset({"session.id", "session.previous_id"})
_CAMEL = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")
_BETWEEN = re.compile(r"[^a-z0-9]+")


class Verdict(enum.Enum):
    """What becomes of a key's value."""

    ORDINARY = "looked through"
    SECRET = "taken out"
    ALLOWED = "left as it is"
    #: The key itself holds a secret.
    TELLING = "looked through, the key exchanged"


def is_secret_name(key: str) -> bool:
    """Whether something of that name is a secret by its name."""
    if key in _CONVENTIONAL:
        return False
    words = _BETWEEN.sub("_", _CAMEL.sub("_", key).lower())
    return _SECRET.search(words.rstrip("_")) is not None


class KeyRules:
    """Which keys are secret, and which are left alone.

    Args:
        by_name: Whether telling names count.
        patterns: Further ones; ``*`` stands for anything, upper and lower case are the same.
        allowed: Patterns of keys whose values are not looked at.
    """

    def __init__(
        self, *, by_name: bool = True, patterns: Sequence[str] = (), allowed: Sequence[str] = ()
    ) -> None:
        self._by_name = by_name
        self._patterns = _any_of(patterns)
        self._allowed = _any_of(allowed)

    def verdict(self, key: str) -> Verdict:
        """What becomes of the value of that key."""
        if self._allowed is not None and self._allowed.match(key):
            return Verdict.ALLOWED
        if self._patterns is not None and self._patterns.match(key):
            return Verdict.SECRET
        if self._by_name and is_secret_name(key):
            return Verdict.SECRET
        return Verdict.ORDINARY


def _any_of(patterns: Sequence[str]) -> re.Pattern[str] | None:
    if not patterns:
        return None
    return re.compile("|".join(map(translate, patterns)), re.IGNORECASE)
