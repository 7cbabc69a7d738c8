"""The same program under opentelemetry-distro and under ours: what leaves it is the same.

The reference is opentelemetry-distro with opentelemetry-instrumentation-logging. What may differ is
read from docs/differences.md; the page and the truth cannot drift apart.
"""

import sys
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from importlib.metadata import entry_points
from pathlib import Path

import pytest

from tests.integration import launch
from tests.integration.differences import PAGE, compare, documented, judge, tables
from tests.integration.facts import Facts, collect
from tests.integration.sink import Sink

pytestmark = pytest.mark.integration

APP = Path(__file__).with_name("compared_app.py")
LIBRARIES = ("fastapi", "flask", "httpx", "logging", "requests", "sqlite3")

#: Settings under which both are compared: what nobody set, what a demanding user sets, and what
#: nobody wants to see.
SETTINGS: dict[str, dict[str, str]] = {
    "defaults": {"OTEL_EXPORTER_OTLP_PROTOCOL": "http/protobuf"},
    "tuned": {
        "OTEL_EXPORTER_OTLP_PROTOCOL": "grpc",
        "OTEL_EXPORTER_OTLP_COMPRESSION": "gzip",
        "OTEL_EXPORTER_OTLP_HEADERS": "x-tenant=a%20b,x-other=c",
        "OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE": "delta",
        "OTEL_EXPORTER_OTLP_METRICS_DEFAULT_HISTOGRAM_AGGREGATION": (
            "base2_exponential_bucket_histogram"
        ),
        "OTEL_SERVICE_NAME": "compared",
        "OTEL_RESOURCE_ATTRIBUTES": "service.version=1.0,team=a%2Cb,service.name=loses",
        "OTEL_EXPERIMENTAL_RESOURCE_DETECTORS": "os,host",
        "OTEL_ATTRIBUTE_COUNT_LIMIT": "100",
        "OTEL_ATTRIBUTE_VALUE_LENGTH_LIMIT": "20000",
        "OTEL_SPAN_ATTRIBUTE_VALUE_LENGTH_LIMIT": "200",
        "OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT": "10",
        "OTEL_SPAN_EVENT_COUNT_LIMIT": "3",
        "OTEL_SPAN_LINK_COUNT_LIMIT": "2",
        "OTEL_EVENT_ATTRIBUTE_COUNT_LIMIT": "4",
        "OTEL_LINK_ATTRIBUTE_COUNT_LIMIT": "0",
        "OTEL_METRICS_EXEMPLAR_FILTER": "always_off",
        "OTEL_SEMCONV_STABILITY_OPT_IN": "http,database",
        "OTEL_PYTHON_LOG_CODE_ATTRIBUTES": "true",
        "OTEL_PROPAGATORS": "tracecontext",
        "OTEL_PYTHON_FASTAPI_EXCLUDED_URLS": "teapot",
    },
    "unsampled": {
        "OTEL_EXPORTER_OTLP_PROTOCOL": "http/protobuf",
        "OTEL_TRACES_SAMPLER": "parentbased_always_off",
    },
}
WAYS: dict[str, tuple[Sequence[str], dict[str, str]]] = {
    "theirs": (launch.INSTRUMENT, launch.UPSTREAM),
    "ours": (launch.INSTRUMENT, launch.OURS),
    "configure": (launch.PLAIN, {"COMPARED_CONFIGURE": "1"}),
}
RUNS = [
    *((way, variant) for variant in SETTINGS for way in ("theirs", "ours")),
    ("configure", "defaults"),
]
EXPORTED = "Exported data"
CONFIGURE = "configure() instead of opentelemetry-instrument"
BEHAVIOUR = "Behaviour"

Runs = Mapping[tuple[str, str], Facts]


def other_instrumentations() -> str:
    """Those that happen to be installed beside the ones that are compared."""
    installed = {point.name for point in entry_points(group="opentelemetry_instrumentor")}
    return ",".join(sorted(installed - set(LIBRARIES)))


def run(way: str, variant: str, directory: Path) -> Facts:
    """Run the program one way, and give all that it exported."""
    command, settings = WAYS[way]
    directory.mkdir()
    chosen = SETTINGS[variant]
    with Sink() as sink:
        ended = launch.run(
            [*command, sys.executable, str(APP)],
            directory=directory,
            settings={
                "OTEL_EXPORTER_OTLP_ENDPOINT": sink.endpoint(chosen["OTEL_EXPORTER_OTLP_PROTOCOL"]),
                "OTEL_METRIC_EXPORT_INTERVAL": "600000",
                "OTEL_PYTHON_DISABLED_INSTRUMENTATIONS": other_instrumentations(),
                **chosen,
                **settings,
            },
        )
        assert ended.status == 0, f"{way}, {variant}: {ended.stderr}"
        return collect(sink)


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Runs:
    """Every run that is compared, two at a time."""
    directory = tmp_path_factory.mktemp("compared")
    with ThreadPoolExecutor(2) as pool:
        started: dict[tuple[str, str], Future[Facts]] = {
            (way, variant): pool.submit(run, way, variant, directory / f"{way}-{variant}")
            for way, variant in RUNS
        }
        return {key: future.result() for key, future in started.items()}


