from __future__ import annotations

import socket
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import grpc
import pytest
from google.protobuf.any_pb2 import Any as AnyMessage
from google.rpc.error_details_pb2 import DebugInfo, RetryInfo
from google.rpc.status_pb2 import Status
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)

from pepperpy_otel._version import __version__
from pepperpy_otel.delivery import OtlpEndpoint, Outcome, build_destination
from pepperpy_otel.delivery.encoding import SERVICES
from pepperpy_otel.delivery.grpc import GrpcSender, address_of, retry_delay
from tests.delivery.fakes import make_metrics, make_records, make_spans
from tests.delivery.grpc_sink import GrpcSink, Reply
from tests.delivery.sinks import never_answer, wait_for
from tests.ports import free_port

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


@pytest.fixture
def sink() -> Iterator[Callable[..., GrpcSink]]:
    """Makes gRPC servers."""
    made: list[GrpcSink] = []

    def make(**options: Any) -> GrpcSink:
        made.append(GrpcSink(**options))
        return made[-1]

    yield make
    for each in made:
        each.close()


@pytest.fixture
def sender() -> Iterator[Callable[..., GrpcSender]]:
    """Makes senders of spans; each is closed at the end."""
    made: list[GrpcSender] = []

    def make(url: str, signal: Any = "traces", **options: Any) -> GrpcSender:
        made.append(GrpcSender(signal, OtlpEndpoint(url, protocol="grpc", **options)))
        return made[-1]

    yield make
    for each in made:
        each.close()


def send(sender: GrpcSender, *names: str, timeout: float = 10.0) -> Outcome:
    """Send spans of these names, one if none is given."""
    return sender.send(make_spans(*(names or ("span",))), timeout)


def span_names(body: bytes) -> list[str]:
    """Of a request."""
    request = ExportTraceServiceRequest.FromString(body)
    return [span.name for span in request.resource_spans[0].scope_spans[0].spans]


def test_a_batch_is_sent(sink: Any, sender: Any) -> None:
    """To the signal's service, with our name on it."""
    server = sink()
    assert send(sender(f"http://{server.address}"), "a", "b") == Outcome(delivered=2)
    (call,) = server.calls
    assert (call.service, span_names(call.body)) == (SERVICES["traces"], ["a", "b"])
    assert call.metadata["user-agent"].startswith(f"pepperpy-otel/{__version__} ")


def test_all_signals_are_sent(sink: Any, sender: Any) -> None:
    """Each to its own service."""
    server = sink()
    url = f"http://{server.address}"
    assert sender(url, "logs").send(make_records("x"), 10) == Outcome(delivered=1)
    assert sender(url, "metrics").send([make_metrics(a=1, b=1)], 10) == Outcome(delivered=2)
    assert [call.service for call in server.calls] == [SERVICES["logs"], SERVICES["metrics"]]


@pytest.mark.parametrize("compression", ["gzip", "none"])
def test_compression_is_as_asked(sink: Any, sender: Any, compression: str) -> None:
    """Both work; the server gets the same."""
    server = sink()
    made = sender(f"http://{server.address}", compression=compression)
    assert made.send(make_spans("s", attributes={"a": "x" * 10_000}), 10).delivered == 1
    assert span_names(server.calls[0].body) == ["s"]


def test_headers_become_metadata(sink: Any, sender: Any) -> None:
    """In lower case; binary ones as bytes; the user agent is ours to set, or the user's."""
    server = sink()
    headers = {"X-Token": "secret", "trace-bin": "bytes", "User-Agent": "mine"}
    assert send(sender(f"http://{server.address}", headers=headers)).delivered == 1
    metadata = server.calls[0].metadata
    assert (metadata["x-token"], metadata["trace-bin"]) == ("secret", b"bytes")
    assert metadata["user-agent"].startswith("mine ")


@pytest.mark.parametrize("headers", [{"x": "sécret"}, {"x": "a\nb"}, {"my key": "x"}])
def test_headers_that_grpc_cannot_carry_are_an_error(headers: dict[str, str]) -> None:
    """Said by name before anything is sent, and without the value."""
    with pytest.raises(ValueError, match="gRPC cannot carry") as caught:
        GrpcSender("traces", OtlpEndpoint("http://host:4317", headers=headers))
    assert "sécret" not in str(caught.value)


CODES: Any = [
    ("CANCELLED", True, False), ("DEADLINE_EXCEEDED", True, False), ("ABORTED", True, False),
    ("OUT_OF_RANGE", True, False), ("UNAVAILABLE", True, False), ("DATA_LOSS", True, False),
    ("UNAUTHENTICATED", True, True), ("PERMISSION_DENIED", True, True),
    ("UNIMPLEMENTED", True, True), ("INVALID_ARGUMENT", False, False),
    ("RESOURCE_EXHAUSTED", False, False), ("INTERNAL", False, False),
]  # fmt: skip


