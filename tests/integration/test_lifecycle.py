"""From the first line to the exit: what an application notices of us, and what arrives."""

import socket
import time
from pathlib import Path

import pytest

from tests.integration import launch
from tests.integration.sink import Sink
from tests.integration.ways import WAYS, names, run, said
from tests.ports import LOOPBACK, free_ports

pytestmark = pytest.mark.integration

EVERYTHING = """
import logging, time
from opentelemetry import metrics, trace
tracer, counter = trace.get_tracer("app"), metrics.get_meter("app").create_counter("app.things")
for number in range(700):
    with tracer.start_as_current_span(f"span {number}"):
        logging.getLogger("app").error("record %s", number)
        counter.add(1)
print(time.time())
"""


# ----------------------------------------------------------------------------------------- the end


@pytest.mark.parametrize(
    ("way", "protocol"), [*((way, "http/protobuf") for way in WAYS), ("configure", "grpc")]
)
def test_a_script_that_ends_at_once_loses_nothing(way: str, protocol: str, tmp_path: Path) -> None:
    """Every span, record and measurement arrives, in the order traces, logs, metrics."""
    with Sink() as sink:
        ended = run(
            way,
            EVERYTHING,
            tmp_path,
            OTEL_EXPORTER_OTLP_ENDPOINT=sink.endpoint(protocol),
            OTEL_EXPORTER_OTLP_PROTOCOL=protocol,
            OTEL_BSP_SCHEDULE_DELAY="60000",
            OTEL_BLRP_SCHEDULE_DELAY="60000",
            OTEL_BSP_MAX_EXPORT_BATCH_SIZE="1000",
            OTEL_BLRP_MAX_EXPORT_BATCH_SIZE="1000",
        )

    assert (ended.status, said(ended)) == (0, [])
    spans, bodies, metrics = names(sink)
    assert spans == [f"span {number}" for number in range(700)]
    assert bodies == [f"record {number}" for number in range(700)]
    (point,) = metrics["app.things"].sum.data_points
    assert point.as_int == 700
    assert [request.signal for request in sink.requests] == ["traces", "logs", "metrics"]
    assert {request.protocol for request in sink.requests} == {protocol}


def dead_endpoint() -> str:
    """Where nobody listens."""
    return f"http://{LOOPBACK}:{free_ports(1)[0]}"


def default_endpoint_is_free() -> bool:
    """Whether nobody listens on the default endpoint of OTLP/HTTP on this machine."""
    try:
        socket.create_connection(("localhost", 4318), timeout=1).close()
    except OSError:
        return True
    return False


@pytest.mark.parametrize(
    ("way", "endpoint"),
    [*((way, "default") for way in WAYS), ("configure", "http/protobuf"), ("configure", "grpc")],
)
def test_with_nobody_listening_the_app_runs_and_ends(
    way: str, endpoint: str, tmp_path: Path
) -> None:
    """One line at most, its own exit status, and an end within three seconds."""
    settings = {}
    if endpoint != "default":
        settings = {
            "OTEL_EXPORTER_OTLP_ENDPOINT": dead_endpoint(),
            "OTEL_EXPORTER_OTLP_PROTOCOL": endpoint,
        }
    elif not default_endpoint_is_free():
        settings = {"OTEL_EXPORTER_OTLP_ENDPOINT": dead_endpoint()}

    ended = run(way, EVERYTHING + "raise SystemExit(7)\n", tmp_path, **settings)
    seconds = time.time() - float(ended.stdout)

    assert ended.status == 7
    lines = said(ended)
    assert len(lines) <= 1, ended.stderr
    assert all(line.startswith("pepperpy_otel: ") for line in lines)
    assert seconds < 3


def test_a_destination_that_never_answers_does_not_hold_up_the_end(tmp_path: Path) -> None:
    """A server that accepts the connection and says nothing costs the two seconds of the limit."""
    with socket.create_server((LOOPBACK, 0)) as silent:
        ended = run(
            "configure",
            EVERYTHING,
            tmp_path,
            OTEL_EXPORTER_OTLP_ENDPOINT=f"http://{LOOPBACK}:{silent.getsockname()[1]}",
        )
        seconds = time.time() - float(ended.stdout)

    assert ended.status == 0
    assert "Traceback" not in ended.stderr
    assert seconds < 4


@pytest.mark.parametrize("way", ["configure", "instrument"])
def test_an_exception_of_the_app_stays_its_own(way: str, tmp_path: Path) -> None:
    """Traceback and exit status are Python's, and what led to it arrives."""
    script = """
from opentelemetry import trace
def work():
    with trace.get_tracer("app").start_as_current_span("fails"):
        raise LookupError("the app is broken")
work()
"""
    with Sink() as sink:
        ended = run(way, script, tmp_path, OTEL_EXPORTER_OTLP_ENDPOINT=sink.http)

    lines = said(ended)
    assert ended.status == 1
    assert lines[0] == "Traceback (most recent call last):"
    assert lines[-1] == "LookupError: the app is broken"
    assert not [line for line in lines if "pepperpy_otel" in line]
    (span,) = sink.items("traces")
    assert (span.name, span.status.code, span.events[0].name) == ("fails", 2, "exception")


