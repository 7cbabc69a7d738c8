from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from opentelemetry.metrics import Observation
from opentelemetry.sdk.metrics.export import MetricReader
from opentelemetry.sdk.metrics.view import View

from pepperpy_otel.metrics import views
from pepperpy_otel.metrics.views import DEFAULT_CARDINALITY_LIMIT, reader_limits, sound_views
from tests.metrics.conftest import Armed

if TYPE_CHECKING:
    from collections.abc import Iterator

LIMIT = 3


@pytest.fixture
def limited() -> Iterator[Armed]:
    """A provider with a small limit."""
    armed = Armed(cardinality_limit=LIMIT)
    yield armed
    armed.provider.disarm()


def _by_key(points: list[Any]) -> dict[Any, float]:
    return {
        point.attributes.get("user", point.attributes.get("otel.metric.overflow")): (
            point.value if hasattr(point, "value") else point.count
        )
        for point in points
    }


@pytest.mark.parametrize(
    ("kind", "method"),
    [("counter", "add"), ("up_down_counter", "add"), ("histogram", "record")],
)
def test_attribute_sets_beyond_the_limit_share_one_point(
    limited: Armed, kind: str, method: str
) -> None:
    """Nothing is lost from the sum, and the memory stays bounded, with every SDK."""
    record = getattr(getattr(limited.meter, f"create_{kind}")("m"), method)
    for _ in range(2):
        for user in range(6):
            record(1, {"user": f"u{user}"})
    for _ in range(2):  # and it stays so from collection to collection
        found = _by_key(limited.points("m"))
        assert found == {"u0": 2, "u1": 2, "u2": 2, True: 6}
    record(1, {"user": "u0"})
    record(1, {"user": "u9"})
    found = _by_key(limited.points("m"))
    assert (found["u0"], found[True]) == (3, 7)


def test_a_gauge_beyond_the_limit_keeps_the_last_value(limited: Armed) -> None:
    """The shared point of a gauge is the newest of those that share it."""
    gauge = limited.meter.create_gauge("m")
    for user in range(6):
        gauge.set(user, {"user": f"u{user}"})
    assert _by_key(limited.points("m")) == {"u0": 0, "u1": 1, "u2": 2, True: 5}


def test_observations_are_limited_too(limited: Armed) -> None:
    """Callbacks that yield too many attribute sets are bounded as well."""
    limited.meter.create_observable_counter(
        "m", [lambda _: [Observation(1, {"user": f"u{user}"}) for user in range(6)]]
    )
    for _ in range(2):
        assert _by_key(limited.points("m")) == {"u0": 1, "u1": 1, "u2": 1, True: 3}


def test_below_the_limit_there_is_no_shared_point(limited: Armed) -> None:
    """As many sets as the limit says are kept apart."""
    counter = limited.meter.create_counter("m")
    for user in range(LIMIT):
        counter.add(1, {"user": f"u{user}"})
    assert _by_key(limited.points("m")) == {"u0": 1, "u1": 1, "u2": 1}


def test_readers_of_the_app_are_limited_as_by_the_sdk(armed: Armed) -> None:
    """The default of 2,000 sets holds for a reader that says nothing, with every SDK."""
    from opentelemetry.sdk.metrics.export import InMemoryMetricReader

    from tests.metrics.conftest import points

    reader = InMemoryMetricReader()
    armed.provider.add_metric_reader(reader)
    counter = armed.meter.create_counter("m")
    for user in range(DEFAULT_CARDINALITY_LIMIT + 5):
        counter.add(1, {"user": user})
    found = points(reader.get_metrics_data(), "m")
    assert len(found) == DEFAULT_CARDINALITY_LIMIT + 1
    assert found[-1].value == 5


def test_the_limit_is_handed_to_an_sdk_that_takes_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """SDK 1.45.2 and later has an argument for it; an older one gets none."""

    def newer(self: Any, cardinality_limits: Any = None) -> None: ...

    def older(self: Any) -> None: ...

    monkeypatch.setattr(MetricReader, "__init__", newer)
    limits = reader_limits(7)["cardinality_limits"]
    assert set(limits.values()) == {7}
    assert {kind.__name__ for kind in limits} >= {"Counter", "Histogram", "ObservableGauge"}
    monkeypatch.setattr(MetricReader, "__init__", older)
    assert reader_limits(7) == {}


def test_what_is_no_view_is_left_out(capsys: pytest.CaptureFixture[str]) -> None:
    """One line names it, the others are used."""
    good = View(instrument_name="a")
    assert sound_views([good, "bad", None]) == [good]
    lines = capsys.readouterr().err.splitlines()
    assert lines == [
        "pepperpy_otel: views: a str is no View and was left out",
        "pepperpy_otel: views: a NoneType is no View and was left out",
    ]


def test_the_default_is_the_sdks() -> None:
    """Where the SDK has a default limit, ours is the same."""
    from opentelemetry.sdk.metrics._internal import _view_instrument_match as sdk

    assert getattr(sdk, "_DEFAULT_CARDINALITY_LIMIT", 2000) == views.DEFAULT_CARDINALITY_LIMIT
