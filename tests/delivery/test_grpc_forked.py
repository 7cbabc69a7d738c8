from __future__ import annotations

import socket
import threading
from typing import TYPE_CHECKING, Any

import pytest
from google.protobuf.any_pb2 import Any as AnyMessage
from google.rpc.error_details_pb2 import RetryInfo
from google.rpc.status_pb2 import Status
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)

from pepperpy_otel._version import __version__
from pepperpy_otel.delivery import OtlpEndpoint, Outcome, build_destination
from pepperpy_otel.delivery.grpc_forked import target_of
from tests.delivery.fakes import make_records, make_spans
from tests.delivery.forked_grpc import sender
from tests.delivery.grpc_sink import GrpcSink, Reply
from tests.delivery.sinks import never_answer, wait_for

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture
def sink() -> Iterator[GrpcSink]:
    running = GrpcSink()
    yield running
    running.close()


@pytest.mark.parametrize("compression", ["none", "gzip"])
def test_a_batch_arrives(sink: GrpcSink, compression: Any) -> None:
    """As grpcio would bring it: request, metadata, name of the client."""
    ours = sender(
        sink.address,
        compression=compression,
        headers={"Token": "secret", "trace-bin": "\0x", "User-Agent": "mine"},
    )
    for _ in range(2):
        assert ours.send(make_spans("a", "b"), 10) == Outcome(delivered=2)
    request = ExportTraceServiceRequest.FromString(sink.calls[1].body)
    assert [span.name for span in request.resource_spans[0].scope_spans[0].spans] == ["a", "b"]
    assert sink.calls[1].metadata == {
        "token": "secret",
        "trace-bin": b"\0x",
        "user-agent": f"mine pepperpy-otel/{__version__}",
    }
    assert sender(sink.address, "logs").send(make_records("hi"), 10) == Outcome(delivered=1)
    assert [call.service.split(".")[3] for call in sink.calls] == ["trace", "trace", "logs"]


def test_a_large_batch_arrives(sink: GrpcSink) -> None:
    """Larger than any window."""
    spans = make_spans(*(f"{n}" * 400 for n in range(800)))
    assert sender(sink.address).send(spans, 30) == Outcome(delivered=800)
    assert len(sink.calls[0].body) > 500_000


def test_a_partial_success_is_counted(sink: GrpcSink) -> None:
    """The answer is read, also a compressed one."""
    answer = ExportTraceServiceResponse()
    answer.partial_success.rejected_spans = 1
    answer.partial_success.error_message = "too old"
    sink.replies = [Reply(body=answer.SerializeToString())]
    outcome = sender(sink.address).send(make_spans("a", "b"), 10)
    assert (outcome.delivered, outcome.rejected, outcome.error) == (
        1,
        1,
        "partial success: too old",
    )


@pytest.mark.parametrize(
    ("code", "retry", "misconfigured"),
    [
        ("UNAVAILABLE", True, False),
        ("INVALID_ARGUMENT", False, False),
        ("UNAUTHENTICATED", True, True),
        ("RESOURCE_EXHAUSTED", False, False),
    ],
)
def test_a_status_means_what_it_means_in_grpcio(
    sink: GrpcSink, code: str, retry: bool, misconfigured: bool
) -> None:
    """With its message, whatever is in it."""
    sink.replies = [Reply(code, "wäit 100%")]
    outcome = sender(sink.address).send(make_spans("a"), 10)
    assert (outcome.retry, outcome.misconfigured) == (retry, misconfigured)
    assert outcome.error == f"gRPC {code}: wäit 100%"


def test_the_server_may_say_when_to_come_back(sink: GrpcSink) -> None:
    """RetryInfo in the status' details."""
    info, status, packed = RetryInfo(), Status(code=8), AnyMessage()
    info.retry_delay.seconds = 7
    packed.Pack(info)
    status.details.append(packed)
    trailers = (("grpc-status-details-bin", status.SerializeToString()),)
    sink.replies = [Reply("RESOURCE_EXHAUSTED", trailers=trailers)]
    outcome = sender(sink.address).send(make_spans("a"), 10)
    assert (outcome.retry, outcome.retry_after) == (True, 7.0)


def test_tls_with_a_client_certificate(certificates: Any) -> None:
    """ALPN says that we speak HTTP/2."""
    import grpc

    credentials = grpc.ssl_server_credentials(
        [(_read(certificates.server_key), _read(certificates.server))],
        _read(certificates.ca),
        require_client_auth=True,
    )
    sink = GrpcSink(credentials)
    options = {"certificate": certificates.ca, "client_certificate": certificates.client}
    url = f"https://{sink.address}"
    ours = sender(url, client_key=certificates.client_key, **options)
    assert ours.send(make_spans("a"), 10) == Outcome(delivered=1)
    refused = sender(url, certificate=certificates.ca).send(make_spans("a"), 10)
    assert refused.retry
    sink.close()


