"""The main job: two services, three signals, the real Collector, Jaeger and Prometheus."""

import signal
from typing import Any

import pytest

from tests.integration import launch, shop
from tests.integration.servers import Stack, eventually
from tests.integration.shop import Visit

pytestmark = [pytest.mark.integration, pytest.mark.usefixtures("servers")]

WAYS = {
    "instrument": (launch.INSTRUMENT, launch.OURS),
    "configure": (launch.PLAIN, {"SHOP_CONFIGURE": "1"}),
}
PROTOCOLS = ("http/protobuf", "grpc")

Span = dict[str, Any]


@pytest.fixture(scope="module", params=[(way, each) for way in WAYS for each in PROTOCOLS], ids=str)
def visited(
    request: pytest.FixtureRequest, stack: Stack, tmp_path_factory: pytest.TempPathFactory
) -> Visit:
    """The shop has been opened, visited and closed, under one way and over one protocol."""
    way, protocol = request.param
    command, settings = WAYS[way]
    endpoint = stack.otlp_grpc if protocol == "grpc" else stack.otlp_http
    chosen = {
        **settings,
        "OTEL_EXPORTER_OTLP_ENDPOINT": endpoint,
        "OTEL_EXPORTER_OTLP_PROTOCOL": protocol,
    }
    return shop.visit(command, chosen, tmp_path_factory.mktemp("shop"))


def whole_trace(stack: Stack, trace_id: str, size: int) -> dict[str, Span]:
    """The spans of a trace by id, once there are so many of them."""
    spans = eventually(
        lambda: len(found := stack.trace(trace_id)) >= size and found,
        what=f"{size} spans of trace {trace_id} in Jaeger",
    )
    return {span["span_id"]: span for span in spans or ()}


def lineage(spans: dict[str, Span], span: Span) -> list[tuple[str, str]]:
    """Service and name of a span and of all above it, from the root."""
    path = []
    current: Span | None = span
    while current is not None:
        path.append((current["service"].partition("-")[0], current["name"]))
        parent = current["parent_span_id"]
        current = spans[parent] if parent else None
    return path[::-1]


ORDER = [("storefront", "POST /orders")]
RESERVATION = [*ORDER, ("storefront", "POST"), ("inventory", "POST /reservations")]
SHELF = [*RESERVATION, ("inventory", "take from shelf")]
PLACED = sorted(
    [
        ORDER,
        [*ORDER, ("storefront", "INSERT")],
        RESERVATION[:2],
        RESERVATION,
        SHELF,
        [*SHELF, ("inventory", "SELECT")],
        [*SHELF, ("inventory", "UPDATE")],
    ]
)


def test_one_trace_spans_both_services_and_the_sql(stack: Stack, visited: Visit) -> None:
    """From the request to the SQL statements of both services, each span below the right one."""
    for trace_id in visited.orders["placed"]:
        spans = whole_trace(stack, trace_id, len(PLACED))

        assert sorted(lineage(spans, span) for span in spans.values()) == PLACED
        assert {span["service"] for span in spans.values()} == {
            visited.storefront,
            visited.inventory,
        }


def test_a_failed_order_is_an_error_down_to_its_cause(stack: Stack, visited: Visit) -> None:
    """The jammed shelf is an exception on the innermost span, and an error on those above."""
    (trace_id,) = visited.orders["failed"]
    spans = whole_trace(stack, trace_id, 5)
    by_lineage = {tuple(lineage(spans, span)): span for span in spans.values()}

    shelf = by_lineage[tuple(SHELF)]
    assert shelf["status"] == "error"
    (event,) = shelf["events"]
    assert event["name"] == "exception"
    assert event["attributes"]["exception.message"] == "the teapot shelf is jammed"
    for above in (RESERVATION[:2], RESERVATION, ORDER):
        assert by_lineage[tuple(above)]["status"] == "error"


def test_the_background_job_has_traces_of_its_own(stack: Stack, visited: Visit) -> None:
    """Each round is a trace that starts with the job, with its SQL below."""
    rounds = eventually(
        lambda: stack.traces(visited.inventory, operation="restock"), what="the job's traces"
    )
    filled = [
        {span["span_id"]: span for span in spans}
        for spans in rounds.values()
        if any(span["name"] == "UPDATE" for span in spans)
    ]

    assert filled, rounds
    for spans in filled:
        job = ("inventory", "restock")
        assert {tuple(lineage(spans, span)) for span in spans.values()} == {
            (job,),
            (job, ("inventory", "SELECT")),
            (job, ("inventory", "UPDATE")),
        }


