from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import pytest
from opentelemetry import trace
from opentelemetry.exporter.prometheus import PrometheusMetricReader
from opentelemetry.metrics import Observation
from opentelemetry.sdk.metrics.export import (
    AggregationTemporality,
    Metric,
    MetricsData,
    NumberDataPoint,
    ResourceMetrics,
    ScopeMetrics,
    Sum,
)
from opentelemetry.sdk.metrics.view import ExponentialBucketHistogramAggregation, View
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.util.instrumentation import InstrumentationScope
from opentelemetry.trace import NonRecordingSpan, SpanContext, TraceFlags
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.openmetrics.exposition import generate_latest as openmetrics
from prometheus_client.openmetrics.parser import text_string_to_metric_families as parse_openmetrics
from prometheus_client.parser import text_string_to_metric_families as parse

from pepperpy_otel.metrics.exporter import _Collected
from pepperpy_otel.metrics.prometheus import MAX_EXEMPLAR_CHARACTERS, Translator
from pepperpy_otel.metrics.provider import MeterProvider
from pepperpy_otel.metrics.reader import SharedReader
from tests.metrics.conftest import RESOURCE

if TYPE_CHECKING:
    from collections.abc import Iterator

Sample = tuple[str, tuple[tuple[str, str], ...]]


class Page:
    """A provider that is read by us and by upstream's reader, each on its own page."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.reader = SharedReader()
        self.translator = Translator()
        self.provider = MeterProvider()
        self.upstream = PrometheusMetricReader(registry=self.registry)
        self.arm()

    def arm(self, resource: Resource = RESOURCE, views: Any = (), upstream: bool = True) -> None:
        self.reader = SharedReader()
        readers = [self.reader]
        if upstream:
            self.upstream = PrometheusMetricReader(registry=self.registry)
            readers.append(self.upstream)  # type: ignore[arg-type]
        self.provider.arm(resource=resource, views=views, readers=readers)

    def meter(self, name: str = "scope", **more: Any) -> Any:
        return self.provider.get_meter(name, **more)

    def text(self, generate: Any = generate_latest) -> str:
        registry = CollectorRegistry()
        data = self.reader.collect_for("prometheus")
        registry.register(_Collected(self.translator.families(data)))
        return str(generate(registry).decode())

    def theirs(self) -> str:
        return generate_latest(self.registry).decode()


def samples(text: str) -> dict[Sample, float]:
    """Every sample of a page by name and labels; an empty label is no label."""
    found: dict[Sample, float] = {}
    for family in parse(text):
        for sample in family.samples:
            labels = tuple(sorted((k, v) for k, v in sample.labels.items() if v))
            assert (sample.name, labels) not in found, "a series twice"
            found[sample.name, labels] = sample.value
    return found


def named(text: str, name: str) -> list[tuple[dict[str, str], float]]:
    """Labels, without those of the scope, and value of each sample of a name."""
    return [
        ({k: v for k, v in labels if not k.startswith("otel_scope_")}, value)
        for (found, labels), value in samples(text).items()
        if found == name
    ]


def comments(text: str) -> list[str]:
    """HELP and TYPE lines."""
    return [line for line in text.splitlines() if line.startswith("#")]


@pytest.fixture
def page() -> Iterator[Page]:
    """Two pages of the same provider."""
    page = Page()
    yield page
    page.provider.disarm()


def _rich(meter: Any, other: Any) -> None:
    meter.create_counter("http.requests", "{request}", "Requests\nin two lines").add(
        3, {"http.method": "GET", "code": 200, "ok": True}
    )
    meter.create_counter("http.requests", "{request}", "Requests\nin two lines").add(
        1, {"http.method": 'quoted "and" back\\slashed', "list": ["a", 1]}
    )
    meter.create_counter("already_total").add(1)
    meter.create_counter("io", "By/s").add(1.5)
    meter.create_up_down_counter("connections", "{connection}").add(-2, {"1leading": "digit"})
    meter.create_gauge("temperature", "Cel", "How hot").set(21.5, {"é": "é"})
    meter.create_gauge("share", "1").set(0.5)
    meter.create_gauge("share.percent", "%").set(50)
    histogram = meter.create_histogram("request.duration", "s", "How long")
    for value in (0.001, 7, 99999):
        histogram.record(value, {"route": "/"})
    other.create_histogram("b", explicit_bucket_boundaries_advisory=[0.5, 1]).record(0.7)
    other.create_histogram("negative", explicit_bucket_boundaries_advisory=[-1, 1]).record(0.7)
    other.create_observable_counter("cpu.time", [lambda _: [Observation(9)]], "s")
    other.create_observable_up_down_counter("mem", [lambda _: [Observation(8, {"a": 1})]], "By")
    other.create_observable_gauge("queue", [lambda _: [Observation(7)]], "{item}")
    other.create_counter("weird name".replace(" ", "-")).add(1)


def test_the_page_is_upstreams(page: Page) -> None:
    """Names, types, help, labels and values for a rich set of instruments, line by line."""
    page.arm(Resource({"service.name": "shop", "host.name": "h", "list": ["a"]}))
    other = page.meter("other", version="2", schema_url="https://s", attributes={"team": "x"})
    _rich(page.meter(), other)
    assert page.text().splitlines() == page.theirs().splitlines()


def test_openmetrics_is_sound(page: Page) -> None:
    """A strict parser reads the page, units included."""
    _rich(page.meter(), page.meter("other"))
    families = {family.name: family for family in parse_openmetrics(page.text(openmetrics))}
    assert families["request_duration_seconds"].unit == "seconds"
    assert families["target"].type == "info"


def test_nothing_measured_is_an_empty_page(page: Page) -> None:
    """As with upstream, there is no target without metrics."""
    assert page.text() == page.theirs() == ""


def test_two_scopes_with_the_same_metric_keep_their_labels(page: Page) -> None:
    """Upstream writes the second scope's values under the first one's label names."""
    page.meter("a").create_counter("req").add(1, {"http.method": "GET"})
    page.meter("b").create_counter("req").add(2, {"zone": "z", "kind": "k"})
    text = page.text()
    assert sorted(named(text, "req_total"), key=str) == [
        ({"http_method": "GET"}, 1),
        ({"kind": "k", "zone": "z"}, 2),
    ]
    scopes = {dict(labels).get("otel_scope_name") for _, labels in samples(text)}
    assert scopes == {"a", "b", None}


def test_different_descriptions_are_one_family(page: Page) -> None:
    """One HELP and one TYPE for a name, the first one; no point is lost."""
    page.meter("a").create_counter("req", description="first").add(1)
    page.meter("b").create_counter("req", description="second").add(2)
    text = page.text()
    assert comments(text)[2:] == ["# HELP req_total first", "# TYPE req_total counter"]
    assert [value for _, value in named(text, "req_total")] == [1, 2]


@pytest.mark.parametrize("second", ["gauge", "histogram"])
def test_one_name_has_one_type(page: Page, second: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Of two types the first one is shown; one line names the other."""
    page.meter("a").create_up_down_counter("jobs").add(1)
    if second == "gauge":
        page.meter("b").create_gauge("jobs").set(5)  # the same type for Prometheus
    else:
        page.meter("b").create_histogram("jobs").record(5)
    text = [page.text(), page.text()][-1]
    assert [line for line in comments(text) if "TYPE jobs" in line] == ["# TYPE jobs gauge"]
    values = [value for _, value in named(text, "jobs")]
    assert values == ([1, 5] if second == "gauge" else [1])
    assert capsys.readouterr().err.count("jobs is left out") == (second == "histogram")


