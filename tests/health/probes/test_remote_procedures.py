"""gRPC, against a real server in this process that speaks the health protocol."""

from __future__ import annotations

import asyncio
import time
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import grpc
import grpc.aio
import pytest

from pepperpy_otel.health import HealthStatus, probes
from pepperpy_otel.health.probes.remote_procedures import decoded, encoded
from tests.health.probes.servers import LOOPBACK
from tests.ports import free_port

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


class Service(grpc.GenericRpcHandler):
    """Answers Health/Check with bytes, or does what the test says."""

    def __init__(self) -> None:
        self.answer: bytes | Callable[[Any], bytes] = b"\x08\x01"
        self.requests: list[bytes] = []

    def service(self, details: Any) -> Any:
        if details.method != "/grpc.health.v1.Health/Check":
            return None
        return grpc.unary_unary_rpc_method_handler(self._check)

    def _check(self, request: bytes, context: Any) -> bytes:
        self.requests.append(request)
        return self.answer(context) if callable(self.answer) else self.answer


def _serve(service: Service, port: int = 0) -> tuple[Any, int]:
    server = grpc.server(ThreadPoolExecutor(2), options=[("grpc.so_reuseport", 0)])
    server.add_generic_rpc_handlers((service,))
    port = server.add_insecure_port(f"{LOOPBACK}:{port}")
    server.start()
    return server, port


@pytest.fixture
def service() -> Service:
    return Service()


@pytest.fixture
def address(service: Service) -> Iterator[str]:
    server, port = _serve(service)
    yield f"{LOOPBACK}:{port}"
    server.stop(None).wait(10)


def test_a_server_that_serves_is_healthy(service: Service, address: str) -> None:
    """Asked about itself, or about a service by name."""
    for name, request in (("", b""), ("orders.v1.Orders", b"\x0a\x10orders.v1.Orders")):
        probe = probes.grpc(address, service=name)
        result: Any = probe()
        assert result.status is HealthStatus.HEALTHY
        assert result.data == {"target": f"grpc {address}"}
        assert service.requests.pop() == request
        probe.close()


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (b"", "UNKNOWN"),
        (b"\x08\x02", "NOT_SERVING"),
        (b"\x08\x03", "SERVICE_UNKNOWN"),
        (b"\x08\x09", "state 9"),
        (b"\x12\x01x", "an answer that is no HealthCheckResponse"),
    ],
)
def test_any_other_state_is_unhealthy(
    service: Service, address: str, answer: bytes, said: str
) -> None:
    """Never a false green."""
    service.answer = answer
    probe = probes.grpc(address)
    result: Any = probe()
    assert result.status is HealthStatus.UNHEALTHY
    assert result.reason == f"grpc {address}: {said}"
    probe.close()


def test_a_server_without_the_protocol_is_unhealthy(service: Service, address: str) -> None:
    """By its own word."""
    probe = probes.grpc(address)
    service.service = lambda details: None  # type: ignore[method-assign]
    result: Any = probe()
    assert "GrpcError: UNIMPLEMENTED" in result.reason
    probe.close()


def test_a_server_that_never_answers_fails_in_time(service: Service, address: str) -> None:
    """With gRPC's own deadline."""

    def slow(context: Any) -> bytes:
        time.sleep(0.6)
        return b"\x08\x01"

    service.answer = slow
    probe = probes.grpc(address, timeout=0.3)
    result: Any = probe()
    assert result.reason == f"grpc {address}: no answer within 0.3 s"
    probe.close()


def test_a_server_that_comes_back_is_healthy_at_once(service: Service) -> None:
    """GRPC's back-off does not keep the probe red."""
    server, port = _serve(service)
    probe = probes.grpc(f"{LOOPBACK}:{port}")
    statuses = []
    for _ in range(2):
        statuses.append(probe().status)  # type: ignore[union-attr]
        server.stop(None).wait(10)
        statuses += [probe().status for _ in range(3)]  # type: ignore[union-attr]
        server, _ = _serve(service, port)
    statuses.append(probe().status)  # type: ignore[union-attr]
    server.stop(None).wait(10)
    probe.close()
    good, bad = HealthStatus.HEALTHY, HealthStatus.UNHEALTHY
    assert statuses == [good, bad, bad, bad, good, bad, bad, bad, good]


def test_channels_of_the_users_are_asked_and_kept(address: str) -> None:
    """Blocking and asyncio."""
    with grpc.insecure_channel(address) as channel:
        probe = probes.grpc(channel)
        result: Any = probe()
        assert result.status is HealthStatus.HEALTHY
        probe.close()
        assert probe().status is HealthStatus.HEALTHY  # type: ignore[union-attr]

    async def main() -> list[Any]:
        found = []
        for target in (address, f"{LOOPBACK}:{free_port()}"):
            async with grpc.aio.insecure_channel(target) as channel:
                probe: Any = probes.grpc(channel)
                found.append(await probe())
                await probe.aclose()
        return found

    good, bad = asyncio.run(main())
    assert good.status is HealthStatus.HEALTHY
    assert bad.reason.startswith("grpc: GrpcError: UNAVAILABLE")


def test_credentials_make_a_secure_channel(address: str) -> None:
    """TLS to a server in plain text cannot be."""
    probe = probes.grpc(address, credentials=grpc.ssl_channel_credentials())
    result: Any = probe()
    assert result.status is HealthStatus.UNHEALTHY
    probe.close()


def test_the_messages_are_those_of_the_protocol() -> None:
    """A long name has a length of two bytes."""
    assert encoded("x" * 200) == b"\x0a\xc8\x01" + b"x" * 200
    assert decoded(b"\x08\x01") == "SERVING"


def test_what_is_no_channel_is_refused() -> None:
    """By type."""
    with pytest.raises(ValueError, match=r"builtins\.int"):
        probes.grpc(5)