def test_no_asgi_noise_and_no_health_requests(stack: Stack, visited: Visit) -> None:
    """Neither send and receive spans nor the health checks are anywhere in the traces."""
    whole_trace(stack, visited.orders["placed"][-1], len(PLACED))
    every = [
        span
        for service in visited.service_names.values()
        for spans in stack.traces(service, limit=1000).values()
        for span in spans
    ]

    assert len(every) > 30
    assert [span["name"] for span in every if span["name"].endswith((" send", " receive"))] == []
    assert [span["name"] for span in every if "healthz" in repr(span)] == []


def test_prometheus_counts_every_request(stack: Stack, visited: Visit) -> None:
    """The duration histogram of the HTTP server has each request, by route and status."""
    name = "http_server_(request_)?duration_(milli)?seconds_count"
    query = f'{{__name__=~"{name}", service_name="{visited.storefront}"}}'
    samples = eventually(lambda: stack.query(query), what="the duration histogram in Prometheus")

    def status(labels: dict[str, str]) -> str:
        return labels.get("http_response_status_code") or labels["http_status_code"]

    posted = {
        status(sample["labels"]): sample["value"]
        for sample in samples
        if "POST" in sample["labels"].values()
    }
    assert posted == {"201": 3, "409": 1, "422": 1, "502": 1}
    assert not [sample for sample in samples if "healthz" in repr(sample)]


def test_prometheus_has_the_counters_of_the_shop(stack: Stack, visited: Visit) -> None:
    """Custom metrics arrive exactly: orders by outcome, and what the background job did."""
    orders = f'sum by (outcome) (shop_orders_total{{service_name="{visited.storefront}"}})'
    samples = eventually(lambda: stack.query(orders), what="shop_orders_total in Prometheus")

    assert {sample["labels"]["outcome"]: sample["value"] for sample in samples} == {
        "placed": 3,
        "rejected": 1,
        "failed": 1,
    }
    restocked = f'shop_restocked_total{{service_name="{visited.inventory}"}}'
    samples = eventually(lambda: stack.query(restocked), what="shop_restocked_total")
    assert {each["labels"]["sku"]: each["value"] for each in samples} == {"mug": 16, "teapot": 17}


def test_a_log_record_carries_the_ids_of_its_span(stack: Stack, visited: Visit) -> None:
    """Logs of both services have the trace id and the span id of where they were written."""
    every = [trace_id for trace_ids in visited.orders.values() for trace_id in trace_ids]
    traces = {trace_id: whole_trace(stack, trace_id, 5) for trace_id in every}
    places = {
        (visited.storefront, "order received"): ("storefront", "POST /orders"),
        (visited.storefront, "order placed"): ("storefront", "POST /orders"),
        (visited.storefront, "order rejected"): ("storefront", "POST /orders"),
        (visited.storefront, "the inventory failed"): ("storefront", "POST /orders"),
        (visited.inventory, "looked at the shelf"): ("inventory", "take from shelf"),
        (visited.inventory, "reservation failed"): ("inventory", "POST /reservations"),
        (visited.inventory, "stock is low"): ("inventory", "POST /reservations"),
    }
    records = eventually(
        lambda: len(found := written_in(places, logs(stack, visited))) == 17 and found,
        what="17 log records of orders in the Collector's file",
    )
    for record in records or ():
        spans = traces[record["trace_id"]]
        path = lineage(spans, spans[record["span_id"]])
        assert path[-1] == places[record["service"], record["body"]]
        if record["body"] == "reservation failed":
            assert record["attributes"]["exception.type"].endswith("ShelfJammed")
            assert record["attributes"]["sku"] == "teapot"


def written_in(
    places: dict[tuple[str, str], tuple[str, str]], records: list[dict[str, Any]]
) -> list[dict[str, Any]]:
    """The records with one of these services and bodies."""
    return [record for record in records if (record["service"], record["body"]) in places]


def logs(stack: Stack, visited: Visit) -> list[dict[str, Any]]:
    """The log records of both services."""
    return [record for name in visited.service_names.values() for record in stack.log_records(name)]


def test_the_job_logs_within_its_own_trace(stack: Stack, visited: Visit) -> None:
    """The job's records are in the traces of their rounds, at their spans."""
    place = {(visited.inventory, "shelves filled"): ("inventory", "restock")}

    def filled() -> list[dict[str, Any]]:
        records = written_in(place, logs(stack, visited))
        return records if sum(each["attributes"]["items"] for each in records) == 33 else []

    for record in eventually(filled, what="the job's log records"):
        spans = whole_trace(stack, record["trace_id"], 3)
        assert spans[record["span_id"]]["name"] == "restock"


def test_nothing_but_the_shop_is_heard(visited: Visit) -> None:
    """They end as uvicorn does, and their output is their own: no telemetry, no traceback."""
    assert visited.statuses == {"inventory": -signal.SIGTERM, "storefront": -signal.SIGTERM}
    assert {name: shop.unexpected_output(text) for name, text in visited.output.items()} == {
        "inventory": [],
        "storefront": [],
    }
    assert "order placed" in visited.output["storefront"]