def test_samples_of_two_families_do_not_meet(
    page: Page, capsys: pytest.CaptureFixture[str]
) -> None:
    """A gauge with the name of a histogram's count, and one called target_info, are left out."""
    page.meter().create_histogram("h").record(1)
    page.meter().create_gauge("h_count").set(5)
    page.meter().create_gauge("target.info").set(5)
    text = page.text()
    assert [value for _, value in named(text, "h_count")] == [1]
    assert [value for _, value in named(text, "target_info")] == [1]
    assert capsys.readouterr().err.count("would be of two types") == 2


@pytest.mark.parametrize("counter_first", [True, False])
def test_a_gauge_and_a_counter_of_one_name_are_both_shown(page: Page, counter_first: bool) -> None:
    """OpenMetrics leaves _total out of a family's name, so the counter's type gives way there."""

    def count() -> None:
        page.meter().create_counter("jobs").add(1)

    def measure() -> None:
        page.meter().create_gauge("jobs").set(2)

    for step in (count, measure) if counter_first else (measure, count):
        step()
    text = page.text(openmetrics)
    families = {family.name: family for family in parse_openmetrics(text)}
    assert families["jobs"].samples[0].value == 2
    assert families["jobs_total"].samples[0].value == 1
    assert families["jobs_total"].type == "unknown"


