from __future__ import annotations

import contextlib
import email.utils
import math
import threading
import time
from typing import TYPE_CHECKING, Any

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceResponse

from pepperpy_otel._version import __version__
from pepperpy_otel.delivery import OtlpEndpoint, Outcome
from pepperpy_otel.delivery.http import HttpSender, parse_retry_after
from tests.delivery.fakes import make_metrics, make_records, make_spans
from tests.delivery.sinks import Answer, never_answer, read_request, reset, wait_for
from tests.ports import free_port

if TYPE_CHECKING:
    import socket
    from collections.abc import Callable, Iterator

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"


@pytest.fixture(autouse=True)
def _no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http", "https", "all", "no"):
        monkeypatch.delenv(f"{name}_proxy", raising=False)
        monkeypatch.delenv(f"{name.upper()}_PROXY", raising=False)


@pytest.fixture
def sender() -> Iterator[Callable[..., HttpSender]]:
    """Makes senders of spans; each is closed at the end."""
    made: list[HttpSender] = []

    def make(url: str, path: str = "/v1/traces", signal: Any = "traces", **options: Any) -> Any:
        made.append(HttpSender(signal, OtlpEndpoint(f"{url}{path}", **options)))
        return made[-1]

    yield make
    for each in made:
        each.close()


def send(sender: HttpSender, *names: str, timeout: float = 10.0) -> Outcome:
    """Send spans of these names, one if none is given."""
    return sender.send(make_spans(*(names or ("span",))), timeout)


def test_a_batch_is_posted(http_sink: Any, sender: Any) -> None:
    """Protobuf at the URL's path, with our name on it, and nothing that was not asked for."""
    sink = http_sink()
    assert send(sender(sink.url), "a", "b") == Outcome(delivered=2)
    (request,) = sink.requests
    assert (request.method, request.path) == ("POST", "/v1/traces")
    assert request.span_names() == ["a", "b"]
    assert request.headers["content-type"] == "application/x-protobuf"
    assert request.headers["user-agent"] == f"pepperpy-otel/{__version__}"
    assert request.headers["host"] == f"127.0.0.1:{sink.port}"
    assert "content-encoding" not in request.headers
    assert "authorization" not in request.headers


def test_all_signals_are_posted(http_sink: Any, sender: Any) -> None:
    """Log records and metrics go the same way."""
    sink = http_sink()
    logs = sender(sink.url, "/v1/logs", signal="logs")
    assert logs.send(make_records("x", "y"), 10) == Outcome(delivered=2)
    metrics = sender(sink.url, "/v1/metrics", signal="metrics")
    assert metrics.send([make_metrics(m=1, n=1)], 10) == Outcome(delivered=2)
    assert sink.requests[0].log_bodies() == ["x", "y"]
    assert sorted(sink.requests[1].metric_names()) == ["m", "n"]


def test_bodies_are_compressed_when_asked_for(http_sink: Any, sender: Any) -> None:
    """Gzip, and said so."""
    sink = http_sink()
    assert send(sender(sink.url, compression="gzip"), "a").delivered == 1
    (request,) = sink.requests
    assert request.headers["content-encoding"] == "gzip"
    assert request.raw[:2] == b"\x1f\x8b"
    assert request.span_names() == ["a"]


def test_headers_are_sent_as_given(http_sink: Any, sender: Any) -> None:
    """The user's headers, in UTF-8 where they are not ASCII; the user agent may be replaced."""
    sink = http_sink()
    headers = {"X-Token": "sécret", "User-Agent": "mine", "Content-Type": "text/plain"}
    send(sender(sink.url, headers=headers))
    (request,) = sink.requests
    assert request.headers["x-token"].encode("latin-1").decode() == "sécret"
    assert request.headers["user-agent"] == "mine"
    assert request.headers["content-type"] == "application/x-protobuf"