@pytest.mark.parametrize("variant", SETTINGS)
def test_the_same_program_exports_the_same(runs: Runs, variant: str) -> None:
    """Spans, metric streams, log records and resource are the same, but for the page."""
    theirs, ours = runs["theirs", variant], runs["ours", variant]
    undocumented, _ = judge(compare(theirs, ours), documented(EXPORTED))

    assert len(theirs) > 1000
    assert not undocumented, "\n".join(map(str, undocumented))


def test_configure_exports_the_same_as_the_launcher(runs: Runs) -> None:
    """One call at start-up is as good as opentelemetry-instrument, but for the page."""
    allowed = [*documented(EXPORTED), *documented(CONFIGURE)]
    differences = compare(runs["theirs", "defaults"], runs["configure", "defaults"])
    undocumented, _ = judge(differences, allowed)

    assert not undocumented, "\n".join(map(str, undocumented))


def test_every_documented_difference_occurs(runs: Runs) -> None:
    """A row that nothing needs any more is a lie, and has to go."""
    rows = documented(EXPORTED)
    used = set()
    for variant in SETTINGS:
        used |= judge(compare(runs["theirs", variant], runs["ours", variant]), rows)[1]

    assert [row for row in rows if row not in used] == []


def test_every_documented_difference_of_configure_occurs(runs: Runs) -> None:
    """The same for the table about configure(), which is compared with our own launcher."""
    rows = documented(CONFIGURE)
    differences = compare(runs["ours", "defaults"], runs["configure", "defaults"])
    undocumented, used = judge(differences, rows)

    assert not undocumented, "\n".join(map(str, undocumented))
    assert [row for row in rows if row not in used] == []


# ------------------------------------------------------------------------------------ behaviour

ONE_SPAN = """
from opentelemetry import trace
with trace.get_tracer("app").start_as_current_span("work"):
    pass
print("flushed", bool(trace.get_tracer_provider().force_flush(5000)))
"""


@dataclass(frozen=True, slots=True)
class Probed:
    """What a run of ``ONE_SPAN`` showed."""

    sink: Sink
    stdout: str

    @property
    def delivered(self) -> str:
        """Whether the span arrived."""
        return "delivered" if list(self.sink.items("traces")) else "lost"


def probe(way: str, directory: Path, *answers: int, **settings: str) -> Probed:
    """Run ``ONE_SPAN`` against a sink that gives these answers first."""
    command, chosen = WAYS[way]
    with Sink(answers) as sink:
        ended = launch.run_script(
            ONE_SPAN,
            directory=directory,
            way=command,
            settings={
                "OTEL_EXPORTER_OTLP_ENDPOINT": sink.http,
                "OTEL_METRICS_EXPORTER": "none",
                "OTEL_LOGS_EXPORTER": "none",
                "OTEL_PYTHON_DISABLED_INSTRUMENTATIONS": "*",
                "OTEL_EXPORTER_OTLP_TIMEOUT": "1",
                **chosen,
                **settings,
            },
        )
    assert ended.status == 0, ended.stderr
    return Probed(sink, ended.stdout)


def default_protocol(way: str, directory: Path) -> str:
    """What is spoken when nobody says which protocol."""
    return probe(way, directory).sink.requests[0].protocol


def answer(*statuses: int) -> Callable[[str, Path], str]:
    """What becomes of a span whose export is answered so at first, and with 200 afterwards."""

    def probed(way: str, directory: Path) -> str:
        http = "http/protobuf"
        return probe(way, directory, *statuses, OTEL_EXPORTER_OTLP_PROTOCOL=http).delivered

    return probed


def flush_result(way: str, directory: Path) -> str:
    """What ``force_flush()`` says after the destination has refused everything."""
    http = "http/protobuf"
    shown = probe(way, directory, *[400] * 10, OTEL_EXPORTER_OTLP_PROTOCOL=http).stdout
    return shown.strip().rpartition(" ")[2]


PROBES: dict[str, Callable[[str, Path], str]] = {
    "Protocol when none is set": default_protocol,
    "Answer 401 (wrong credentials), then 200": answer(401),
    "Answer 404 (wrong URL), then 200": answer(404),
    "Answer 307 (redirect), then 200": answer(307),
    "force_flush() after the destination refused everything": flush_result,
}


def test_every_documented_behaviour_has_its_probe() -> None:
    """No row without a test, no test without a row."""
    rows = tables(PAGE.read_text(encoding="utf-8"))[BEHAVIOUR]

    assert sorted(row["When"] for row in rows) == sorted(PROBES)


@pytest.mark.parametrize("when", PROBES)
def test_the_documented_behaviour_is_true(when: str, tmp_path: Path) -> None:
    """Both behave as the page says."""
    (row,) = (
        row for row in tables(PAGE.read_text(encoding="utf-8"))[BEHAVIOUR] if row["When"] == when
    )
    behaves = {"opentelemetry-distro": "theirs", "pepperpy-otel": "ours"}
    for way in behaves.values():
        (tmp_path / way).mkdir()

    shown = {name: PROBES[when](way, tmp_path / way) for name, way in behaves.items()}

    assert shown == {name: row[name] for name in behaves}
