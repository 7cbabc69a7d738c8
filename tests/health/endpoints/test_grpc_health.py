"""Health over the gRPC protocol, with the stock client."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import grpc
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc

from pepperpy_otel.health.endpoints import grpc_health, grpc_servicer
from pepperpy_otel.health.status import HealthStatus
from tests.health.endpoints.fakes import FakeChecker

if TYPE_CHECKING:
    from collections.abc import Iterator

SERVING = health_pb2.HealthCheckResponse.SERVING
NOT_SERVING = health_pb2.HealthCheckResponse.NOT_SERVING
SERVICE_UNKNOWN = health_pb2.HealthCheckResponse.SERVICE_UNKNOWN


@pytest.fixture
def checker() -> FakeChecker:
    return FakeChecker(db=HealthStatus.HEALTHY, cache=HealthStatus.UNHEALTHY)


@pytest.fixture
def stub(checker: Any) -> Iterator[Any]:
    pool = ThreadPoolExecutor(4)
    server = grpc.server(pool)
    health_pb2_grpc.add_HealthServicer_to_server(grpc_servicer(checker), server)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    with grpc.insecure_channel(f"127.0.0.1:{port}") as channel:
        yield health_pb2_grpc.HealthStub(channel)
    server.stop(grace=None).wait()
    pool.shutdown()


def check(stub: Any, service: str) -> Any:
    return stub.Check(health_pb2.HealthCheckRequest(service=service), timeout=5).status


def test_services_are_groups_and_components(stub: Any) -> None:
    """No name is readiness; others are groups and components."""
    assert check(stub, "") == NOT_SERVING
    assert check(stub, "ready") == NOT_SERVING
    assert check(stub, "live") == SERVING
    assert check(stub, "db") == SERVING
    assert check(stub, "cache") == NOT_SERVING


def test_an_unknown_service_is_not_found(stub: Any) -> None:
    """What nobody knows has no status."""
    with pytest.raises(grpc.RpcError) as raised:
        check(stub, "nobody")
    assert raised.value.code() is grpc.StatusCode.NOT_FOUND


def test_nothing_registered_is_not_serving(stub: Any, checker: FakeChecker) -> None:
    """Before anything was checked nobody is told that we serve."""
    checker.verdicts = {}
    assert check(stub, "") == NOT_SERVING
    assert check(stub, "live") == SERVING


def test_draining_is_not_serving(stub: Any, checker: FakeChecker) -> None:
    """A process that is about to end is not ready, and is alive; components stay as they are."""
    del checker.verdicts["cache"]
    assert check(stub, "") == SERVING
    checker.draining = True
    assert check(stub, "") == NOT_SERVING
    assert check(stub, "ready") == NOT_SERVING
    assert check(stub, "db") == SERVING
    assert check(stub, "live") == SERVING


def test_a_watch_tells_of_changes(
    stub: Any, checker: FakeChecker, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The status now, then each other one; the subscription ends with the client."""
    monkeypatch.setattr(grpc_health, "LOOK", 0.02)  # it looks many times and says nothing new
    stream = stub.Watch(health_pb2.HealthCheckRequest(service="db"), timeout=20)
    assert next(stream).status == SERVING
    looks = len(checker.looks)
    deadline = time.monotonic() + 10
    while len(checker.looks) < looks + 5:
        assert time.monotonic() < deadline
        time.sleep(0.01)
    checker.verdicts["db"] = checker.verdicts["cache"]
    for watcher in checker.watchers:
        watcher(None)
    assert next(stream).status == NOT_SERVING
    del checker.verdicts["db"]
    assert next(stream).status == SERVICE_UNKNOWN  # found at the next look, nobody announced it
    stream.cancel()


def test_a_watch_ends_with_its_client(
    checker: FakeChecker, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Who has gone is not looked for any more, whatever changes."""

    class Context:
        def __init__(self) -> None:
            self.active = iter([True, False])

        def add_callback(self, callback: Any) -> None:
            callback()  # the client goes at once

        def is_active(self) -> bool:
            return next(self.active)

    monkeypatch.setattr(grpc_health, "LOOK", 30.0)
    request = health_pb2.HealthCheckRequest(service="db")
    answers = [each.status for each in grpc_servicer(checker).Watch(request, Context())]
    assert answers == [SERVING]
    assert checker.watchers == []