@pytest.mark.parametrize(("code", "retry", "misconfigured"), CODES)
def test_every_code_ends_in_its_bucket(
    sink: Any, sender: Any, code: str, retry: bool, misconfigured: bool
) -> None:
    """And the next batch gets through."""
    server = sink()
    server.replies = [Reply(code, "be\ncause"), Reply()]
    made = sender(f"http://{server.address}")
    outcome = send(made)
    assert (outcome.delivered, outcome.retry, outcome.misconfigured) == (0, retry, misconfigured)
    assert code in (outcome.error or "")
    if code != "DEADLINE_EXCEEDED":
        assert (outcome.error or "").endswith(": be cause")
    assert send(made).delivered == 1


def details(*messages: Any) -> tuple[tuple[str, Any], ...]:
    """Status details as a server sends them."""
    status = Status(code=8)
    for message in messages:
        packed = AnyMessage()
        packed.Pack(message)
        status.details.append(packed)
    return (("other", "x"), ("grpc-status-details-bin", status.SerializeToString()))


def test_an_exhausted_server_says_when_to_come_back(sink: Any, sender: Any) -> None:
    """RetryInfo turns RESOURCE_EXHAUSTED into a retry."""
    info = RetryInfo()
    info.retry_delay.FromMilliseconds(2500)
    server = sink()
    server.replies = [Reply("RESOURCE_EXHAUSTED", trailers=details(DebugInfo(), info))]
    outcome = send(sender(f"http://{server.address}"))
    assert (outcome.retry, outcome.retry_after) == (True, 2.5)


@pytest.mark.parametrize(
    "trailers", [(), details(DebugInfo()), (("grpc-status-details-bin", b"\xff"),)]
)
def test_without_retry_info_there_is_no_delay(trailers: Any) -> None:
    """Other details, or such as cannot be read, ask for nothing."""

    class Error:
        def trailing_metadata(self) -> Any:
            return trailers or None

    assert retry_delay(Error()) is None


def test_a_partial_success_is_counted(sink: Any, sender: Any) -> None:
    """What the server rejected is not called delivered."""
    answer = ExportTraceServiceResponse()
    answer.partial_success.rejected_spans = 2
    server = sink()
    server.replies = [Reply(body=answer.SerializeToString())]
    outcome = send(sender(f"http://{server.address}"), "a", "b", "c")
    assert (outcome.delivered, outcome.rejected) == (1, 2)


def test_nobody_listens_and_then_somebody_does(sink: Any, sender: Any) -> None:
    """A refused connection is quick to say so, and tried afresh by the next batch."""
    port = free_port()
    made = sender(f"http://127.0.0.1:{port}")
    started = time.monotonic()
    for _ in range(3):
        outcome = send(made)
        assert outcome.retry
        assert "UNAVAILABLE" in (outcome.error or "")
    assert time.monotonic() - started < 5
    sink(port=port)
    assert send(made).delivered == 1


def test_a_server_that_never_answers_is_left_in_time(raw_sink: Any, sender: Any) -> None:
    """The shorter of the endpoint's and the caller's timeout holds."""
    server = raw_sink(never_answer)
    send(sender(server.url, timeout=0.05))
    for endpoint, caller in ((10.0, 0.3), (0.3, 10.0)):
        started = time.monotonic()
        outcome = send(sender(server.url, timeout=endpoint), timeout=caller)
        assert time.monotonic() - started < 3
        assert outcome.retry
        assert (outcome.error or "").endswith("no answer within 0.3 s")


def test_what_is_not_grpc_is_an_outage(http_sink: Any, sender: Any) -> None:
    """An HTTP/1.1 server does not speak our protocol."""
    outcome = send(sender(http_sink().url))
    assert (outcome.delivered, outcome.retry) == (0, True)


def test_an_interrupted_call_ends_at_once(sink: Any, sender: Any) -> None:
    """From another thread, while the server keeps silent."""
    server = sink()
    server.gate = threading.Event()
    made = sender(f"http://{server.address}")
    made.interrupt()  # nothing is under way: harmless
    outcomes: list[Outcome] = []
    thread = threading.Thread(target=lambda: outcomes.append(send(made, timeout=30)))
    started = time.monotonic()
    thread.start()
    wait_for(lambda: server.calls)
    made.interrupt()
    thread.join(10)
    assert time.monotonic() - started < 10
    assert outcomes[0].retry


def test_an_interrupted_sender_keeps_the_batch(sink: Any, sender: Any) -> None:
    """A channel that was closed meanwhile is an outage; the next batch has a new one."""
    made = sender(f"http://{sink().address}")
    send(made)
    made.interrupt()
    outcome = send(made)
    assert (outcome.delivered, outcome.retry, outcome.misconfigured) == (0, True, False)
    assert send(made).delivered == 1


