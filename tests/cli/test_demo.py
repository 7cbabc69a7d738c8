from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys

import pytest

from pepperpy_otel import cli
from pepperpy_otel.demo import session
from pepperpy_otel.demo.services import ServiceError, Target


@pytest.fixture
def played(monkeypatch):
    """Sessions are only noted, and end as the test says."""
    notes = []

    def install(result=True):
        def end():
            if isinstance(result, Exception):
                raise result
            return result

        def received(screen, seconds):
            notes.append((screen.width, seconds, None))
            return end()

        def sent(screen, seconds, target):
            notes.append((screen.width, seconds, target))
            return end()

        monkeypatch.setattr(session, "show_received", received)
        monkeypatch.setattr(session, "show_sent", sent)
        return notes

    return install


@pytest.fixture
def listener():
    """A port on which somebody listens."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]


@pytest.mark.parametrize(("complete", "status"), [(True, 0), (False, 1)])
def test_exit_status(played, complete, status):
    """0 when everything arrived, 1 when something is missing."""
    notes = played(complete)

    assert cli.main(["demo", "--seconds", "1.5"]) == status
    assert notes == [(100, 1.5, None)]


def test_a_service_that_does_not_start(played, capsys):
    """That is a finding, in a line, not a traceback."""
    played(ServiceError("the storefront service did not start"))

    assert cli.main(["demo"]) == 1
    assert capsys.readouterr().err == "pepperpy-otel demo: the storefront service did not start\n"


@pytest.mark.parametrize(
    ("scheme", "protocol", "chosen"),
    [
        ("http://", [], "http/protobuf"),
        ("", [], "http/protobuf"),
        ("http://", ["--protocol", "grpc"], "grpc"),
    ],
)
def test_endpoint(played, listener, scheme, protocol, chosen):
    """--endpoint sends there, once it is sure that somebody listens."""
    notes = played()
    address = f"127.0.0.1:{listener}"

    assert cli.main(["demo", "--endpoint", scheme + address, *protocol]) == 0
    assert notes == [(100, 4.0, Target(f"http://{address}", chosen, own=False))]


@pytest.mark.parametrize(
    ("endpoint", "options", "port", "protocol"),
    [
        ("http://here:4317", [], 4317, "grpc"),
        ("http://here:4317", ["--protocol", "http/protobuf"], 4317, "http/protobuf"),
        ("http://here", [], 80, "http/protobuf"),
        ("https://here/path", [], 443, "http/protobuf"),
        ("http://here", ["--protocol", "grpc"], 4317, "grpc"),
    ],
)
def test_port_and_protocol(played, monkeypatch, endpoint, options, port, protocol):
    """The usual port of gRPC means gRPC; without a port it is the usual one."""
    asked = []

    class Connection:
        def close(self):
            pass

    def connect(address, timeout):
        asked.append(address)
        return Connection()

    monkeypatch.setattr(socket, "create_connection", connect)
    notes = played()

    assert cli.main(["demo", "--endpoint", endpoint, *options]) == 0
    assert asked == [("here", port)]
    assert notes[0][2] == Target(endpoint, protocol, own=False)


def test_nobody_listens(played, listener, capsys):
    """Said at once, with what to do, rather than after all the requests."""
    notes = played()
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        endpoint = f"http://127.0.0.1:{other.getsockname()[1]}"
        assert cli.main(["demo", "--endpoint", endpoint]) == 1

    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith(f"pepperpy-otel demo: nobody listens at {endpoint} (Connection refused)")
    assert notes == []


@pytest.mark.parametrize(
    "endpoint", ["", "ftp://here", "http://", "http://here:port", "http://[::1"]
)
def test_no_url(played, endpoint, capsys):
    """What is no URL is wrong use, in one line."""
    notes = played()

    assert cli.main(["demo", "--endpoint", endpoint]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert f"--endpoint {endpoint!r} is not a URL" in line
    assert notes == []


@pytest.mark.parametrize(
    ("options", "error"),
    [
        (["--protocol", "gprc"], "invalid choice: 'gprc'"),
        (["--protocol", "grpc"], "--protocol grpc needs --endpoint"),
        (["--seconds", "soon"], "'soon' is not a number of seconds"),
        (["--seconds", "0"], "'0' is not a number of seconds"),
        (["--seconds", "nan"], "'nan' is not a number of seconds"),
        (["--seconds", "3601"], "'3601' is not a number of seconds"),
        (["extra"], "unrecognized arguments: extra"),
    ],
)
def test_wrong_use(played, options, error, capsys):
    """Exit status 2, and what is wrong."""
    notes = played()
    with pytest.raises(SystemExit) as ended:
        cli.main(["demo", *options])

    assert ended.value.code == 2
    assert error in capsys.readouterr().err
    assert notes == []


def find_all_but(*missing):
    """A find_spec() that does not find these."""

    def find_spec(name):
        for each in missing:
            if name == each:
                return None
            if name.startswith(f"{each}."):
                raise ModuleNotFoundError(each)
        return object()

    return find_spec


def test_missing_packages_are_one_line(played, monkeypatch, capsys):
    """What the extra would have installed is named, with the command that installs it."""
    notes = played()
    monkeypatch.setattr("importlib.util.find_spec", find_all_but("fastapi", "opentelemetry"))

    assert cli.main(["demo"]) == 2
    assert capsys.readouterr().err == (
        "pepperpy-otel demo: needs fastapi, opentelemetry.instrumentation.fastapi, "
        "opentelemetry.instrumentation.httpx, opentelemetry.instrumentation.sqlite3; "
        "run: pip install 'pepperpy-otel[demo]'\n"
    )
    assert notes == []


@pytest.mark.parametrize(
    ("tty", "options", "status"), [(True, [], 2), (True, ["--plain"], 0), (False, [], 0)]
)
def test_rich_is_needed_on_a_terminal_only(played, monkeypatch, tty, options, status):
    """Plain text needs no rich."""
    played()
    monkeypatch.setattr("importlib.util.find_spec", find_all_but("rich"))
    monkeypatch.setattr(sys.stdout, "isatty", lambda: tty)

    assert cli.main(["demo", *options]) == status


def start_demo(directory, *options):
    """The demo as a user starts it; whatever it makes, it makes in this directory."""
    return subprocess.Popen(
        [sys.executable, "-m", "pepperpy_otel.cli", "demo", *options],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        encoding="utf-8",
        env={**os.environ, "PYTHONIOENCODING": "utf-8", "TMPDIR": str(directory)},
        cwd=directory,
    )


@pytest.mark.slow
def test_the_demo_from_end_to_end(tmp_path):
    """One trace over both services with its logs, the metrics, and all that was sent received."""
    with start_demo(tmp_path, "--seconds", "2") as process:
        out, err = process.communicate(timeout=150)

    assert (process.returncode, err) == (0, ""), out
    trace = out[out.index("as it was received") : out.index("Metrics")]
    assert re.search(r"^storefront +POST /orders → 201 +server", trace, re.M)
    assert re.search(r"^storefront +├─ POST 127.0.0.1:\d+/reservations → 201 +client", trace, re.M)
    assert re.search(r"^inventory +│  └─ POST /reservations → 201 +server", trace, re.M)
    assert re.search(r"^inventory +│ +[│ ]+├─ SELECT quantity FROM stock", trace, re.M)
    assert re.search(r"^ +├─ INFO  order received sku=\w+ quantity=\d", trace, re.M)
    assert re.search(r"^ +[│ ]+├─ DEBUG looked at the shelf", trace, re.M)
    assert "traces have an error" in trace
    assert "ShelfJammed" in trace
    assert re.search(r"^shop.orders +counter +order +\d+", out, re.M)
    assert re.search(r"^shop.checkout.duration +histogram +s +\d+ avg", out, re.M)
    assert re.search(r"^http\.server\.\S*duration +histogram", out, re.M)
    for service in ("storefront", "inventory"):
        (line,) = re.findall(rf"^{service} +\d+ → .*$", out, re.M)
        counts = re.findall(r"(\d+) → (\d+)", line)
        assert len(counts) == 3
        assert all(sent == received and int(sent) > 0 for sent, received in counts)
    assert out.endswith("✓ Everything that was sent was received; the trace spans both.\n")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.slow
def test_the_demo_into_another_endpoint(tmp_path, receiver):
    """Everything goes where --endpoint says, and the demo says where to look for it."""
    options = ["--seconds", "1", "--endpoint", receiver.endpoint]
    with start_demo(tmp_path, *options) as process:
        out, err = process.communicate(timeout=150)

    assert (process.returncode, err) == (0, ""), out
    store = receiver.store
    for service in ("storefront", "inventory"):
        (line,) = re.findall(rf"^{service} +\d+ of \d+ .*$", out, re.M)
        received = [
            sum(item.service == service for item in items)
            for items in (store.spans, store.logs, store.points)
        ]
        assert [int(count) for count in re.findall(r"(\d+) of", line)] == received
    (trace_id,) = re.findall(r"^Jaeger, a placed order +trace (\w+)$", out, re.M)
    assert trace_id in {span.trace_id for span in store.spans}
    assert out.endswith(f"✓ {receiver.endpoint} has taken everything.\n")


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="needs POSIX signals")
def test_ctrl_c_ends_the_demo_cleanly(tmp_path):
    """No traceback, no process and no file is left."""
    with start_demo(tmp_path, "--seconds", "60") as process:
        assert process.stdout is not None
        process.stdout.readline()  # starting
        process.stdout.readline()  # sending
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=60)

    assert (process.returncode, err) == (130, ""), out
    assert list(tmp_path.iterdir()) == []
