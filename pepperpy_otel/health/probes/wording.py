"""What a probe says in one line, and what it must never say: passwords.

Drivers put connection strings, server banners and several lines into their errors. A health
summary ends in logs and on screens, so it is one short line without the secrets of the address.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, unquote, urlsplit

from pepperpy_otel.health.status import HealthResult, HealthStatus

if TYPE_CHECKING:
    from collections.abc import Iterable

LONGEST = 200
MASK = "***"
_USER_IN_URL = re.compile(r"(?<=://)\S*@")
_ASSIGNED = re.compile(
    r"((?:password|passwd|pwd|secret|token)['\"]?\s*[=:]\s*)('(?:[^'\\]|\\.)*'|\"[^\"]*\"|[^\s&;,]+)",
    re.IGNORECASE,
)
_SECRET_KEY = re.compile(r"password|passwd|pwd|secret|token", re.IGNORECASE)


def healthy(reason: str, **data: Any) -> HealthResult:
    """All is well."""
    return HealthResult(HealthStatus.HEALTHY, reason, data)


def degraded(reason: str, **data: Any) -> HealthResult:
    """It works, and somebody should look at it."""
    return HealthResult(HealthStatus.DEGRADED, reason, data)


def unhealthy(reason: str, **data: Any) -> HealthResult:
    """It does not work."""
    return HealthResult(HealthStatus.UNHEALTHY, reason, data)


def failure(
    error: BaseException, target: str, timeout: float, secrets: Iterable[str]
) -> HealthResult:
    """The result for an error: what was asked, what went wrong, nothing secret.

    Args:
        error: What the driver raised.
        target: Whom the probe asked, for a person.
        timeout: Seconds that the run had.
        secrets: Texts that must not be shown.
    """
    timed_out = is_timeout(error)
    said = f"no answer within {timeout:g} s" if timed_out else described(error)
    return unhealthy(
        one_line(f"{target}: {said}", secrets),
        target=masked(target, secrets),
        error_type=type(error).__name__,
        timed_out=timed_out,
    )


def described(error: BaseException) -> str:
    """The type of an error and its text, if it has one."""
    name = type(error).__name__
    try:
        text = str(error)
    except Exception:
        text = ""
    return f"{name}: {text}" if text else name


def is_timeout(error: BaseException) -> bool:
    """Whether an error, or one behind it, says that the time was over."""
    seen: set[int] = set()
    current: BaseException | None = error
    while current is not None and id(current) not in seen:
        if isinstance(current, TimeoutError) or "Timeout" in type(current).__name__:
            return True
        seen.add(id(current))
        hidden = current.__suppress_context__
        current = current.__cause__ or (None if hidden else current.__context__)
    return False


def one_line(text: str, secrets: Iterable[str] = ()) -> str:
    """The text in one line of at most 200 characters, without the secrets."""
    line = " ".join(masked(text, secrets).split())
    return line if len(line) <= LONGEST else f"{line[: LONGEST - 3]}..."


def masked(text: str, secrets: Iterable[str] = ()) -> str:
    """The text without the secrets, without users of URLs and without what a password is set to."""
    for secret in sorted(filter(None, secrets), key=len, reverse=True):
        text = text.replace(secret, MASK)
    text = _USER_IN_URL.sub(f"{MASK}@", text)
    return _ASSIGNED.sub(rf"\1{MASK}", text)


def secrets_of(address: str) -> tuple[str, ...]:
    """The passwords in a URL or in a ``key=value`` connection string, as written and decoded."""
    found = [match.group(2).strip("'\"") for match in _ASSIGNED.finditer(address)]
    try:
        url = urlsplit(address)
        # A user without a password is a token for NATS and others.
        found += [url.password or "", "" if url.password else url.username or ""]
        found += [value for key, value in parse_qsl(url.query) if _SECRET_KEY.search(key)]
    except ValueError:
        pass
    return tuple({text for each in found for text in (each, unquote(each)) if text})


def shown(address: str) -> str:
    """Host and port of a URL for a person; the masked text where there is no host."""
    try:
        url = urlsplit(address)
        host, port = url.hostname, url.port
    except ValueError:
        return masked(address)
    if not host:
        return masked(address, secrets_of(address))
    host = f"[{host}]" if ":" in host else host
    return f"{host}:{port}" if port else host
