"""The same program under opentelemetry-distro and under ours: what leaves it is the same.

The reference is opentelemetry-distro with opentelemetry-instrumentation-logging. What may differ is
read from docs/differences.md; the page and the truth cannot drift apart.
"""

import sys
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from importlib.metadata import entry_points
from pathlib import Path

import pytest

from tests.integration import launch
from tests.integration.differences import PAGE, Row, compare, documented, judge, tables
from tests.integration.facts import Facts, Key, collect
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


def test_what_differs_is_found_and_judged() -> None:
    """A changed, a missing and an added fact are differences; a row allows what it names only."""
    span, event = Key("span", "work", "", "#0"), Key("span", "work", "events.0", "#0")
    other, metric = Key("span", "other", "", "#0"), Key("metric", "m", "{a=[1]} value", "app")
    theirs = {span: "present", event: "x at now", other: "present", metric: "as_int 1"}
    ours = {span: "present", event: "y at now", metric: "as_int 2"}
    row = Row("metric", "*", "{a=[1]} value", "as_int *", "as_int 2", "why")
    stale = Row("metric", "*", "{a=[2]} value", "*", "*", "why")

    differences = compare(theirs, ours)
    undocumented, used = judge(differences, [row, stale])

    assert {each.key for each in differences} == {event, other, metric}
    assert [each.key for each in undocumented] == [other, event]
    assert used == {row}


def test_a_missing_span_is_one_difference() -> None:
    """Of what one side has not at all, the fields are not told one by one."""
    span = Key("span", "work", "", "#0")
    point = Key("metric", "m", "{a=1}", "app")
    theirs = {span: "present", span._replace(field="kind"): "internal"}
    ours = {point: "present", point._replace(field="{a=1} value"): "as_int 1"}

    assert {each.key for each in compare(theirs, ours)} == {span, point}


def test_the_tables_of_a_page_are_read_by_heading() -> None:
    """Cells lose their code marks, an escaped bar stays a bar, text between tables is skipped."""
    page = (
        "# One\n\ntext | no table\n\n| A | B |\n|---|---|\n| `a\\|b` | |\n\n## Two\n|C|\n|-|\n|c|\n"
    )

    assert tables(page) == {"One": [{"A": "a|b", "B": ""}], "Two": [{"C": "c"}]}


# ------------------------------------------------------------------------------------ behaviour

ONE_SPAN = """
from opentelemetry import trace
with trace.get_tracer("app").start_as_current_span("work"):
    pass
print(bool(trace.get_tracer_provider().force_flush(5000)))
"""
HTTP = {"OTEL_EXPORTER_OTLP_PROTOCOL": "http/protobuf"}
BEHAVES = {"opentelemetry-distro": "theirs", "pepperpy-otel": "ours"}


@dataclass(frozen=True, slots=True)
class Probe:
    """What one row of the table about behaviour is asked by: a run of ``ONE_SPAN``.

    Attributes:
        shows: Tells from the sink and from what the script printed how it behaved.
        answers: What the destination answers first; later it answers 200.
        settings: Settings of the run.
    """

    shows: Callable[[Sink, str], str]
    answers: Sequence[int] = ()
    settings: Mapping[str, str] = field(default_factory=lambda: HTTP)

    def run(self, way: str, directory: Path) -> str:
        """Run it one way."""
        command, chosen = WAYS[way]
        directory.mkdir(parents=True)
        with Sink(self.answers) as sink:
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
                    **self.settings,
                },
            )
        assert ended.status == 0, ended.stderr
        return self.shows(sink, ended.stdout)


def protocol(sink: Sink, printed: str) -> str:
    """What was spoken."""
    return sink.requests[0].protocol


def fate(sink: Sink, printed: str) -> str:
    """What became of the span."""
    return "delivered" if list(sink.items("traces")) else "lost"


def said(sink: Sink, printed: str) -> str:
    """What ``force_flush()`` returned."""
    return printed.strip()


PROBES = {
    "Protocol when none is set": Probe(protocol, settings={}),
    "Answer 401 (wrong credentials), then 200": Probe(fate, [401]),
    "Answer 404 (wrong URL), then 200": Probe(fate, [404]),
    "Answer 307 (redirect), then 200": Probe(fate, [307]),
    "force_flush() after the destination refused everything": Probe(said, [400] * 10),
}


def behaviour_rows() -> list[dict[str, str]]:
    """The table about behaviour."""
    return tables(PAGE.read_text(encoding="utf-8"))[BEHAVIOUR]


@pytest.fixture(scope="module")
def behaviour(tmp_path_factory: pytest.TempPathFactory) -> dict[tuple[str, str], str]:
    """What each probe showed each way, two at a time."""
    directory = tmp_path_factory.mktemp("behaviour")
    with ThreadPoolExecutor(2) as pool:
        started = {
            (when, way): pool.submit(probe.run, way, directory / f"{number}-{way}")
            for number, (when, probe) in enumerate(PROBES.items())
            for way in BEHAVES.values()
        }
        return {key: future.result() for key, future in started.items()}


def test_every_documented_behaviour_has_its_probe() -> None:
    """No row without a probe, no probe without a row."""
    assert sorted(row["When"] for row in behaviour_rows()) == sorted(PROBES)


@pytest.mark.parametrize("when", PROBES)
def test_the_documented_behaviour_is_true(behaviour: dict[tuple[str, str], str], when: str) -> None:
    """Both behave as the page says."""
    (row,) = (row for row in behaviour_rows() if row["When"] == when)

    shown = {name: behaviour[when, way] for name, way in BEHAVES.items()}

    assert shown == {name: row[name] for name in BEHAVES}
