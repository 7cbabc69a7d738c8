from __future__ import annotations

import contextlib
import gzip
import http.client
import socket
import threading
import time
from typing import TYPE_CHECKING, Any

import pytest
from opentelemetry.metrics import CallbackOptions, Observation
from prometheus_client.openmetrics.parser import text_string_to_metric_families as parse_openmetrics

from pepperpy_otel.metrics import exporter
from pepperpy_otel.metrics.exporter import PrometheusEndpoint
from tests.metrics.conftest import Armed, until

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Callable, Iterable, Iterator


class Served:
    """An endpoint on a free port, and a client."""

    def __init__(self, collect: Any = None) -> None:
        self.asked: list[float] = []
        self.armed = Armed()
        self.armed.meter.create_counter("c").add(3)
        self._collect = collect or (lambda ms: self.armed.reader.collect_for("prometheus", ms))
        self.endpoint = PrometheusEndpoint("localhost", 0, self._note)
        self.host, self.port = self.endpoint.start()

    def _note(self, millis: float) -> Any:
        self.asked.append(millis)
        return self._collect(millis)

    def request(
        self, path: str = "/metrics", method: str = "GET", **headers: str
    ) -> tuple[int, dict[str, str], bytes]:
        connection = http.client.HTTPConnection(self.host, self.port, timeout=30)
        try:
            named = {name.replace("_", "-"): value for name, value in headers.items()}
            connection.request(method, path, headers=named)
            response = connection.getresponse()
            return response.status, dict(response.getheaders()), response.read()
        finally:
            connection.close()

    def connect(self) -> socket.socket:
        return socket.create_connection((self.host, self.port), timeout=30)

    def close(self) -> None:
        self.endpoint.stop()
        self.armed.provider.disarm()


@pytest.fixture
def served() -> Iterator[Served]:
    """An endpoint at work."""
    served = Served()
    yield served
    served.close()


@pytest.mark.parametrize("path", ["/metrics", "/", "/metrics?x=1"])
def test_the_metrics_are_served(served: Served, path: str) -> None:
    """In the plain format by default."""
    status, headers, body = served.request(path)
    assert status == 200
    assert headers["Content-Type"] == "text/plain; version=0.0.4; charset=utf-8"
    assert int(headers["Content-Length"]) == len(body)
    assert b"\nc_total{" in body
    assert b"python_info" not in body


def test_openmetrics_is_served_to_who_asks(served: Served) -> None:
    """As prometheus_client negotiates it."""
    _, headers, body = served.request(Accept="application/openmetrics-text; version=1.0.0")
    assert headers["Content-Type"].startswith("application/openmetrics-text; version=1.0.0")
    assert "c" in {family.name for family in parse_openmetrics(body.decode())}


def test_the_page_is_compressed_for_who_asks(served: Served) -> None:
    """Prometheus always asks."""
    _, headers, body = served.request(Accept_Encoding="gzip")
    assert headers["Content-Encoding"] == "gzip"
    assert b"c_total" in gzip.decompress(body)


def test_one_name_can_be_asked_for(served: Served) -> None:
    """The query of prometheus_client's own server works too."""
    _, _, body = served.request("/metrics?name[]=target_info")
    assert b"target_info" in body
    assert b"c_total" not in body


@pytest.mark.parametrize("path", ["/other", "/metrics/x", "/favicon.ico"])
def test_elsewhere_is_nothing(served: Served, path: str) -> None:
    """No page, and no collection."""
    assert served.request(path)[0] == 404
    assert served.asked == []


def test_head_has_no_body(served: Served) -> None:
    """A load balancer may ask so."""
    status, headers, body = served.request(method="HEAD")
    assert (status, body) == (200, b"")
    assert int(headers["Content-Length"]) > 0


def test_other_methods_are_refused(served: Served, capsys: pytest.CaptureFixture[str]) -> None:
    """And nothing is logged about it."""
    assert served.request(method="POST")[0] == 501
    assert capsys.readouterr() == ("", "")


@pytest.mark.parametrize(
    ("header", "millis"),
    [
        ("5", 4500),
        ("1.5", 1350),
        ("60", 10_000),
        ("0", 10_000),
        ("-1", 10_000),
        ("nan", 10_000),
        ("soon", 10_000),
        (None, 10_000),
    ],
)
def test_the_collection_ends_before_the_scraper_gives_up(
    served: Served, header: str | None, millis: float
) -> None:
    """Prometheus says how long it waits."""
    headers = {} if header is None else {"X_Prometheus_Scrape_Timeout_Seconds": header}
    served.request(**headers)
    assert served.asked == [pytest.approx(millis)]