# ------------------------------------------------------------------------------------ the beginning


@pytest.mark.parametrize("way", ["configure", "run"])
def test_an_unknown_propagator_does_not_stop_the_service(way: str, tmp_path: Path) -> None:
    """``OTEL_PROPAGATORS=typo`` is one line; the known ones in it work."""
    script = """
from opentelemetry import baggage, context, propagate, trace
carrier = {}
context.attach(baggage.set_baggage("user", "alice"))
with trace.get_tracer("app").start_as_current_span("work"):
    propagate.inject(carrier)
print(sorted(carrier))
"""
    with Sink() as sink:
        ended = run(
            way,
            script,
            tmp_path,
            OTEL_EXPORTER_OTLP_ENDPOINT=sink.http,
            OTEL_PROPAGATORS="typo,tracecontext",
        )

    assert ended.status == 0
    (line,) = said(ended)
    assert "OTEL_PROPAGATORS" in line
    assert "'typo'" in line or "typo,tracecontext" in line
    assert ended.stdout.strip() == "['traceparent']"
    assert len(list(sink.items("traces"))) == 1


WHO = """
from opentelemetry import _logs, metrics, trace
for get in (trace.get_tracer_provider, metrics.get_meter_provider, _logs.get_logger_provider):
    print(type(get()).__module__.split(".")[0])
"""


@pytest.fixture
def third_distro(tmp_path: Path) -> Path:
    """A directory with another distribution that brings a distro, found before all others."""
    directory = tmp_path / "third"
    metadata = directory / "third_distro-1.0.dist-info"
    metadata.mkdir(parents=True)
    (metadata / "METADATA").write_text("Metadata-Version: 2.1\nName: third-distro\nVersion: 1.0\n")
    (metadata / "entry_points.txt").write_text(
        "[opentelemetry_distro]\nthird = third_distro:Distro\n"
        "[opentelemetry_configurator]\nthird = third_distro:Configurator\n"
    )
    (directory / "third_distro.py").write_text(
        "from opentelemetry.instrumentation.distro import BaseDistro\n"
        "class Distro(BaseDistro):\n"
        "    def _configure(self, **kwargs): print('third distro')\n"
        "class Configurator:\n"
        "    def configure(self, **kwargs): print('third configurator')\n"
    )
    return directory


def test_the_named_distro_is_the_one(third_distro: Path, tmp_path: Path) -> None:
    """Of three installed distros, ``OTEL_PYTHON_DISTRO=pepperpy_otel`` alone decides for ours."""
    path = {"PYTHONPATH": str(third_distro), "OTEL_TRACES_EXPORTER": "none"}
    path |= {"OTEL_METRICS_EXPORTER": "none", "OTEL_LOGS_EXPORTER": "none"}

    ours = run("instrument", WHO, tmp_path, **path)
    other = launch.run_script(
        WHO,
        directory=tmp_path,
        way=launch.INSTRUMENT,
        settings={"OTEL_PYTHON_DISTRO": "third", "OTEL_PYTHON_CONFIGURATOR": "third", **path},
    )

    assert ours.stdout.split() == ["pepperpy_otel"] * 3
    assert other.stdout.splitlines()[:2] == ["third distro", "third configurator"]
    assert "pepperpy_otel" not in other.stdout


@pytest.mark.parametrize("way", ["instrument", "run"])
def test_configure_in_a_launched_app_gives_the_same_handle(way: str, tmp_path: Path) -> None:
    """Silently, and nothing is sent twice; arguments that differ are named in one line."""
    script = """
import pepperpy_otel
launched = pepperpy_otel.get_telemetry()
assert launched is not None
assert pepperpy_otel.configure() is launched
assert pepperpy_otel.configure("shop") is launched
assert pepperpy_otel.configure("other") is launched
with pepperpy_otel.get_tracer("app").start_as_current_span("once"):
    pass
"""
    with Sink() as sink:
        ended = run(
            way,
            script,
            tmp_path,
            OTEL_EXPORTER_OTLP_ENDPOINT=sink.http,
            OTEL_SERVICE_NAME="shop",
        )

    assert ended.status == 0, ended.stderr
    (line,) = said(ended)
    assert line.startswith("pepperpy_otel: ")
    assert "service_name" in line
    assert [span.name for span in sink.items("traces")] == ["once"]


def test_opentelemetry_instrument_in_a_child_process(tmp_path: Path) -> None:
    """A Python that an instrumented one starts is instrumented too, with an id of its own."""
    script = """
import subprocess, sys
from opentelemetry import trace
with trace.get_tracer("app").start_as_current_span(sys.argv[1] if sys.argv[1:] else "parent"):
    if not sys.argv[1:]:
        subprocess.run([sys.executable, __file__, "child"], check=True)
"""
    with Sink() as sink:
        ended = run("run", script, tmp_path, OTEL_EXPORTER_OTLP_ENDPOINT=sink.http)

    assert (ended.status, said(ended)) == (0, [])
    assert sorted(span.name for span in sink.items("traces")) == ["child", "parent"]
    instances = {
        attribute.value.string_value
        for message in sink.taken("traces")
        for attribute in message.resource_spans[0].resource.attributes
        if attribute.key == "service.instance.id"
    }
    assert len(instances) == 2
