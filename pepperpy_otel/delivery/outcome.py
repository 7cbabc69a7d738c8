"""What a destination's answer means: delivered, try again, set up wrongly, or lost.

The tables are those of the OTLP specification with one deviation (docs/differences.md): answers
that speak of a wrong set-up (a redirect, 401, 404 …) would be dropped there; here they are kept
and tried again like an outage, since a person can repair them while the telemetry waits.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Collection

#: HTTP answers after which the same request may succeed later.
HTTP_RETRY = frozenset({429, 502, 503, 504})
#: HTTP answers that mean: the URL or the credentials are wrong. All of 3xx belongs to them.
HTTP_MISCONFIGURED = frozenset({401, 403, 404, 405, 407})
#: The same two sets for gRPC; RESOURCE_EXHAUSTED is tried again only if the server says when.
GRPC_RETRY = frozenset(
    {"CANCELLED", "DEADLINE_EXCEEDED", "ABORTED", "OUT_OF_RANGE", "UNAVAILABLE", "DATA_LOSS"}
)
GRPC_MISCONFIGURED = frozenset({"UNAUTHENTICATED", "PERMISSION_DENIED", "UNIMPLEMENTED"})

#: The reason under which an item is dropped that is too large even alone.
TOO_LARGE = "too_large"
_HTTP_TOO_LARGE = 413
_HTTP_BAD = 400
#: How servers say over gRPC that a message is too large: Go and C++, Java, .NET, Rust's tonic
#: (which uses OUT_OF_RANGE), and what gRPC makes of a proxy's 413. RESOURCE_EXHAUSTED alone may
#: as well be a quota.
_TOO_LARGE_TEXT = re.compile(
    r"larger than max|exceeds (?:the )?max|message length too large|(?:status:?|HTTP) 413\b",
    re.IGNORECASE,
)
_GRPC_TOO_LARGE = frozenset({"RESOURCE_EXHAUSTED", "OUT_OF_RANGE", "UNKNOWN"})


class Outcome(NamedTuple):
    """What became of one batch. Numbers are items: spans, data points, records.

    Args:
        delivered: The destination has them.
        rejected: The destination said that it threw them away (``partial_success``).
        retry: Nothing was taken; keep the batch and try again.
        retry_after: Seconds that the destination asked us to wait.
        error: What went wrong, in one line; also the message of a partial success.
        misconfigured: The destination is there and refuses us: URL or credentials are wrong.
        unencodable: Items that could not be turned into bytes.
        reason: Under which name the rest of the batch is counted as dropped, when not retried.
        divisible: The batch was refused for its size or its contents: parts of it may be taken.
        lost: Items dropped for any reason, where it is known.
    """

    delivered: int = 0
    rejected: int = 0
    retry: bool = False
    retry_after: float | None = None
    error: str | None = None
    misconfigured: bool = False
    unencodable: int = 0
    reason: str = "refused"
    divisible: bool = False
    lost: int = 0

    def with_unencodable(self, count: int, error: str | None) -> Outcome:
        """The same, and ``count`` items of the batch never became bytes."""
        if not count or self.retry:  # a batch that is tried again is encoded again
            return self
        error = "; ".join(part for part in (self.error, error) if part) or None
        return self._replace(unencodable=count, error=error)


def from_http(
    status: int, count: int, *, retry_after: float | None = None, detail: str = ""
) -> Outcome:
    """The outcome of a batch of ``count`` items that was answered with ``status``."""
    if 200 <= status < 300:
        return Outcome(delivered=count)
    error = f"HTTP {status} {_phrase(status)}".rstrip()
    if detail:
        error = f"{error}: {detail}"
    if 300 <= status < 400 or status in HTTP_MISCONFIGURED:
        return Outcome(retry=True, retry_after=retry_after, error=error, misconfigured=True)
    if status in HTTP_RETRY:
        return Outcome(retry=True, retry_after=retry_after, error=error)
    if status == _HTTP_TOO_LARGE:
        return Outcome(error=error, reason=TOO_LARGE, divisible=True)
    return Outcome(error=error, divisible=status == _HTTP_BAD)


def from_grpc(
    code: str,
    count: int,
    *,
    retry_after: float | None = None,
    detail: str = "",
    retry: Collection[str] = (),
) -> Outcome:
    """The outcome of a batch of ``count`` items whose call ended with the status named ``code``.

    ``retry`` are the names of codes that are tried again, if not those of the specification.
    """
    if code == "OK":
        return Outcome(delivered=count)
    error = f"gRPC {code}"
    if detail:
        error = f"{error}: {detail}"
    if code in GRPC_MISCONFIGURED:
        return Outcome(retry=True, retry_after=retry_after, error=error, misconfigured=True)
    if code in _GRPC_TOO_LARGE and retry_after is None and _TOO_LARGE_TEXT.search(detail):
        return Outcome(error=error, reason=TOO_LARGE, divisible=True)
    again = code in retry if retry else code in GRPC_RETRY
    if again or (code == "RESOURCE_EXHAUSTED" and retry_after is not None):
        return Outcome(retry=True, retry_after=retry_after, error=error)
    return Outcome(error=error, divisible=code == "INVALID_ARGUMENT")


def one_line(text: str, limit: int = 200) -> str:
    """Text from elsewhere, fit for one line of ours: no control characters, bounded."""
    clean = " ".join("".join(c if c.isprintable() else " " for c in text[: limit * 4]).split())
    return clean if len(clean) <= limit else f"{clean[: limit - 3]}..."


def _phrase(status: int) -> str:
    from http import HTTPStatus

    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return ""