def test_poisonous_spans_are_left_out(sink: Any, sender: Any) -> None:
    """The rest is sent; if nothing is left, nothing is."""
    server = sink()
    spans: list[Any] = [*make_spans("good"), "no span at all"]
    made = sender(f"http://{server.address}")
    outcome = made.send(spans, 10)
    assert (outcome.delivered, outcome.unencodable) == (1, 1)
    outcome = made.send(spans[1:], 10)
    assert (outcome.delivered, outcome.unencodable, len(server.calls)) == (0, 1, 1)


def test_a_message_beyond_the_servers_limit_arrives_in_parts(
    sink: Any, sender: Any, pipeline: Any
) -> None:
    """A real server takes 4 MiB; six spans of 1 MB and one of 5 MB are sent at once."""
    server = sink()
    endpoint = OtlpEndpoint(f"http://{server.address}", protocol="grpc")
    made = pipeline(build_destination("otlp", endpoints={"traces": endpoint}))
    spans = [
        make_spans(f"s{number}", attributes={"text": "x" * size})[0]
        for number, size in enumerate([1_000_000] * 6 + [5_000_000])
    ]
    for span in spans:
        made.span_processor().on_end(span)
    result = made.flush(20)
    assert (result.delivered.traces, result.dropped.traces) == (6, 1)
    assert made.stats().dropped_by_reason == {"too_large": 1}


@pytest.mark.skipif(not hasattr(socket, "AF_UNIX"), reason="unix sockets")
def test_unix_sockets(sink: Any, sender: Any, tmp_path: Path) -> None:
    """As gRPC names them."""
    path = tmp_path / "otel.sock"
    server = sink(address=f"unix:{path}")
    for url in (f"unix:{path}", f"unix://{path}"):
        assert send(sender(url, insecure=True)).delivered == 1
    assert len(server.calls) == 2


def test_codes_that_the_user_wants_tried_again(sink: Any, sender: Any) -> None:
    """They reach the judgement of the answer."""
    server = sink()
    server.replies = [Reply("INTERNAL")]
    url = f"http://{server.address}"
    assert not send(sender(url)).retry
    assert send(sender(url, grpc_retryable=("INTERNAL",))).retry


@pytest.mark.parametrize(
    ("url", "insecure", "address", "secure"),
    [
        ("http://host:4317", None, "host:4317", False),
        ("http://user:pass@host:4317/path", False, "host:4317", False),
        ("https://host:4317", True, "host:4317", True),
        ("host:4317", None, "host:4317", True),
        ("host:4317", True, "host:4317", False),
        ("host:4317", False, "host:4317", True),
        ("unix:///run/otel.sock", True, "unix:///run/otel.sock", False),
    ],
)
def test_addresses_and_security_follow_the_specification(
    url: str, insecure: bool | None, address: str, secure: bool
) -> None:
    """A scheme decides; without one, the setting does."""
    assert address_of(OtlpEndpoint(url, insecure=insecure)) == (address, secure)


class TestTls:
    def server_credentials(self, certificates: Any, *, ask_client: bool = False) -> Any:
        def read(name: str) -> bytes:
            return Path(getattr(certificates, name)).read_bytes()

        return grpc.ssl_server_credentials(
            [(read("server_key"), read("server"))],
            root_certificates=read("ca") if ask_client else None,
            require_client_auth=ask_client,
        )

    def test_a_server_of_our_authority_is_trusted(
        self, sink: Any, sender: Any, certificates: Any
    ) -> None:
        """And no other."""
        server = sink(credentials=self.server_credentials(certificates))
        url = f"https://{server.address}"
        assert send(sender(url, certificate=certificates.ca)).delivered == 1
        assert send(sender(url)).retry

    @pytest.mark.parametrize("both_in_one", ["client_certificate", "client_key", None])
    def test_the_client_shows_its_certificate(
        self, sink: Any, sender: Any, certificates: Any, both_in_one: str | None
    ) -> None:
        """Key and certificate in two files, or in one under either name."""
        server = sink(credentials=self.server_credentials(certificates, ask_client=True))
        files: Any = {"client_certificate": certificates.client}
        files["client_key"] = certificates.client_key
        if both_in_one:
            files = {both_in_one: certificates.client_both}
        url = f"https://{server.address}"
        assert send(sender(url, certificate=certificates.ca, **files)).delivered == 1
        assert send(sender(url, certificate=certificates.ca)).retry

    def test_a_certificate_that_cannot_be_read_is_an_error(self) -> None:
        """Nothing is sent without the protection that was asked for."""
        with pytest.raises(OSError):
            GrpcSender("traces", OtlpEndpoint("https://host", certificate="/nonexistent"))