def test_before_the_first_measurement_the_page_is_empty() -> None:
    """A scrape then is no error."""
    served = Served(lambda millis: None)
    assert served.request()[::2] == (200, b"")
    served.close()


def test_a_collection_that_fails_is_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    """The scraper is told, stderr gets one line and no traceback, and the server goes on."""

    def fail(millis: float) -> None:
        raise RuntimeError("a\nreason")

    served = Served(fail)
    for _ in range(2):
        status, _, body = served.request()
        assert (status, body) == (
            500,
            b"the metrics could not be collected: RuntimeError: a reason\n",
        )
    served.close()
    assert capsys.readouterr().err.count("a scrape") == 1


def test_a_taken_port_is_an_oserror(served: Served) -> None:
    """Which the caller may warn about; nothing is left open."""
    with pytest.raises(OSError, match="ddress already in use"):
        PrometheusEndpoint(served.host, served.port, lambda millis: None).start()
    assert served.request()[0] == 200


def test_an_unknown_host_is_an_oserror() -> None:
    """As is one that is not this machine's."""
    with pytest.raises(OSError):
        PrometheusEndpoint("203.0.113.1", 0, lambda millis: None).start()
    with pytest.raises(OSError):
        PrometheusEndpoint("no such host", 0, lambda millis: None).start()