def test_attributes_that_become_one_label_are_joined(page: Page) -> None:
    """Upstream lets the last one overwrite the others."""
    page.meter().create_counter("c").add(1, {"http.method": "b", "http_method": "a"})
    assert named(page.text(), "c_total") == [({"http_method": "b;a"}, 1)]


def test_points_that_become_one_series_are_added_up(page: Page) -> None:
    """Counters and histograms by value, gauges by time; a series is never there twice."""
    meter = page.meter()
    counter, up_down = meter.create_counter("c"), meter.create_up_down_counter("u")
    histogram, gauge = meter.create_histogram("h"), meter.create_gauge("g")
    for key, value in (("a.b", 1), ("a-b", 2)):
        counter.add(value, {key: "x"})
        up_down.add(value, {key: "x"})
        histogram.record(value, {key: "x"})
        gauge.set(value, {key: "x"})
    text = page.text()
    assert named(text, "c_total") == named(text, "u") == [({"a_b": "x"}, 3)]
    assert named(text, "h_count") == [({"a_b": "x"}, 2)]
    assert named(text, "h_sum") == [({"a_b": "x"}, 3)]
    ((_, value),) = named(text, "g")
    assert value in (1, 2)


def test_histograms_of_other_buckets_cannot_be_added_up(
    page: Page, capsys: pytest.CaptureFixture[str]
) -> None:
    """The first one is shown, one line names the other."""
    for name, boundaries in (("a.b", [1]), ("a_b", [2])):
        histogram = page.meter().create_histogram(
            name, explicit_bucket_boundaries_advisory=boundaries
        )
        histogram.record(0.5)
    assert [value for _, value in named(page.text(), "a_b_count")] == [1]
    assert "a series of a_b is left out" in capsys.readouterr().err


def test_exponential_histograms_are_shown(page: Page) -> None:
    """Upstream's scrape fails; here they have boundaries at powers of two."""
    view = View(instrument_name="h", aggregation=ExponentialBucketHistogramAggregation())
    page.arm(views=[view], upstream=False)
    histogram = page.meter().create_histogram("h")
    for value in (0.3, 3, 3.5):
        histogram.record(value)
    text = page.text()
    buckets = {labels["le"]: value for labels, value in named(text, "h_bucket")}
    assert buckets == {"0.25": 0, "0.5": 1, "1.0": 1, "2.0": 1, "4.0": 3, "+Inf": 3}
    assert named(text, "h_count") == [({}, 3)]
    assert named(text, "h_sum") == [({}, 6.8)]


def test_an_attribute_called_le_is_kept(page: Page) -> None:
    """It would take the place of the buckets' own label."""
    page.meter().create_histogram("h").record(1, {"le": "mine"})
    page.meter().create_histogram("h").record(1, {"le": "other"})
    assert {labels["exported_le"] for labels, _ in named(page.text(), "h_count")} == {
        "mine",
        "other",
    }


def test_a_scopes_attributes_do_not_hide_the_scope(page: Page) -> None:
    """Those that are called like the scope's own labels are left out, as the spec says."""
    page.meter("real", attributes={"name": "fake", "team": "x"}).create_counter("c").add(1)
    ((_, labels),) = [key for key in samples(page.text()) if key[0] == "c_total"]
    assert dict(labels) == {"otel_scope_name": "real", "otel_scope_team": "x"}


def test_text_that_cannot_be_encoded_does_not_end_the_page(page: Page) -> None:
    """Lone surrogates in attributes and descriptions are replaced."""
    page.meter().create_counter("c", description="\ud800").add(1, {"k": "\ud800", "\ud800": "v"})
    assert named(page.text(), "c_total") == [({"k": "\ufffd", "_": "v"}, 1)]


def test_the_target_is_that_of_now(page: Page) -> None:
    """Upstream shows the first resource for ever."""
    page.meter().create_counter("c").add(1)
    page.text()
    page.provider.replace_resource(Resource({"service.name": "new", "a.b": 1, "a_b": 2}))
    assert named(page.text(), "target_info") == [({"service_name": "new", "a_b": "1;2"}, 1)]


