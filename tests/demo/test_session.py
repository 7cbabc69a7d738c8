from __future__ import annotations

import io

import pytest

from pepperpy_otel.delivery.counts import SignalCounts
from pepperpy_otel.demo import render, session
from pepperpy_otel.demo.services import Target
from pepperpy_otel.demo.traffic import Answer
from tests.demo import make

COLLECTOR = Target("http://collector:4317", "grpc", own=False)


class Output(io.TextIOWrapper):
    """What a run shows on a plain screen."""

    def __init__(self):
        super().__init__(io.BytesIO(), encoding="utf-8")

    def text(self):
        """Everything so far."""
        self.flush()
        return self.buffer.getvalue().decode()


@pytest.fixture
def output():
    """Where the demo prints."""
    with Output() as stream:
        yield stream


class FakeServices:
    """Stands for Services: sends what the test says when it is stopped."""

    address = ("127.0.0.1", 1)

    def __init__(self, counts, *, send=None, complaints=()):
        self._counts = counts
        self._send = send
        self._complaints = complaints
        self._target = None
        self.ended_by = []

    def __call__(self, directory, target):
        """Stand in for the class."""
        assert directory.is_dir()
        self._target = target
        return self

    def __enter__(self):
        return self

    def __exit__(self, kind, error, traceback):
        self.ended_by.append(kind)

    def stop(self):
        """Send what is left."""
        if self._send is not None:
            self._send(self._target.endpoint)

    def counts(self):
        """What the test says."""
        return self._counts

    def complaints(self):
        """What the test says."""
        return self._complaints


@pytest.fixture
def play(monkeypatch, output):
    """Play a session with services and answers of the test's own."""

    def call(fake, *, target=None, answers=()):
        def drive(address, seconds, on_answer):
            for answer in answers:
                on_answer(answer)
            return answers

        monkeypatch.setattr(session, "Services", fake)
        if answers is not None:
            monkeypatch.setattr(session, "drive", drive)
        screen = render.screen(output, plain=True)
        if target is None:
            return session.show_received(screen, 1)
        return session.show_sent(screen, 1, target)

    return call


def send_trace(endpoint):
    """Send one trace over both services, with a log each and a metric each."""
    import urllib.request

    def post(path, body):
        request = urllib.request.Request(
            endpoint + path, body, {"Content-Type": "application/x-protobuf"}
        )
        urllib.request.urlopen(request, timeout=5).close()

    post("/v1/traces", make.trace_request("storefront"))
    post(
        "/v1/traces",
        make.trace_request("inventory", span_id=b"\x03" * 8, parent_span_id=b"\x02" * 8),
    )
    ids = {"trace_id": b"\x01" * 16, "span_id": b"\x02" * 8}
    metric = {"name": "shop.orders", "gauge": {"data_points": [{"as_int": 1}]}}
    for service in ("storefront", "inventory"):
        post("/v1/logs", make.log_request(service, body={"string_value": "hello"}, **ids))
        post("/v1/metrics", make.metric_request(metric, service=service))


def test_everything_received(play, output):
    """The trace, its logs, the metrics, the counts and the verdict, from what was received."""
    counts = dict.fromkeys(("storefront", "inventory"), make.stats((1, 1, 1)))

    assert (
        play(FakeServices(counts, send=send_trace), answers=[Answer(200)] * 2 + [Answer(0)]) is True
    )

    text = output.text()
    assert "3 requests: 1 x no answer, 2 x 200." in text
    assert "One of 1 traces, as it was received" in text
    assert "hello" in text
    assert "shop.orders" in text
    assert "1 → 1" in text
    assert "pepperpy-otel run python app.py" in text
    assert text.endswith("✓ Everything that was sent was received; the trace spans both.\n")


def test_something_missing(play, output):
    """What was sent and not received is named last, after what telemetry itself complained of."""
    counts = {
        "storefront": make.stats((2, 1, 1), last_error="connection reset"),
        "inventory": make.stats((1, 1, 1)),
    }
    fake = FakeServices(counts, send=send_trace, complaints=["inventory: pepperpy_otel: odd"])

    assert play(fake) is False

    assert output.text().endswith(
        "\ninventory: pepperpy_otel: odd\n"
        "✗ storefront sent 2 spans, received were 1 (last error: connection reset)\n"
    )


def test_nothing_received(play, output):
    """Without any trace or metric their parts are left out, and the verdict says so."""
    counts = {"storefront": make.stats((1, 1, 1)), "inventory": None}

    assert play(FakeServices(counts)) is False

    text = output.text()
    assert "as it was received" not in text
    assert "Metrics" not in text
    assert "✗ no trace was received" in text
    assert "✗ inventory did not say what it sent" in text


def test_sent_to_a_collector(play, output):
    """What the Collector took, and where to look: the ids of traces worth looking at."""
    counts = {"storefront": make.stats((3, 2, 1)), "inventory": make.stats((1, 1, 1))}
    answers = [Answer(200), Answer(201, "a1"), Answer(201, "a2"), Answer(502, "f1")]

    assert play(FakeServices(counts), target=COLLECTOR, answers=answers) is True

    text = output.text()
    assert "Sent to http://collector:4317 (grpc)" in text
    assert "storefront  3 of 3 spans, 1 of 1 log records, 2 of 2 data points" in text
    assert "trace a2" in text
    assert "trace f1" in text
    assert "shop_orders_total" in text
    assert text.endswith("✓ http://collector:4317 has taken everything.\n")


def test_a_collector_that_did_not_take_everything(play, output):
    """What was not delivered is named with the last error, and so is a service without counts."""
    counts = {
        "storefront": make.stats(
            (3, 2, 1), dropped=SignalCounts(traces=1), last_error="401 Unauthorized"
        ),
        "inventory": make.stats((1, 1, 1), pending=SignalCounts(logs=2)),
        "till": None,
    }

    assert play(FakeServices(counts), target=COLLECTOR) is False

    text = output.text()
    assert "storefront  3 of 4 spans" in text
    assert "✗ storefront could not deliver everything: 401 Unauthorized" in text
    assert "✗ inventory could not deliver everything\n" in text
    assert "✗ till did not say what it sent" in text
    assert "Jaeger" not in text


def test_the_services_are_stopped_when_the_user_has_had_enough(play, monkeypatch):
    """Ctrl-C in the middle of the requests ends the services, and is passed on."""

    def interrupt(address, seconds, on_answer):
        raise KeyboardInterrupt

    fake = FakeServices({})
    monkeypatch.setattr(session, "drive", interrupt)
    with pytest.raises(KeyboardInterrupt):
        play(fake, answers=None)

    assert fake.ended_by == [KeyboardInterrupt]
