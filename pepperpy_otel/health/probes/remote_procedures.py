"""gRPC: does a server say SERVING? The health protocol, its two messages written by hand.

https://github.com/grpc/grpc/blob/master/doc/health-checking.md: the request is a string in field 1,
the answer an enumeration in field 1, so that no package with generated code is needed.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pepperpy_otel.health.probes.awaiting import Awaiting
from pepperpy_otel.health.probes.blocking import Blocking
from pepperpy_otel.health.probes.drivers import cannot_use, need, origin
from pepperpy_otel.health.probes.wording import healthy, unhealthy

if TYPE_CHECKING:
    from pepperpy_otel.health.probes.deadline import Deadline
    from pepperpy_otel.health.status import HealthResult

METHOD = "/grpc.health.v1.Health/Check"
STATES = {0: "UNKNOWN", 1: "SERVING", 2: "NOT_SERVING", 3: "SERVICE_UNKNOWN"}
TAKES = "give a target (host:port), a grpc.Channel or a grpc.aio.Channel"
#: Without its own pool a new channel inherits the back-off of the old one: red after recovery.
OPTIONS = (("grpc.use_local_subchannel_pool", 1), ("grpc.enable_retries", 0))


def grpc(
    server: Any, *, service: str = "", credentials: Any = None, timeout: float = 1.0
) -> Blocking[Any] | Awaiting[Any]:
    """A probe: the server's health service says SERVING.

    Args:
        server: ``host:port``, a ``grpc.Channel``, or a ``grpc.aio.Channel`` (the probe is async).
        service: Name of the service to ask about; the whole server by default.
        credentials: ``grpc.ChannelCredentials`` for ``host:port``; without, in plain text.
        timeout: Seconds for a run.

    Raises:
        ValueError: The server cannot be used, or ``grpcio`` is not installed.
    """
    request = encoded(service)
    if isinstance(server, str):
        return Blocking(_Own(need("grpc", "grpcio"), server, credentials, request), timeout)
    if origin(server) != "grpc" or not hasattr(server, "unary_unary"):
        raise cannot_use(server, "grpc", TAKES)
    if isinstance(server, need("grpc.aio", "grpcio").Channel):
        return Awaiting(_AsyncGiven(server, request), timeout)
    return Blocking(_Given(server, request), timeout)


def encoded(service: str) -> bytes:
    """The HealthCheckRequest; an empty name is an empty message."""
    name = service.encode()
    length = bytearray()
    size = len(name)
    while size > 0x7F:
        length.append(size & 0x7F | 0x80)
        size >>= 7
    return b"\x0a" + bytes(length) + bytes([size]) + name if name else b""


def decoded(answer: bytes) -> str:
    """The state in a HealthCheckResponse; an empty message has the default, UNKNOWN."""
    if not answer:
        return STATES[0]
    if len(answer) == 2 and answer[0] == 0x08:
        return STATES.get(answer[1], f"state {answer[1]}")
    return "an answer that is no HealthCheckResponse"


def judged(state: str, target: str) -> HealthResult:
    """The result for a state."""
    if state == "SERVING":
        return healthy(state, target=target)
    return unhealthy(f"{target}: {state}", target=target)


class GrpcError(Exception):
    """What a call ended with, in one line (a grpc.RpcError prints itself over many)."""


def shortened(error: Any) -> Exception:
    """The error with its code and details only."""
    code = error.code().name
    if code == "DEADLINE_EXCEEDED":
        return TimeoutError("no answer")
    return GrpcError(f"{code}: {error.details()}")


class _Given:
    own = False
    secrets: tuple[str, ...] = ()
    target = "grpc"

    def __init__(self, channel: Any, request: bytes) -> None:
        self._channel = channel
        self._request = request
        self._error = need("grpc", "grpcio").RpcError

    def open(self, deadline: Deadline) -> Any:
        return self._channel

    def ask(self, connection: Any, deadline: Deadline) -> HealthResult:
        try:
            answer = connection.unary_unary(METHOD)(self._request, timeout=deadline.left())
        except self._error as error:
            raise shortened(error) from None
        return judged(decoded(answer), self.target)

    def close(self, connection: Any) -> None:
        """It is the user's."""


class _Own(_Given):
    own = True

    def __init__(self, driver: Any, target: str, credentials: Any, request: bytes) -> None:
        super().__init__(None, request)
        self._driver = driver
        self._address = target
        self._credentials = credentials
        self.target = f"grpc {target}"

    def open(self, deadline: Deadline) -> Any:
        if self._credentials is None:
            return self._driver.insecure_channel(self._address, options=OPTIONS)
        return self._driver.secure_channel(self._address, self._credentials, options=OPTIONS)

    def close(self, connection: Any) -> None:
        connection.close()


class _AsyncGiven(_Given):
    async def open(self, deadline: Deadline) -> Any:
        return self._channel

    async def ask(  # type: ignore[override]
        self, connection: Any, deadline: Deadline
    ) -> HealthResult:
        try:
            answer = await connection.unary_unary(METHOD)(self._request, timeout=deadline.left())
        except self._error as error:
            raise shortened(error) from None
        return judged(decoded(answer), self.target)

    async def close(self, connection: Any, *, polite: bool) -> None:  # type: ignore[override]
        """It is the user's."""