def test_credentials_of_the_url_become_a_header(http_sink: Any, sender: Any) -> None:
    """And are not shown."""
    sink = http_sink()
    url = sink.url.replace("http://", "http://me:secret@")
    made = sender(url)
    send(made)
    assert sink.requests[0].headers["authorization"] == "Basic bWU6c2VjcmV0"
    assert "secret" not in made.target


def test_paths_and_queries_are_kept(http_sink: Any, sender: Any) -> None:
    """With what may not stand in a request line quoted; no path is the root."""
    sink = http_sink()
    send(sender(sink.url, "/tenant a/v1/tr%20aces?api key=1&b=ü"))
    send(sender(sink.url, ""))
    assert [request.path for request in sink.requests] == [
        "/tenant%20a/v1/tr%20aces?api%20key=1&b=%C3%BC",
        "/",
    ]


def test_one_connection_serves_many_batches(http_sink: Any, sender: Any) -> None:
    """It is kept alive and used again."""
    sink = http_sink()
    made = sender(sink.url)
    for _ in range(3):
        send(made)
    assert len({request.client for request in sink.requests}) == 1


@pytest.mark.parametrize("how", ["silently", "said so"])
def test_a_connection_that_the_server_closed_is_made_anew(
    http_sink: Any, sender: Any, how: str
) -> None:
    """An idle connection that went away costs nothing but the new one."""
    sink = http_sink()
    headers = {"Connection": "close"} if how == "said so" else {}
    sink.answers = [Answer(hang_up=True, headers=headers)]
    made = sender(sink.url)
    for _ in range(3):
        assert send(made).delivered == 1
    assert len({request.client for request in sink.requests}) == 3


def test_a_timeout_said_to_the_idle_connection_is_no_answer(raw_sink: Any, sender: Any) -> None:
    """Some servers write 408 before they close an idle connection."""
    idle = threading.Event()

    def behave(connection: socket.socket) -> None:
        read_request(connection)
        connection.sendall(OK)
        if sink.connections == 1:
            idle.wait(10)
            connection.sendall(b"HTTP/1.1 408 Request Timeout\r\nContent-Length: 0\r\n\r\n")
        never_answer(connection)

    sink = raw_sink(behave)
    made = sender(sink.url)
    assert send(made).delivered == 1
    idle.set()
    assert send(made).delivered == 1
    assert sink.connections == 2


def test_a_fresh_connection_that_is_closed_is_a_failure(raw_sink: Any, sender: Any) -> None:
    """Only what worked before is tried again at once."""
    sink = raw_sink(lambda connection: connection.close())
    outcome = send(sender(sink.url))
    assert (outcome.retry, outcome.misconfigured) == (True, False)
    assert sink.connections == 1


STATUSES: Any = [
    (301, True, True), (302, True, True), (307, True, True), (308, True, True),
    (401, True, True), (403, True, True), (404, True, True), (405, True, True), (407, True, True),
    (429, True, False), (502, True, False), (503, True, False), (504, True, False),
    (400, False, False), (413, False, False), (500, False, False), (501, False, False),
]  # fmt: skip


@pytest.mark.parametrize(("status", "retry", "misconfigured"), STATUSES)
def test_every_status_ends_in_its_bucket(
    http_sink: Any, sender: Any, status: int, retry: bool, misconfigured: bool
) -> None:
    """None of them is delivered, redirects are not followed."""
    sink = http_sink()
    sink.answers = [Answer(status, {"Location": f"{sink.url}/elsewhere"})]
    outcome = send(sender(sink.url))
    assert (outcome.delivered, outcome.retry) == (0, retry)
    assert outcome.misconfigured == misconfigured
    assert str(status) in (outcome.error or "")
    assert len(sink.requests) == 1


