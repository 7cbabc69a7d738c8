"""Under gevent's monkey-patching: start, flush, fork, and both kinds of end."""

import signal
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.integration import endings

pytestmark = [pytest.mark.integration, pytest.mark.slow]
pytest.importorskip("gevent")

PROGRAM = """
import gevent, os, sys, time
import pepperpy_otel
from opentelemetry import metrics
counter = metrics.get_meter("app").create_counter("things")

def work(name):
    with tracer.start_as_current_span(name):
        gevent.sleep(0.01)
        counter.add(1)

gevent.joinall([gevent.spawn(work, "first") for _ in range(10)])
started = time.monotonic()
result = pepperpy_otel.get_telemetry().force_flush(5000)
assert result, result
assert result.delivered.traces == 10, result
pid = os.fork()
if pid == 0:
    gevent.joinall([gevent.spawn(work, "child") for _ in range(10)])
    sys.exit(3)
assert os.waitpid(pid, 0)[1] >> 8 == 3
gevent.joinall([gevent.spawn(work, "last") for _ in range(10)])
print("ready", flush=True)
if sys.argv[1:]:
    gevent.sleep(60)
"""
PATCH = "from gevent import monkey; monkey.patch_all()\n"
#: For opentelemetry-instrument and ``pepperpy-otel run``: patch before anything else.
PATCH_FIRST: Any = {"OTEL_PYTHON_AUTO_INSTRUMENTATION_EXPERIMENTAL_GEVENT_PATCH": "patch_all"}
ALL = {"first": 10, "child": 10, "last": 10}


@pytest.mark.parametrize("protocol", ["http/protobuf", "grpc"])
@pytest.mark.parametrize("how", ["exit", "SIGTERM"])
def test_a_patched_script_loses_nothing(how: str, protocol: str, tmp_path: Path) -> None:
    """Greenlets, a flush, a forked child and the end; by gRPC it only has to run and to end."""
    path = tmp_path / "program.py"
    path.write_text(PATCH + endings.HEAD + PROGRAM)

    def drive(program: endings.Program) -> int:
        program.wait_for("ready")
        return program.end() if how == "SIGTERM" else program.wait()

    command = [*endings.python(path), *(["wait"] if how == "SIGTERM" else [])]
    if protocol == "grpc":
        from tests.integration.sink import Sink

        with Sink() as sink:
            settings = {
                "CONFIGURE": "1",
                "OTEL_EXPORTER_OTLP_ENDPOINT": sink.grpc,
                "OTEL_EXPORTER_OTLP_PROTOCOL": "grpc",
            }
            with endings.running(command, tmp_path, settings) as program:
                status = drive(program)
                output = program.output()
            spans = [span.name for span in sink.items("traces")]
        arrived = {name: spans.count(name) for name in spans}
    else:
        left = endings.finish("configure", command, tmp_path, drive)
        status, output, arrived = left.status, left.output, dict(left.spans)

    assert status == (-signal.SIGTERM if how == "SIGTERM" else 0), output
    assert arrived == ALL, output
    assert "Traceback" not in output


def test_a_script_patched_by_the_launcher(tmp_path: Path) -> None:
    """``OTEL_PYTHON_AUTO_INSTRUMENTATION_EXPERIMENTAL_GEVENT_PATCH`` patches before we start."""
    path = tmp_path / "program.py"
    path.write_text(endings.HEAD + PROGRAM)

    left = endings.finish(
        "run", endings.python(path), tmp_path, endings.Program.wait, **PATCH_FIRST
    )

    assert left.status == 0, left.output
    assert left.spans == ALL, left.output


@pytest.mark.parametrize("way", ["configure", "run", "patched first"])
def test_gunicorn_with_gevent_loses_nothing(way: str, tmp_path: Path) -> None:
    """Its workers are patched after the fork: before configure(), or after it under a launcher."""

    def command(port: int) -> list[str]:
        return [
            *(sys.executable, "-m", "gunicorn", "served:app", f"--bind=127.0.0.1:{port}"),
            *("-w2", "-kgevent"),
        ]

    if way == "patched first":
        left = endings.serve("run", command, endings.WSGI, tmp_path, **PATCH_FIRST)
    else:
        left = endings.serve(way, command, endings.WSGI, tmp_path)

    assert left.status == 0, left.output
    assert left.spans["/fast"] == endings.REQUESTS, left.output
    assert left.spans["/slow"] == 1, left.output
