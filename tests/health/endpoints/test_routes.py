"""What each path answers."""

from __future__ import annotations

import json
from typing import Any

import pytest

from pepperpy_otel.health.endpoints.routes import Routes
from pepperpy_otel.health.status import HealthStatus
from tests.health.endpoints.fakes import FakeChecker

HEALTHY, DEGRADED = HealthStatus.HEALTHY, HealthStatus.DEGRADED
UNHEALTHY, UNKNOWN = HealthStatus.UNHEALTHY, HealthStatus.UNKNOWN


def routes(token: str | None = None, **statuses: HealthStatus) -> Routes:
    checker: Any = FakeChecker(**statuses)
    return Routes(checker, token)


@pytest.mark.parametrize(
    ("status", "code", "word"),
    [
        (HEALTHY, 200, "pass"),
        (DEGRADED, 200, "warn"),
        (UNHEALTHY, 503, "fail"),
        (UNKNOWN, 503, "fail"),
    ],
)
@pytest.mark.parametrize("path", ["/readyz", "/healthz", "/healthz/db"])
def test_status_code_and_word(status: HealthStatus, code: int, word: str, path: str) -> None:
    """Healthy and degraded are served, everything else is 503, in the draft's words."""
    answer = routes(db=status).answer("GET", path)
    assert (answer.status, json.loads(answer.body)) == (code, {"status": word})


def test_an_answer_is_never_cached_and_says_its_type() -> None:
    """The draft's example has a max-age; a kept answer would be a stale one."""
    headers = dict(routes(db=HEALTHY).answer("GET", "/readyz").headers)
    assert headers["Content-Type"] == "application/health+json"
    assert headers["Cache-Control"] == "no-store"
    assert headers["Content-Length"] == str(len(b'{"status": "pass"}'))


def test_liveness_without_checks_is_green() -> None:
    """Nothing registered is no reason to be restarted."""
    assert routes().answer("GET", "/livez").status == 200


def test_an_empty_group_is_never_green() -> None:
    """A group without a member has nothing to be green about; the token tells why."""
    assert routes().answer("GET", "/startupz").status == 503
    told = routes("t").answer("GET", "/startupz", "Bearer t")
    assert "startup" in json.loads(told.body)["output"]


@pytest.mark.parametrize("path", ["/healthz/other", "/healthz/", "/metrics", "/", "/livezz"])
def test_unknown_paths_are_404(path: str) -> None:
    """Neither an unknown component nor another path is a verdict."""
    assert routes(db=HEALTHY).answer("GET", path).status == 404


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "OPTIONS"])
def test_other_methods_are_refused(method: str) -> None:
    """GET and HEAD are for probes; nothing can be changed here."""
    answer = routes(db=HEALTHY).answer(method, "/readyz")
    assert answer.status == 405
    assert dict(answer.headers)["Allow"] == "GET, HEAD"


@pytest.mark.parametrize(
    "authorization", [None, "", "Bearer", "Bearer wrong", "Basic t0ken", "t0ken", "Bearer t0kené"]
)
def test_details_need_the_token(authorization: str | None) -> None:
    """Without the right bearer token a body is the status and nothing else."""
    answer = routes("t0ken", db=UNHEALTHY).answer("GET", "/healthz", authorization)
    assert json.loads(answer.body) == {"status": "fail"}


def test_no_token_no_details() -> None:
    """Where no token is set, none is right."""
    answer = routes(db=UNHEALTHY).answer("GET", "/healthz", "Bearer ")
    assert json.loads(answer.body) == {"status": "fail"}


@pytest.mark.parametrize("path", ["/healthz", "/readyz", "/healthz/db"])
def test_the_token_shows_masked_details(path: str) -> None:
    """Who shows the token is told each component, as get_details() has masked it."""
    answer = routes("t0ken", db=UNHEALTHY).answer("GET", path, "bearer t0ken")
    body = json.loads(answer.body)
    assert body["checks"]["db"] == [{"status": "fail", "state": "unhealthy", "reason": "masked"}]
    assert b"hunter2" not in answer.body


def test_the_checkers_own_token_counts() -> None:
    """The token of configure() reaches apps that were made before it."""
    checker: Any = FakeChecker(db=HEALTHY)
    made_early = Routes(checker)
    checker.token = "late"
    assert b"checks" in made_early.answer("GET", "/healthz", "Bearer late").body


def test_a_component_name_may_be_quoted() -> None:
    """Clients that quote unreserved characters mean the same component."""
    assert routes(db=HEALTHY).answer("GET", "/healthz/d%62").status == 200


@pytest.mark.parametrize(
    ("data", "shown"),
    [
        ({"rate": float("nan"), "half": 0.5}, {"rate": "nan", "half": 0.5}),
        ({("a", 1): [{2: float("-inf")}]}, {"('a', 1)": [{"2": "-inf"}]}),
        ({"kind": object}, {"kind": "<class 'object'>"}),
    ],
)
def test_details_are_json_whatever_a_check_says(data: Any, shown: Any) -> None:
    """Data of any kind is an answer that every parser reads: no NaN, no keys but texts."""
    checker: Any = FakeChecker(db=UNHEALTHY)
    checker.get_details = lambda name: {"status": "unhealthy", "data": data}
    body = Routes(checker, "t").answer("GET", "/healthz/db", "Bearer t").body

    def refuse(constant: str) -> None:
        raise AssertionError(f"{constant} is no JSON")

    told = json.loads(body, parse_constant=refuse)["checks"]["db"][0]["data"]
    assert told == shown