def test_a_server_says_when_to_come_back(http_sink: Any, sender: Any) -> None:
    """Retry-After in seconds and as a date; nonsense is none."""
    sink = http_sink()
    made = sender(sink.url)
    for header, least, most in (
        ("3", 3.0, 3.0),
        (email.utils.formatdate(time.time() + 100, usegmt=True), 95.0, 100.0),
        ("-5", 0.0, 0.0),
    ):
        sink.answers = [Answer(503, {"Retry-After": header})]
        waiting = send(made).retry_after
        assert waiting is not None
        assert least <= waiting <= most
    sink.answers = [Answer(503, {"Retry-After": "soon"})]
    assert send(made).retry_after is None
    sink.answers = [Answer(503, {"Retry-After": "9" * 400})]
    assert send(made).retry_after == math.inf
    assert parse_retry_after("Mon, 99 Foo 2020 00:00:00 GMT") is None
    assert parse_retry_after(email.utils.formatdate(0, usegmt=True)) == 0.0


def test_a_partial_success_is_counted(http_sink: Any, sender: Any) -> None:
    """What the server rejected is not called delivered."""
    answer = ExportTraceServiceResponse()
    answer.partial_success.rejected_spans = 1
    answer.partial_success.error_message = "too old"
    sink = http_sink()
    sink.answers = [Answer(200, {}, answer.SerializeToString())]
    outcome = send(sender(sink.url), "a", "b", "c")
    assert (outcome.delivered, outcome.rejected) == (2, 1)
    assert "too old" in (outcome.error or "")


def status_message(text: str) -> bytes:
    """What OTLP puts into the body of a refusal."""
    from google.rpc.status_pb2 import Status

    message: bytes = Status(message=text).SerializeToString()
    return message


@pytest.mark.parametrize(
    ("content_type", "body", "said"),
    [
        ("application/x-protobuf", status_message("no such field"), ": no such field"),
        ("application/json; charset=utf-8", b'{"code": 3, "message": "bad\\nkey"}', ": bad key"),
        ("text/plain", b"quota\r\nexceeded", ": quota exceeded"),
        ("application/x-protobuf", b"\xff\xff", ""),
        ("application/json", b"{", ""),
        ("application/json", b"[]", ""),
        ("application/json", b"{}", ""),
        ("application/json", b"[" * 60_000, ""),
        ("text/html", b"<html>no</html>", ""),
    ],
)
def test_the_servers_words_are_passed_on(
    http_sink: Any, sender: Any, content_type: str, body: bytes, said: str
) -> None:
    """In one line, where they can be read."""
    sink = http_sink()
    sink.answers = [Answer(400, {"Content-Type": content_type}, body)]
    assert send(sender(sink.url)).error == f"HTTP 400 Bad Request{said}"


def test_nobody_listens(sender: Any) -> None:
    """A refused connection is said plainly and quickly."""
    outcome = send(sender(f"http://127.0.0.1:{free_port()}"))
    assert outcome == Outcome(retry=True, error="connection refused")


@pytest.mark.parametrize("host", ["collector..example", "a" * 64 + ".example"])
def test_a_host_that_is_no_name_costs_nothing(sender: Any, host: str) -> None:
    """It is mistyped: what waits is kept until somebody repairs it."""
    outcome = send(sender(f"http://{host}:4318"))
    assert outcome.retry
    assert "cannot be resolved" in outcome.error
    assert "label" in outcome.error


def test_a_name_that_does_not_resolve(sender: Any) -> None:
    """It is an outage like any other."""
    outcome = send(sender("http://no-such-host.invalid:4318"))
    assert outcome.retry
    assert "the name cannot be resolved" in (outcome.error or "")


def test_every_address_of_a_name_is_tried(raw_sink: Any, http_sink: Any, sender: Any) -> None:
    """Localhost may be two addresses of which only one listens."""
    sink = http_sink()
    assert send(sender(f"http://localhost:{sink.port}")).delivered == 1