def _within(trace_id: int) -> Any:
    span = NonRecordingSpan(SpanContext(trace_id, 0xAB, False, TraceFlags(TraceFlags.SAMPLED)))
    return trace.set_span_in_context(span)


def _exemplars(text: str, name: str) -> list[Any]:
    return [
        sample.exemplar
        for family in parse_openmetrics(text)
        for sample in family.samples
        if sample.name == name
    ]


def test_counters_and_buckets_have_exemplars(page: Page) -> None:
    """In OpenMetrics: the newest trace of each; gauges cannot have any."""
    counter = page.meter().create_counter("c")
    histogram = page.meter().create_histogram("h", explicit_bucket_boundaries_advisory=[1, 2])
    counter.add(3, None, _within(0xC))
    histogram.record(1.5, None, _within(0xD))
    histogram.record(9, None, _within(0xE))
    page.meter().create_gauge("g").set(1, None, _within(0xF))
    text = page.text(openmetrics)
    (exemplar,) = _exemplars(text, "c_total")
    assert exemplar.labels == {"trace_id": f"{0xC:032x}", "span_id": f"{0xAB:016x}"}
    assert exemplar.value == 3
    assert abs(float(exemplar.timestamp) - time.time()) < 60
    traces = [e and int(e.labels["trace_id"], 16) for e in _exemplars(text, "h_bucket")]
    assert traces == [None, 0xD, 0xE]
    assert _exemplars(text, "g") == [None]


def test_exemplars_of_series_that_became_one(page: Page) -> None:
    """The newest one is shown."""
    counter = page.meter().create_counter("c")
    counter.add(1, {"a.b": "x"}, _within(1))
    counter.add(1, {"a-b": "x"}, _within(2))
    (exemplar,) = _exemplars(page.text(openmetrics), "c_total")
    assert int(exemplar.labels["trace_id"], 16) == 2


def test_exemplars_keep_within_their_room(page: Page) -> None:
    """Filtered attributes are shown as long as OpenMetrics has room for them."""
    page.arm(views=[View(instrument_name="c", attribute_keys=set())], upstream=False)
    attributes = {"a": "short", "b": "x" * 200, "trace_id": "fake"}
    page.meter().create_counter("c").add(1, attributes, _within(1))
    (exemplar,) = _exemplars(page.text(openmetrics), "c_total")
    assert exemplar.labels == {
        "trace_id": f"{1:032x}",
        "span_id": f"{0xAB:016x}",
        "a": "short",
    }
    assert sum(len(k) + len(v) for k, v in exemplar.labels.items()) <= MAX_EXEMPLAR_CHARACTERS


def test_an_exemplar_outside_of_a_trace_has_its_attributes(page: Page) -> None:
    """With the filter always_on there may be no trace."""
    page.provider.arm(
        resource=RESOURCE,
        views=[View(instrument_name="c", attribute_keys=set())],
        exemplar_filter="always_on",
        readers=[reader := SharedReader()],
    )
    page.reader = reader
    page.meter().create_counter("c").add(1, {"a": "b"})
    (exemplar,) = _exemplars(page.text(openmetrics), "c_total")
    assert exemplar.labels == {"a": "b"}


def _data(*metrics: Metric) -> MetricsData:
    scope = ScopeMetrics(InstrumentationScope("s"), list(metrics), "")
    return MetricsData([ResourceMetrics(RESOURCE, [scope], "")])


def test_a_sum_of_deltas_is_a_counter() -> None:
    """As upstream does it, also for one that is not monotonic."""
    data = Sum([NumberDataPoint({}, 0, 0, 3)], AggregationTemporality.DELTA, is_monotonic=False)
    families = Translator().families(_data(Metric("d", None, None, data)))
    assert [(f.name, f.type, f.samples[0].value) for f in families[1:]] == [("d", "counter", 3)]


def test_what_is_no_metric_costs_only_itself(capsys: pytest.CaptureFixture[str]) -> None:
    """A kind of metric that a later SDK may bring does not end the page."""
    good = Sum([NumberDataPoint({}, 0, 0, 3)], AggregationTemporality.CUMULATIVE, is_monotonic=True)
    strange: Any = "strange"
    families = Translator().families(
        _data(Metric("odd", "", "", strange), Metric("good", "", "", good))
    )
    assert [family.name for family in families] == ["target", "good"]
    assert "metric odd for Prometheus" in capsys.readouterr().err
