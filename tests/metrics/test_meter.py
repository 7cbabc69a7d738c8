from __future__ import annotations

from typing import Any

import pytest
from opentelemetry import metrics
from opentelemetry.metrics import Observation
from opentelemetry.sdk import metrics as sdk

from tests.metrics.conftest import Armed, Hostile

SYNC = [
    ("counter", "add", metrics.Counter),
    ("up_down_counter", "add", metrics.UpDownCounter),
    ("histogram", "record", metrics.Histogram),
    ("gauge", "set", object),
]
ASYNC = [
    ("observable_counter", metrics.ObservableCounter),
    ("observable_up_down_counter", metrics.ObservableUpDownCounter),
    ("observable_gauge", metrics.ObservableGauge),
]


@pytest.mark.parametrize(("kind", "method", "api"), SYNC)
def test_an_instrument_records_what_it_is_given(
    armed: Armed, kind: str, method: str, api: type
) -> None:
    """Each kind of instrument is the API's and reaches the reader."""
    instrument = getattr(armed.meter, f"create_{kind}")("name", "s", "About it")
    assert isinstance(instrument, api)
    getattr(instrument, method)(2, {"k": "v"})
    (point,) = armed.points("name")
    assert (getattr(point, "value", None) or point.sum) == 2


@pytest.mark.parametrize(("kind", "api"), ASYNC)
def test_an_observable_instrument_is_asked(armed: Armed, kind: str, api: type) -> None:
    """Each kind of observable instrument is the API's and reaches the reader."""
    make = getattr(armed.meter, f"create_{kind}")
    assert isinstance(make("name", [lambda _: [Observation(2)]], "s", "About it"), api)
    assert isinstance(make("without"), api)
    assert armed.values("name") == [2]
    assert armed.points("without") == []


@pytest.mark.parametrize("kind", [kind for kind, *_ in SYNC])
def test_the_same_name_is_the_same_instrument(armed: Armed, kind: str) -> None:
    """Asking again gives the same object, and its values are counted once."""
    make = getattr(armed.meter, f"create_{kind}")
    assert make("name") is make("name")


@pytest.mark.parametrize(("kind", "method", "_"), SYNC)
@pytest.mark.parametrize("name", ["", "1st", "with space", "é", "x" * 256, None, 5, Hostile()])
def test_a_bad_name_gives_an_instrument_that_records_nothing(
    armed: Armed, kind: str, method: str, _: type, name: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    """The app goes on; one line says which instrument is missing and why."""
    instrument = getattr(armed.meter, f"create_{kind}")(name)
    getattr(instrument, method)(1)
    getattr(instrument, method)("nonsense", Hostile())
    assert getattr(armed.meter, f"create_{kind}")(name) is not None
    assert armed.collect() is None
    assert capsys.readouterr().err.count("could not be created and records nothing") == 1


@pytest.mark.parametrize(("kind", "_"), ASYNC)
@pytest.mark.parametrize(
    ("name", "callbacks"),
    [("bad name", []), (None, None), ("name", 5), ("name", "at its end")],
)
def test_a_bad_observable_records_nothing(
    armed: Armed, kind: str, _: type, name: Any, callbacks: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    """Bad names, callbacks that are no list, and generators that are at their end."""
    if callbacks == "at its end":
        callbacks = [(nothing for nothing in ())]
    assert getattr(armed.meter, f"create_{kind}")(name, callbacks) is not None
    assert armed.collect() is None
    assert capsys.readouterr().err.count("could not be created and records nothing") == 1


def test_boundaries_of_a_histogram_are_used(armed: Armed) -> None:
    """The advice of an instrumentation reaches the buckets."""
    histogram = armed.meter.create_histogram("h", explicit_bucket_boundaries_advisory=[1, 2])
    histogram.record(1.5)
    (point,) = armed.points("h")
    assert (tuple(point.explicit_bounds), tuple(point.bucket_counts)) == ((1, 2), (0, 1, 0))


@pytest.mark.parametrize("boundaries", [[2, 1], [1, 1], [float("nan")], ["x"], 5, Hostile()])
def test_bad_boundaries_are_not_used(
    armed: Armed, boundaries: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    """The SDK would accept them and fail at every record(); the histogram works without."""
    histogram = armed.meter.create_histogram("h", explicit_bucket_boundaries_advisory=boundaries)
    histogram.record(1)
    (point,) = armed.points("h")
    assert len(point.explicit_bounds) == 15
    assert "metric h (said once): its bucket boundaries do not rise" in capsys.readouterr().err


def test_a_meter_is_the_sdks_too(armed: Armed) -> None:
    """Code that asks for the SDK's class finds it."""
    assert isinstance(armed.meter, sdk.Meter)
    assert isinstance(armed.meter.create_counter("c"), sdk.Counter)
    assert armed.meter.name == "test"