def test_a_name_without_addresses(sender: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """A resolver that finds nothing is an outage, not a crash."""
    monkeypatch.setattr("socket.getaddrinfo", lambda *_, **__: [])
    outcome = send(sender("http://nowhere:4318"))
    assert outcome == Outcome(retry=True, error="nowhere has no address")


def took(sender: HttpSender, timeout: float) -> tuple[Outcome, float]:
    """The outcome, and the seconds until it was there."""
    started = time.monotonic()
    outcome = send(sender, timeout=timeout)
    return outcome, time.monotonic() - started


def test_a_server_that_never_answers_is_left_in_time(raw_sink: Any, sender: Any) -> None:
    """The shorter of the endpoint's and the caller's timeout holds."""
    sink = raw_sink(never_answer)
    send_warm = sender(sink.url, timeout=0.05)
    send(send_warm)
    for endpoint, caller in ((10.0, 0.2), (0.2, 10.0)):
        outcome, seconds = took(sender(sink.url, timeout=endpoint), caller)
        assert outcome == Outcome(retry=True, error="no answer within 0.2 s")
        assert 0.15 < seconds < 2


def drip(connection: socket.socket, data: bytes) -> None:
    """A byte now and then."""
    for byte in data:
        connection.sendall(bytes([byte]))
        time.sleep(0.02)


@pytest.mark.parametrize("where", ["head", "body", "chunks"])
def test_a_server_that_trickles_cannot_hold_us(raw_sink: Any, sender: Any, where: str) -> None:
    """A byte now and then does not start the time anew."""
    head = b"HTTP/1.1 200 OK\r\nContent-Length: 5000\r\n\r\n"
    if where == "chunks":
        head = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1388\r\n"

    def behave(connection: socket.socket) -> None:
        read_request(connection)
        if where == "head":
            drip(connection, b"HTTP/1.1 200 OK\r\n" + b"X-Header: abcdefgh\r\n" * 500)
        connection.sendall(head)
        drip(connection, b"x" * 5000)

    outcome, seconds = took(sender(raw_sink(behave).url), 0.3)
    assert outcome == Outcome(retry=True, error="no answer within 0.3 s")
    assert seconds < 2


def test_a_server_that_does_not_read_cannot_hold_us(raw_sink: Any, sender: Any) -> None:
    """Writing has to end in time, too."""
    release = threading.Event()
    sink = raw_sink(lambda connection: release.wait(30))
    made = sender(sink.url)
    spans = make_spans("s", attributes={"large": "x" * 20_000_000})
    started = time.monotonic()
    outcome = made.send(spans, 1.0)
    release.set()
    assert outcome == Outcome(retry=True, error="no answer within 1 s")
    assert time.monotonic() - started < 5


def test_a_reset_in_the_middle_of_the_request_keeps_the_batch(raw_sink: Any, sender: Any) -> None:
    """The server went away before it had everything."""

    def behave(connection: socket.socket) -> None:
        connection.recv(1000)
        reset(connection)

    made = sender(raw_sink(behave).url)
    outcome = made.send(make_spans("s", attributes={"large": "x" * 5_000_000}), 10)
    assert (outcome.delivered, outcome.retry, outcome.misconfigured) == (0, True, False)


@pytest.mark.parametrize("end", ["reset", "close"])
def test_an_answer_that_breaks_off_keeps_the_batch(raw_sink: Any, sender: Any, end: str) -> None:
    """Half an answer is none: rather twice than never."""

    def behave(connection: socket.socket) -> None:
        read_request(connection)
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf")
        if end == "reset":
            time.sleep(0.05)
            reset(connection)

    outcome = send(sender(raw_sink(behave).url))
    assert (outcome.delivered, outcome.retry) == (0, True)
    if end == "close":
        assert outcome.error == "the answer broke off"


def test_an_early_answer_is_heard(raw_sink: Any, sender: Any) -> None:
    """A server that has seen enough of a body may answer and hang up before its end."""

    def behave(connection: socket.socket) -> None:
        connection.recv(1000)
        connection.sendall(b"HTTP/1.1 413 Content Too Large\r\nContent-Length: 0\r\n\r\n")
        connection.shutdown(1)
        with contextlib.suppress(OSError):
            connection.settimeout(0.3)
            time.sleep(0.3)

    made = sender(raw_sink(behave).url)
    errors = 0
    spans = make_spans("s", attributes={"large": "x" * 10_000_000})
    for _ in range(20):  # the system may throw the answer away with the connection
        errors += "413" in (made.send(spans, 10).error or "")
        if errors:
            break
    assert errors


@pytest.mark.parametrize("garbage", [b"garbage\r\n\r\n", b"\x00\x01\x02\x03" * 10 + b"\r\n"])
def test_what_is_not_http_is_an_outage(raw_sink: Any, sender: Any, garbage: bytes) -> None:
    """Some other service listens there."""

    def behave(connection: socket.socket) -> None:
        read_request(connection)
        connection.sendall(garbage)

    outcome = send(sender(raw_sink(behave).url))
    assert outcome.retry
    assert "the answer is not HTTP" in (outcome.error or "")
    assert "\x00" not in (outcome.error or "")


def test_too_long_an_answer_is_not_read(raw_sink: Any, sender: Any) -> None:
    """The status counts; the rest of the body stays where it is, and the connection with it."""

    def behave(connection: socket.socket) -> None:
        read_request(connection)
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 10000000\r\n\r\n")
        connection.sendall(b"x" * 10_000_000)

    sink = raw_sink(behave)
    made = sender(sink.url)
    assert send(made).delivered == 1
    assert send(made).delivered == 1
    assert sink.connections == 2


@pytest.mark.parametrize("chunked", [True, False])
def test_answers_of_every_form_are_read(raw_sink: Any, sender: Any, chunked: bool) -> None:
    """In chunks on a kept connection, or up to its end."""
    answer = ExportTraceServiceResponse()
    answer.partial_success.rejected_spans = 1
    body = answer.SerializeToString()

    def behave(connection: socket.socket) -> None:
        for _ in range(2):
            read_request(connection)
            if chunked:
                connection.sendall(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
                connection.sendall(b"%x\r\n%s\r\n0\r\n\r\n" % (len(body), body))
            else:
                connection.sendall(b"HTTP/1.0 200 OK\r\n\r\n" + body)
                return

    sink = raw_sink(behave)
    made = sender(sink.url)
    for _ in range(2):
        assert send(made).rejected == 1
    assert sink.connections == (1 if chunked else 2)


def test_an_interrupted_request_ends_at_once(raw_sink: Any, sender: Any) -> None:
    """From another thread, while the server keeps silent; and is not made again."""
    sink = raw_sink(never_answer)
    made = sender(sink.url)
    made.interrupt()  # nothing is under way: harmless
    made = sender(sink.url)
    outcomes: list[Outcome] = []
    thread = threading.Thread(target=lambda: outcomes.append(send(made, timeout=30)))
    started = time.monotonic()
    thread.start()
    wait_for(lambda: sink.connections)
    made.interrupt()
    thread.join(10)
    assert outcomes[0].retry
    assert time.monotonic() - started < 10
    assert sink.connections == 1


def test_there_is_nothing_to_interrupt_before_the_connection(sender: Any) -> None:
    """A deadline that passes before anything began is harmless, and ends the rest."""
    from pepperpy_otel.delivery.connection import Connection, Deadline

    connection = Connection("127.0.0.1", free_port(), tls=None, proxy=None)
    connection.interrupt()
    connection.deadline = Deadline(-1)
    with pytest.raises(TimeoutError):
        connection.post("/", {}, b"")


def test_an_interrupted_sender_does_not_reconnect(raw_sink: Any, sender: Any) -> None:
    """A kept connection that is cut by us is not replaced."""

    def behave(connection: socket.socket) -> None:
        read_request(connection)
        connection.sendall(OK)
        never_answer(connection)

    sink = raw_sink(behave)
    made = sender(sink.url)
    send(made)
    made.interrupt()
    assert send(made).retry
    assert sink.connections == 1


def test_poisonous_spans_are_left_out(http_sink: Any, sender: Any) -> None:
    """The rest is sent; if nothing is left, nothing is."""
    sink = http_sink()
    spans: list[Any] = [*make_spans("good"), "no span at all"]
    made = sender(sink.url)
    outcome = made.send(spans, 10)
    assert (outcome.delivered, outcome.unencodable) == (1, 1)
    outcome = made.send(spans[1:], 10)
    assert (outcome.delivered, outcome.unencodable, len(sink.requests)) == (0, 1, 1)


def test_what_is_no_transport_error_leaves_no_half_used_connection(
    http_sink: Any, sender: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After a defect the next batch has a new connection."""
    sink = http_sink()
    made = sender(sink.url)
    send(made)

    def fail(*_: Any) -> Any:
        raise ZeroDivisionError

    with monkeypatch.context() as patched:
        patched.setattr("pepperpy_otel.delivery.http.read_answer", fail)
        with pytest.raises(ZeroDivisionError):
            send(made)
    assert send(made).delivered == 1
    assert len({request.client for request in sink.requests}) == 2


def test_a_url_without_a_host_is_an_error() -> None:
    """It is a wrong set-up, told of by name."""
    with pytest.raises(ValueError, match="has no host"):
        HttpSender("traces", OtlpEndpoint("http:///v1/traces"))


@pytest.mark.parametrize(("scheme", "port"), [("http", 80), ("https", 443)])
def test_the_port_follows_from_the_scheme(
    monkeypatch: pytest.MonkeyPatch, sender: Any, scheme: str, port: int
) -> None:
    """As everywhere on the web."""
    asked: list[Any] = []

    def resolve(host: str, port: int, **_: Any) -> list[Any]:
        asked.append((host, port))
        return []

    monkeypatch.setattr("socket.getaddrinfo", resolve)
    send(sender(f"{scheme}://collector"))
    assert asked == [("collector", port)]


class TestTls:
    def test_a_server_of_our_authority_is_trusted(
        self, http_sink: Any, sender: Any, certificates: Any
    ) -> None:
        """The connection is kept there, too."""
        sink = http_sink(tls=certificates.server_context())
        made = sender(sink.url, certificate=certificates.ca)
        for _ in range(2):
            assert send(made).delivered == 1
        assert len({request.client for request in sink.requests}) == 1

    def test_a_server_of_another_authority_is_not(
        self, http_sink: Any, sender: Any, certificates: Any
    ) -> None:
        """Nothing is sent; it is an outage that names the reason."""
        sink = http_sink(tls=certificates.server_context())
        outcome = send(sender(sink.url))
        assert outcome.retry
        assert "certificate verify failed" in (outcome.error or "").lower()
        assert sink.requests == []

    @pytest.mark.parametrize("both_in_one", [True, False])
    def test_the_client_shows_its_certificate(
        self, http_sink: Any, sender: Any, certificates: Any, both_in_one: bool
    ) -> None:
        """Key and certificate in two files, or in one."""
        sink = http_sink(tls=certificates.server_context(ask_client=True))
        files = {
            "client_certificate": certificates.client_both if both_in_one else certificates.client,
            "client_key": None if both_in_one else certificates.client_key,
        }
        made = sender(sink.url, certificate=certificates.ca, **files)
        assert send(made).delivered == 1
        made = sender(sink.url, certificate=certificates.ca, client_key=certificates.client_both)
        assert send(made).delivered == 1

    def test_without_it_the_server_refuses(
        self, http_sink: Any, sender: Any, certificates: Any
    ) -> None:
        """An outage."""
        sink = http_sink(tls=certificates.server_context(ask_client=True))
        assert send(sender(sink.url, certificate=certificates.ca)).retry

    def test_a_server_that_does_not_shake_hands_is_left_in_time(
        self, raw_sink: Any, sender: Any
    ) -> None:
        """The handshake is in the same bill."""
        sink = raw_sink(never_answer)
        made = sender(sink.url.replace("http:", "https:"))
        outcome, seconds = took(made, 0.3)
        assert outcome == Outcome(retry=True, error="no answer within 0.3 s")
        assert seconds < 2

    def test_an_interrupted_request_ends_at_once(
        self, http_sink: Any, sender: Any, certificates: Any
    ) -> None:
        """The socket below TLS is shut."""
        sink = http_sink(tls=certificates.server_context())
        sink.gate = threading.Event()
        made = sender(sink.url, certificate=certificates.ca)
        outcomes: list[Outcome] = []
        thread = threading.Thread(target=lambda: outcomes.append(send(made, timeout=30)))
        started = time.monotonic()
        thread.start()
        wait_for(lambda: sink.requests)
        made.interrupt()
        thread.join(10)
        assert time.monotonic() - started < 10
        assert outcomes[0].retry


class TestProxies:
    def test_plain_http_is_asked_of_the_proxy(
        self, http_sink: Any, sender: Any, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """With the whole URL, and the proxy's password."""
        proxy = http_sink()
        monkeypatch.setenv("HTTP_PROXY", f"http://me:pass@127.0.0.1:{proxy.port}")
        assert send(sender("http://collector.invalid:4318")).delivered == 1
        assert send(sender("http://[::1]:4318")).delivered == 1
        paths = [request.path for request in proxy.requests]
        assert paths == [
            "http://collector.invalid:4318/v1/traces",
            "http://[::1]:4318/v1/traces",
        ]
        assert proxy.requests[0].headers["host"] == "collector.invalid:4318"
        assert proxy.requests[0].headers["proxy-authorization"] == "Basic bWU6cGFzcw=="

    def test_tls_goes_through_a_tunnel(
        self,
        http_sink: Any,
        raw_sink: Any,
        sender: Any,
        certificates: Any,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        """CONNECT, then TLS with the server itself."""
        sink = http_sink(tls=certificates.server_context())
        heads: list[bytes] = []
        proxy = raw_sink(lambda connection: tunnel(connection, sink.port, heads))
        monkeypatch.setenv("HTTPS_PROXY", f"http://me:pass@127.0.0.1:{proxy.port}")
        made = sender(f"https://localhost:{sink.port}", certificate=certificates.ca)
        for _ in range(2):
            assert send(made).delivered == 1
        (head,) = heads
        assert head.startswith(f"CONNECT localhost:{sink.port} HTTP/1.1\r\n".encode())
        assert b"Proxy-Authorization: Basic bWU6cGFzcw==\r\n" in head
        assert "proxy-authorization" not in sink.requests[0].headers
        assert sink.requests[0].path == "/v1/traces"

    def test_a_proxy_that_refuses_the_tunnel_is_an_outage(
        self, http_sink: Any, sender: Any, certificates: Any, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Its status is named."""
        proxy = http_sink()
        proxy.answers = [Answer(407)]
        monkeypatch.setenv("HTTPS_PROXY", f"http://127.0.0.1:{proxy.port}")
        outcome = send(sender("https://[::1]:4318", certificate=certificates.ca))
        assert outcome.retry
        assert outcome.error == f"the proxy 127.0.0.1:{proxy.port} answers CONNECT with 407"
        assert proxy.requests[0].path == "[::1]:4318"


def tunnel(connection: socket.socket, port: int, heads: list[bytes]) -> None:
    """A proxy that takes CONNECT."""
    import socket

    heads.append(read_request(connection))
    connection.sendall(b"HTTP/1.1 200 Connection established\r\n\r\n")
    with socket.create_connection(("127.0.0.1", port)) as upstream:
        back = threading.Thread(target=pump, args=(upstream, connection))
        back.start()
        pump(connection, upstream)
        back.join()


def pump(source: socket.socket, sink: socket.socket) -> None:
    """Copy until the end."""
    with contextlib.suppress(OSError):
        while data := source.recv(65536):
            sink.sendall(data)
    with contextlib.suppress(OSError):
        sink.shutdown(1)
