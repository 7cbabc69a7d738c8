from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

import pepperpy_otel.delivery
from pepperpy_otel.delivery import OtlpEndpoint, SignalCounts, build_destination
from tests.delivery.fakes import make_metrics, make_spans
from tests.delivery.grpc_sink import GrpcSink

if TYPE_CHECKING:
    from collections.abc import Callable


@pytest.mark.parametrize("stock", [False, True])
def test_one_destination_may_have_different_endpoints(
    http_sink: Any, pipeline: Callable[..., Any], stock: bool
) -> None:
    """Signals differ in URL and protocol, and share one worker, with either kind of sender."""
    sink, grpc_sink = http_sink(), GrpcSink()
    endpoints = {
        "traces": OtlpEndpoint(f"http://{grpc_sink.address}", protocol="grpc"),
        "metrics": OtlpEndpoint(f"{sink.url}/v1/metrics"),
    }
    destination = build_destination("otlp", endpoints=endpoints, stock=stock)
    made = pipeline(destination)
    made.set_metric_source(lambda _: make_metrics(a=1))
    made.span_processor().on_end(make_spans("a")[0])
    result = made.flush(10)
    assert result.delivered == SignalCounts(traces=1, metrics=1)
    assert (len(grpc_sink.calls), len(sink.requests)) == (1, 1)
    assert len(made._workers) == 1
    made.shutdown(5)
    grpc_sink.close()


def test_the_package_offers_what_it_names() -> None:
    """Each public name is there, and no other."""
    for name in pepperpy_otel.delivery.__all__:
        assert getattr(pepperpy_otel.delivery, name) is not None
    with pytest.raises(AttributeError, match="no attribute 'nonsense'"):
        _ = pepperpy_otel.delivery.nonsense
    assert set(pepperpy_otel.delivery._HOME) == set(pepperpy_otel.delivery.__all__)


def test_spans_over_http_need_no_protobuf(run_python: Callable[..., Any]) -> None:
    """Our own encoder writes them, and a refusal is read without it; metrics bring it along."""
    result = run_python(
        """
        import sys
        from pepperpy_otel.delivery import OtlpEndpoint, build_destination
        endpoint = OtlpEndpoint("http://localhost:4318/v1/traces")
        destination = build_destination("otlp", endpoints=dict(traces=endpoint, metrics=endpoint))
        for signal in ("traces", "metrics"):
            destination.senders[signal]()
            print("google.protobuf" in sys.modules, "google.rpc" in sys.modules)
        """
    )
    assert (result.stdout, result.stderr) == ("False False\nTrue False\n", "")


def test_a_start_loads_no_transport_and_no_encoder(run_python: Callable[..., Any]) -> None:
    """What sends is imported when there is something to send, by the worker."""
    result = run_python(
        """
        import sys
        from pepperpy_otel.delivery import OtlpEndpoint, Pipeline, build_destination
        endpoint = OtlpEndpoint("http://localhost:4318/v1/traces")
        destinations = [
            build_destination("otlp", endpoints={"traces": endpoint}),
            build_destination("stock", endpoints={"logs": endpoint}, stock=True),
            build_destination("console", console=["metrics"]),
        ]
        pipeline = Pipeline(destinations, {}, 60, 30)
        pipeline.span_processor()
        pipeline.log_record_processor()
        pipeline.start()
        heavy = ["grpc", "google.protobuf", "requests", "ssl", "http.client", "urllib.request"]
        print([name for name in heavy if name in sys.modules and name not in before])
        pipeline.shutdown(1)
        """.replace(
            "import sys",
            "import sys, opentelemetry.sdk.trace.export; "
            "import opentelemetry.sdk._logs.export, opentelemetry.sdk.metrics; "
            "before = set(sys.modules)",
        )
    )
    assert (result.stdout, result.stderr) == ("[]\n", "")
