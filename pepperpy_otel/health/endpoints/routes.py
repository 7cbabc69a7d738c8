"""What each path answers, without any server: method and path in, status and body out.

``/livez``, ``/readyz`` and ``/startupz`` are the groups, ``/healthz`` is the whole,
``/healthz/<name>`` one component. A body says the status and nothing else, since a probe's port is
often open to more than probes; reasons and data go to who shows the token. The format is that of
the IETF draft (https://datatracker.ietf.org/doc/html/draft-inadarei-api-health-check-06), without
its caching: an answer that is kept is a stale one.
"""

from __future__ import annotations

import hmac
import json
import math
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import unquote

from pepperpy_otel.health.status import HealthStatus

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pepperpy_otel.health.checker import HealthChecker

GROUPS = {"/livez": "live", "/readyz": "ready", "/startupz": "startup"}
WHOLE = "/healthz"
CONTENT_TYPE = "application/health+json"
#: The draft's words for what we call healthy, degraded and all the rest.
_WORDS = {HealthStatus.HEALTHY: "pass", HealthStatus.DEGRADED: "warn"}
_SERVED = frozenset(_WORDS)


class Answer(NamedTuple):
    """A whole answer; for HEAD the body is there all the same and not to be sent."""

    status: int
    headers: tuple[tuple[str, str], ...]
    body: bytes


class Routes:
    """Answers for one checker.

    Args:
        checker: Whose snapshot is read.
        token: With it as bearer token a client is told details; ``None`` takes the checker's, and
            without any nobody is told.
    """

    def __init__(self, checker: HealthChecker, token: str | None = None) -> None:
        self._checker = checker
        self._token = token

    @staticmethod
    def covers(path: str) -> bool:
        """Whether ``path`` (without its query) is one of ours."""
        return path in GROUPS or path == WHOLE or path.startswith(f"{WHOLE}/")

    def answer(self, method: str, path: str, authorization: str | None = None) -> Answer:
        """The answer to one request.

        Args:
            method: GET and HEAD are answered, others get 405.
            path: Without the query, which is never looked at: none reveals anything.
            authorization: The header of that name.
        """
        if not self.covers(path):
            return _reply(404, {"status": "fail"})
        if method not in {"GET", "HEAD"}:
            return _reply(405, {"status": "fail"}, ("Allow", "GET, HEAD"))
        checker = self._checker
        told = self._may_see(authorization)
        if path in GROUPS:
            return _group(checker, GROUPS[path], told)
        if path == WHOLE:
            return _whole(checker, told)
        return _component(checker, unquote(path[len(WHOLE) + 1 :]), told)

    def _may_see(self, authorization: str | None) -> bool:
        token = self._token or self._checker.token
        if not token or authorization is None:
            return False
        scheme, _, given = authorization.partition(" ")
        return scheme.lower() == "bearer" and hmac.compare_digest(
            given.strip().encode("utf-8", "surrogateescape"), token.encode()
        )


def _group(checker: HealthChecker, group: str, told: bool) -> Answer:
    try:
        status = checker.group_status(group)
    except LookupError as error:  # an empty group has nothing to be green about
        return _said(HealthStatus.UNKNOWN, {"output": str(error.args[0])} if told else {})
    members = [
        name for name, verdict in checker.snapshot().items() if told and group in verdict.groups
    ]
    return _said(status, _details(checker, members))


def _whole(checker: HealthChecker, told: bool) -> Answer:
    """503 only for a critical component: what may fail is said, and does not cut traffic."""
    return _said(
        checker.overall_status(), _details(checker, list(checker.snapshot()) if told else ())
    )


def _component(checker: HealthChecker, name: str, told: bool) -> Answer:
    try:
        status = checker.check_component(name)
    except LookupError:
        return _reply(404, {"status": "fail"})
    return _said(status, _details(checker, [name] if told else ()))


def _details(checker: HealthChecker, names: Any) -> Mapping[str, Any]:
    if not names:
        return {}
    return {"checks": {name: [_detail(checker.get_details(name))] for name in names}}


def _detail(details: Mapping[str, Any]) -> Mapping[str, Any]:
    """One component in the draft's words; get_details() has masked what is secret."""
    return {**details, "status": _word(HealthStatus(details["status"])), "state": details["status"]}


def _word(status: HealthStatus) -> str:
    return _WORDS.get(status, "fail")


def _said(status: HealthStatus, more: Mapping[str, Any]) -> Answer:
    return _reply(200 if status in _SERVED else 503, {"status": _word(status), **more})


def _reply(status: int, content: Mapping[str, Any], *headers: tuple[str, str]) -> Answer:
    body = _json(content).encode("utf-8", "replace")
    fixed = (("Content-Type", CONTENT_TYPE), ("Cache-Control", "no-store"))
    return Answer(status, (*fixed, ("Content-Length", str(len(body))), *headers), body)


def _json(content: Any) -> str:
    try:
        return json.dumps(content, default=str, allow_nan=False)
    except (ValueError, TypeError):  # a check's data may hold anything, as values and as keys
        return json.dumps(_strict(content), default=str)


def _strict(value: Any) -> Any:
    """With texts for what JSON has no word for: NaN, the infinities, keys that are no texts."""
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    if isinstance(value, dict):
        return {str(key): _strict(each) for key, each in value.items()}
    return [_strict(each) for each in value] if isinstance(value, list) else value