def _read(path: str) -> bytes:
    with open(path, "rb") as file:
        return file.read()


def test_a_unix_socket(tmp_path: Path) -> None:
    """As grpcio, where a sidecar listens on one."""
    sink = GrpcSink(address=f"unix:{tmp_path / 'otlp.sock'}")
    ours = sender(f"unix:{tmp_path / 'otlp.sock'}", insecure=True)
    assert ours.send(make_spans("a"), 10) == Outcome(delivered=1)
    sink.close()


def test_a_proxy_is_gone_through(
    sink: GrpcSink, raw_sink: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By CONNECT, in the clear, too."""
    asked: list[bytes] = []

    def proxy(client: socket.socket) -> None:
        head = b""
        while not head.endswith(b"\r\n\r\n"):
            head += client.recv(1)
        asked.append(head.split(b"\r\n")[0])
        client.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
        with socket.create_connection(("127.0.0.1", sink.port)) as server:
            back = threading.Thread(target=_copy, args=(server, client))
            back.start()
            _copy(client, server)
            back.join()

    monkeypatch.setenv("https_proxy", f"http://127.0.0.1:{raw_sink(proxy).port}")
    monkeypatch.delenv("no_proxy", raising=False)
    monkeypatch.delenv("NO_PROXY", raising=False)
    assert sender("collector.test:4317").send(make_spans("a"), 10) == Outcome(delivered=1)
    assert asked == [b"CONNECT collector.test:4317 HTTP/1.1"]


def _copy(source: socket.socket, target: socket.socket) -> None:
    while data := source.recv(65536):
        target.sendall(data)
    target.shutdown(socket.SHUT_WR)


@pytest.mark.parametrize(
    ("address", "target"),
    [
        ("collector:4317", (None, "collector", 4317)),
        ("collector", (None, "collector", 443)),
        ("[::1]:4317", (None, "::1", 4317)),
        ("[::1]", (None, "::1", 443)),
        ("dns:///collector:4317", (None, "collector", 4317)),
        ("dns://8.8.8.8/collector:4317", (None, "collector", 4317)),
        ("dns:collector:4317", (None, "collector", 4317)),
        ("ipv4:127.0.0.1:4317,127.0.0.2:4317", (None, "127.0.0.1", 4317)),
        ("ipv6:[::1]:4317", (None, "::1", 4317)),
        ("unix:/run/otlp", ("/run/otlp", "localhost", 0)),
        ("unix:///run/otlp", ("/run/otlp", "localhost", 0)),
    ],
)
def test_targets(address: str, target: tuple[str | None, str, int]) -> None:
    """As gRPC names them."""
    assert target_of(address) == target


def test_a_target_that_only_grpcio_can_resolve_is_said_once_and_counted(
    pipeline: Any, said: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A child that cannot use gRPC loses nothing silently."""
    monkeypatch.setattr("pepperpy_otel.delivery.factory.is_child", lambda: True)
    endpoint = OtlpEndpoint("xds:///collector", protocol="grpc", insecure=True)
    running = pipeline(build_destination("otlp", endpoints={"traces": endpoint}))
    processor = running.span_processor()
    for name in "ab":
        (span,) = make_spans(name)
        processor.on_end(span)
        assert not running.flush(0.3)
    assert running.stats().pending.traces == 2
    (line,) = said
    assert "a forked child cannot reach a target of the kind xds:" in line


def test_a_child_speaks_without_grpcio(sink: GrpcSink, monkeypatch: pytest.MonkeyPatch) -> None:
    """The parent with it."""
    endpoints = {"traces": OtlpEndpoint(f"http://{sink.address}", protocol="grpc")}
    make = build_destination("otlp", endpoints=endpoints).senders["traces"]
    parents = make()
    monkeypatch.setattr("pepperpy_otel.delivery.factory.is_child", lambda: True)
    assert (type(parents).__name__, type(make()).__name__) == ("GrpcSender", "ForkedGrpcSender")


def test_a_child_of_the_child_lets_go_of_the_call(raw_sink: Any) -> None:
    """The socket is closed there, and says nothing: here it goes on."""
    entered, gone = threading.Event(), threading.Event()

    def behave(connection: socket.socket) -> None:
        connection.recv(65536)
        entered.set()
        never_answer(connection)
        gone.set()

    ours = sender(f"127.0.0.1:{raw_sink(behave).port}")
    ours.let_go()
    thread = threading.Thread(target=ours.send, args=(make_spans("a"), 30))
    thread.start()
    assert entered.wait(10)
    connection = ours._connection
    assert connection is not None
    mine = connection.sock.dup()  # what the child would have
    parents, connection._socket = connection._socket, mine
    ours.let_go()
    ours.let_go()
    assert mine.fileno() == -1
    assert not gone.wait(0.05)
    connection._socket = parents
    ours.interrupt()
    thread.join(10)
    wait_for(gone.is_set)
