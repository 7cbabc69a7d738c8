from __future__ import annotations

import gzip
import http.client
import socket
import threading
from urllib.parse import urlsplit

import pytest

from pepperpy_otel.demo.receiver import MAX_BODY, Receiver
from tests.demo import make

PROTOBUF = {"Content-Type": "application/x-protobuf"}


def connect(receiver):
    """A connection to the receiver."""
    parts = urlsplit(receiver.endpoint)
    return http.client.HTTPConnection(parts.hostname, parts.port, timeout=5)


def post(receiver, path, body, headers=PROTOBUF):
    """The status and the body of the answer."""
    connection = connect(receiver)
    try:
        connection.request("POST", path, body, headers)
        answer = connection.getresponse()
        return answer.status, answer.read()
    finally:
        connection.close()


@pytest.mark.parametrize("compress", [False, True])
def test_takes_all_three_signals(receiver, compress):
    """Spans, data points and log records are kept, compressed or not, and answered with 200."""
    metric = {"name": "g", "gauge": {"data_points": [{"as_int": 1}]}}
    headers = PROTOBUF | ({"Content-Encoding": "gzip"} if compress else {})
    for path, body in (
        ("/v1/traces", make.trace_request()),
        ("/v1/metrics", make.metric_request(metric)),
        ("/v1/logs", make.log_request(severity_text="INFO")),
    ):
        assert post(receiver, path, gzip.compress(body) if compress else body, headers) == (
            200,
            b"",
        )

    store = receiver.store
    assert [span.name for span in store.spans] == ["GET /"]
    assert [point.name for point in store.points] == ["g"]
    assert [record.severity for record in store.logs] == ["INFO"]


@pytest.mark.parametrize(
    ("path", "body", "headers", "status"),
    [
        ("/v1/traces", b"\xff garbage", PROTOBUF, 400),
        ("/v1/logs", b"\xff garbage", PROTOBUF, 400),
        ("/v1/metrics", b"\xff garbage", PROTOBUF, 400),
        ("/v1/traces", b"no gzip", PROTOBUF | {"Content-Encoding": "gzip"}, 400),
        ("/v1/traces", gzip.compress(b"")[:-4], PROTOBUF | {"Content-Encoding": "gzip"}, 400),
        ("/v1/traces", b"", PROTOBUF | {"Content-Encoding": "zstd"}, 400),
        ("/v1/traces", b"{}", {"Content-Type": "application/json"}, 415),
        ("/v1/profiles", b"", PROTOBUF, 404),
        ("/v1/traces", b"", PROTOBUF | {"Content-Length": "no number"}, 411),
        ("/v1/traces", b"", PROTOBUF | {"Content-Length": str(MAX_BODY + 1)}, 413),
    ],
)
def test_refuses_what_it_cannot_take(receiver, path, body, headers, status):
    """What is not OTLP in protobuf gets the status that says so, and the next request is taken."""
    assert post(receiver, path, body, headers)[0] == status
    assert not receiver.store.spans

    assert post(receiver, "/v1/traces", make.trace_request())[0] == 200
    assert len(receiver.store.spans) == 1


def test_a_bomb_is_not_unpacked(receiver, monkeypatch):
    """A small body that unpacks to more than the limit is refused."""
    monkeypatch.setattr("pepperpy_otel.demo.receiver.MAX_BODY", 1000)
    body = gzip.compress(b"\0" * 100_000)

    headers = PROTOBUF | {"Content-Encoding": "gzip"}
    assert post(receiver, "/v1/traces", body, headers)[0] == 400


def test_get_is_refused(receiver):
    """Only POST is served."""
    connection = connect(receiver)
    connection.request("GET", "/v1/traces")
    assert connection.getresponse().status == 501
    connection.close()


def test_connection_is_kept_alive(receiver):
    """An exporter sends many requests over one connection."""
    connection = connect(receiver)
    for _ in range(3):
        connection.request("POST", "/v1/traces", make.trace_request(), PROTOBUF)
        answer = connection.getresponse()
        answer.read()
        assert answer.status == 200
    connection.close()

    assert len(receiver.store.spans) == 3


def test_stop_does_not_wait_for_idle_connections(capfd):
    """Connections that are open but silent end with the receiver, and nobody says a word."""
    receiver = Receiver()
    receiver.start()
    connection = connect(receiver)
    connection.request("POST", "/v1/traces", make.trace_request(), PROTOBUF)
    connection.getresponse().read()
    address = urlsplit(receiver.endpoint)
    silent = socket.create_connection((address.hostname, address.port))
    half = socket.create_connection((address.hostname, address.port))
    half.sendall(b"POST /v1/traces HTTP/1.1\r\nContent-Length: 100\r\n\r\n")

    receiver.stop()

    assert not [each for each in threading.enumerate() if "otlp-receiver" in each.name]
    for each in (connection, silent, half):
        each.close()
    assert capfd.readouterr().err == ""


def test_is_reachable_from_this_machine_only(receiver):
    """The demo opens no port to the network."""
    assert urlsplit(receiver.endpoint).hostname == "127.0.0.1"
