"""Programs that are ended by a signal right after traffic: what they leave, and how they end.

Each program is run twice, as it is and without any telemetry, since its exit status must be the
same. Spans come from the OpenTelemetry API alone, so that they are the same ones however it was
switched on, and nothing is sent by the clock: the schedule is a minute.
"""

import contextlib
import http.client
import os
import signal
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from pepperpy_otel.demo.receiver import Receiver
from tests.integration import launch
from tests.integration.readback import eventually
from tests.ports import LOOPBACK, free_ports

#: How telemetry is switched on: what stands before the program, and its environment.
WAYS: dict[str, tuple[tuple[str, ...], dict[str, str]]] = {
    "configure": (launch.PLAIN, {"CONFIGURE": "1"}),
    "instrument": (launch.INSTRUMENT, launch.OURS),
    "run": (launch.RUN, {}),
    "nothing": (launch.PLAIN, {}),
}
SETTINGS = {
    "OTEL_BSP_SCHEDULE_DELAY": "60000",
    "OTEL_BLRP_SCHEDULE_DELAY": "60000",
    "OTEL_METRIC_EXPORT_INTERVAL": "60000",
    # What counts here is what arrives: on a busy machine a child may need seconds for its imports.
    "PEPPERPY_OTEL_SHUTDOWN_TIMEOUT_MILLIS": "30000",
    # psutil is slow on a busy machine, and says so in a line of ours; sqlalchemy's has no use here.
    "OTEL_PYTHON_DISABLED_INSTRUMENTATIONS": "system_metrics,sqlalchemy",
}
#: What each program begins with.
HEAD = """
import os
if os.environ.get("CONFIGURE"):
    import pepperpy_otel
    pepperpy_otel.configure()
from opentelemetry import trace
tracer = trace.get_tracer("app")
"""
ASGI = (
    HEAD
    + """
import asyncio
async def app(scope, receive, send):
    if scope["type"] == "lifespan":
        while True:
            message = await receive()
            with tracer.start_as_current_span(message["type"]):
                await send({"type": message["type"] + ".complete"})
            if message["type"] == "lifespan.shutdown":
                return
    with tracer.start_as_current_span(scope["path"]):
        if scope["path"] == "/slow":
            print("slow started", flush=True)
            await asyncio.sleep(0.5)
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"done"})
"""
)
WSGI = (
    HEAD
    + """
import time
def app(environ, start_response):
    with tracer.start_as_current_span(environ["PATH_INFO"]):
        if environ["PATH_INFO"] == "/slow":
            print("slow started", flush=True)
            time.sleep(0.5)
        start_response("200 OK", [("Content-Length", "4")])
        return [b"done"]
"""
)
REQUESTS = 20


@dataclass
class Program:
    """A running program.

    Attributes:
        process: Of the operating system.
        log: Where its output goes.
    """

    process: "subprocess.Popen[bytes]"
    log: Path

    def output(self) -> str:
        """All that it has said."""
        return self.log.read_text(errors="replace")

    def wait_for(self, text: str) -> None:
        """Wait until it has said this.

        Raises:
            AssertionError: It did not, or has ended before.
        """
        eventually(
            lambda: text in self.output() or self.process.poll() is not None,
            interval=0.02,
            what=f"{text!r} in {self.output()[-2000:]}",
        )
        assert text in self.output(), self.output()[-4000:]

    def end(self, number: int = signal.SIGTERM) -> int:
        """Send it a signal; gives its exit status."""
        self.process.send_signal(number)
        return self.wait()

    def wait(self) -> int:
        """Its exit status."""
        try:
            return self.process.wait(90)
        except subprocess.TimeoutExpired:
            raise AssertionError(f"does not end\n{self.output()[-4000:]}") from None


@dataclass
class Left:
    """What a program has left.

    Attributes:
        status: Its exit status.
        spans: How many of each name have arrived.
        output: What it has said.
    """

    status: int
    spans: "Counter[str]" = field(default_factory=Counter)
    output: str = ""


@contextlib.contextmanager
def running(
    command: Sequence[str],
    directory: Path,
    settings: Mapping[str, str],
    log: str = "output.log",
) -> Iterator[Program]:
    """A program in a process group of its own, none of which is left behind."""
    launch.installed()
    path = directory / log
    coverage = [name for name in os.environ if name.startswith("COVERAGE_")]
    environment = launch.environment({**SETTINGS, **settings})
    for name in coverage:  # its lock can hang a forked child
        environment.pop(name, None)
    with path.open("wb") as output:
        process = subprocess.Popen(
            command,
            cwd=directory,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    try:
        yield Program(process, path)
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def python(path: Path) -> list[str]:
    """The command that runs a script."""
    return [sys.executable, str(path)]


def finish(
    way: str,
    command: Sequence[str],
    directory: Path,
    drive: Callable[[Program], int],
    **settings: str,
) -> Left:
    """Run a program under one of ``WAYS``, have ``drive`` end it, and see what it leaves."""
    before, chosen = WAYS[way]
    with Receiver() as receiver:
        given = {"OTEL_EXPORTER_OTLP_ENDPOINT": receiver.endpoint, **chosen, **settings}
        with running([*before, *command], directory, given) as program:
            status = drive(program)
            output = program.output()
    return Left(status, Counter(span.name for span in receiver.store.spans), output)


# ---------------------------------------------------------------------------------------- servers


def get(port: int, path: str, timeout: float = 20) -> int:
    """The status that a server answers with."""
    connection = http.client.HTTPConnection(LOOPBACK, port, timeout=timeout)
    try:
        connection.request("GET", path)
        return connection.getresponse().status
    finally:
        connection.close()


def serve(
    way: str,
    command: Callable[[int], Sequence[str]],
    app: str,
    directory: Path,
    number: int = signal.SIGTERM,
    **settings: str,
) -> Left:
    """Run a server, have it serve requests, and end it while it serves a slow one.

    Args:
        way: One of ``WAYS``.
        command: Gets the port.
        app: The source of ``served.py``.
        directory: Where all of it happens.
        number: The signal.
        **settings: Its environment.
    """
    (port,) = free_ports(1)
    (directory / "served.py").write_text(app)
    answers: list[int] = []

    def drive(program: Program) -> int:
        eventually(
            lambda: program.process.poll() is not None or get(port, "/ready") == 200,
            interval=0.05,
            what=f"the server answers: {program.output()[-2000:]}",
        )
        answers.extend(get(port, "/fast") for _ in range(REQUESTS))
        slow = threading.Thread(target=lambda: answers.append(get(port, "/slow")))
        slow.start()
        program.wait_for("slow started")
        status = program.end(number)
        slow.join()
        return status

    left = finish(
        way, command(port), directory, drive, PYTHONPATH=python_path(directory), **settings
    )
    assert answers == [200] * (REQUESTS + 1), left.output
    return left


def python_path(directory: Path) -> str:
    """The directory first on the path of the tests themselves."""
    before = os.environ.get("PYTHONPATH")
    return os.pathsep.join([str(directory), *([before] if before else [])])