def test_without_a_thread_there_is_no_endpoint(monkeypatch: pytest.MonkeyPatch) -> None:
    """The caller is told as for a taken port, and the port is free again."""

    def refuse(thread: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    endpoint = PrometheusEndpoint("localhost", port, lambda millis: None)
    with monkeypatch.context() as patch:
        patch.setattr(threading.Thread, "start", refuse)
        with pytest.raises(OSError, match="can't start new thread"):
            endpoint.start()
    endpoint.stop()
    assert endpoint.start() == ("127.0.0.1", port)
    endpoint.stop()


def test_starting_twice_is_harmless(served: Served) -> None:
    """The same address comes back."""
    assert served.endpoint.start() == (served.host, served.port)


def test_stopping_frees_the_port_at_once(served: Served) -> None:
    """Also with a client that never says anything; a second time is harmless."""
    silent = served.connect()
    served.request()  # the silent one has been accepted before
    begin = time.monotonic()
    served.endpoint.stop()
    served.endpoint.stop()
    assert time.monotonic() - begin < 5
    assert silent.recv(1) == b""
    silent.close()
    with pytest.raises(OSError):
        served.connect()
    again = PrometheusEndpoint(served.host, served.port, lambda millis: None)
    assert again.start() == (served.host, served.port)
    again.stop()


@pytest.mark.parametrize(
    "garbage",
    [b"\x16\x03\x01\x02\x00\x01", b"GET\r\n\r\n", b"GET / HTTP/9.9\r\n\r\n", b"\r\n", b""],
)
def test_garbage_hurts_nobody(
    served: Served, garbage: bytes, capsys: pytest.CaptureFixture[str]
) -> None:
    """The next scrape is answered, and nothing is printed."""
    with served.connect() as client:
        client.sendall(garbage)
    assert served.request()[0] == 200
    assert capsys.readouterr() == ("", "")


def test_a_client_that_goes_away_hurts_nobody(
    served: Served, capsys: pytest.CaptureFixture[str]
) -> None:
    """In the middle of its answer, with a reset."""
    gate = threading.Event()

    def slow(options: CallbackOptions) -> Iterable[Observation]:
        assert gate.wait(30)
        return [Observation(1, {"user": "x" * 1000 + str(i)}) for i in range(1000)]

    served.armed.meter.create_observable_gauge("big", [slow])
    client = served.connect()
    client.sendall(b"GET /metrics HTTP/1.0\r\n\r\n")
    until(lambda: served.asked)
    client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
    client.close()
    gate.set()
    assert served.request()[0] == 200
    assert capsys.readouterr() == ("", "")


def test_a_slow_client_is_cut(monkeypatch: pytest.MonkeyPatch) -> None:
    """It may not hold its place for ever; others are served meanwhile."""
    monkeypatch.setattr(exporter._Handler, "timeout", 0.05)
    served = Served()
    with served.connect() as slow:
        slow.sendall(b"GET /met")
        assert served.request()[0] == 200
        assert slow.recv(1) == b""
    served.close()


def test_a_client_that_trickles_is_cut(monkeypatch: pytest.MonkeyPatch) -> None:
    """Bytes now and then do not hold a place for ever: it is taken back when others come."""
    monkeypatch.setattr(exporter, "CONNECTION_SECONDS", 0.0)
    monkeypatch.setattr(exporter._Handler, "timeout", 60.0)
    served = Served()
    with served.connect() as slow:
        slow.sendall(b"GET /met")
        until(lambda: served.request()[0] == 200 and slow.recv(1) == b"")
    served.close()


def test_a_flood_is_turned_away(monkeypatch: pytest.MonkeyPatch) -> None:
    """So many clients at a time, and no more threads than that."""
    monkeypatch.setattr(exporter, "MAX_CLIENTS", 2)
    served = Served()
    with contextlib.ExitStack() as stack:
        places = [stack.enter_context(served.connect()) for _ in range(2)]
        third = stack.enter_context(served.connect())
        assert third.recv(1) == b""
        for client in places:
            client.sendall(b"GET / HTTP/1.0\r\n\r\n")
            assert client.recv(12) == b"HTTP/1.0 200"
    until(lambda: _status(served) == 200)
    served.close()


def _status(served: Served) -> int:
    with contextlib.suppress(OSError, http.client.HTTPException):
        return served.request()[0]
    return 0


def test_scrapes_at_the_same_time_are_all_answered(served: Served) -> None:
    """Each one completely."""
    bodies: list[bytes] = []
    threads = [
        threading.Thread(target=lambda: bodies.append(served.request()[2])) for _ in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert len(bodies) == 8
    assert len(set(bodies)) == 1


def test_prometheus_client_is_imported_by_the_first_scrape(
    run_python: Callable[..., subprocess.CompletedProcess[str]],
) -> None:
    """Starting costs nothing of it."""
    done = run_python("""
        import sys
        from pepperpy_otel.metrics.exporter import PrometheusEndpoint
        endpoint = PrometheusEndpoint("localhost", 0, lambda millis: None)
        endpoint.start()
        print("prometheus_client" in sys.modules, endpoint.answer("/metrics", {})[0])
        print("prometheus_client" in sys.modules)
        endpoint.stop()
    """)
    assert done.stdout.split() == ["False", "200", "True"], done.stderr


def test_a_forked_child_lets_go_of_the_port(
    run_python: Callable[..., subprocess.CompletedProcess[str]],
) -> None:
    """The parent goes on serving, and its end frees the port though the child lives on."""
    done = run_python(
        """
        import http.client, os, socket
        from pepperpy_otel.metrics.exporter import PrometheusEndpoint

        endpoint = PrometheusEndpoint("localhost", 0, lambda millis: None)
        host, port = endpoint.start()

        def ask():
            connection = http.client.HTTPConnection(host, port, timeout=10)
            connection.request("GET", "/metrics")
            status = connection.getresponse().status
            connection.close()
            return status

        silent = socket.create_connection((host, port))
        ask()
        told, tell = os.pipe()
        let_go, say = os.pipe()
        pid = os.fork()
        if pid == 0:
            endpoint.close_in_child()
            endpoint.close_in_child()
            silent.close()
            os.write(say, b"x")
            os.read(told, 1)
            os._exit(0)
        os.read(let_go, 1)
        status = ask()
        endpoint.stop()
        again = PrometheusEndpoint(host, port, lambda millis: None)
        print(status, again.start() == (host, port))
        again.stop()
        os.write(tell, b"x")
        print(os.waitpid(pid, 0)[1])
        """,
        env={"PYTHONWARNINGS": "ignore"},
    )
    assert done.stdout.split() == ["200", "True", "0"], done.stderr


def test_processes_that_answer_alike_share_a_port() -> None:
    """The system hands each scrape to one of them; who does not share is turned away."""
    first = PrometheusEndpoint("127.0.0.1", 0, lambda millis: None, shared=True)
    host, port = first.start()
    second = PrometheusEndpoint(host, port, lambda millis: None, shared=True)
    assert second.start() == (host, port)
    with pytest.raises(OSError):
        PrometheusEndpoint(host, port, lambda millis: None).start()
    first.stop()
    second.stop()
