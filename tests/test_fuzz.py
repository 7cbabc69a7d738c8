from __future__ import annotations

import contextlib
import json
import logging
import os
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import pepperpy_otel
from tests.fuzz.calls import Fuzzer
from tests.integration.readback import eventually

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from pepperpy_otel.demo.receiver import Receiver
    from pepperpy_otel.telemetry import Telemetry

#: What the values of spans and records are cut to, so that 50 MB of text stay in this process.
LIMIT = {"OTEL_ATTRIBUTE_VALUE_LENGTH_LIMIT": "1000"}


@contextlib.contextmanager
def quiet_app() -> Iterator[None]:
    """An app without handlers that print: pytest's own raise for what they cannot format."""
    root = logging.getLogger()
    theirs = root.handlers[:]
    ours = [each for each in theirs if type(each).__module__.startswith("pepperpy_otel")]
    root.handlers[:] = [logging.NullHandler(), *ours]
    upstream = logging.getLogger("opentelemetry")
    level = upstream.level
    upstream.setLevel(logging.CRITICAL)
    try:
        yield
    finally:
        upstream.setLevel(level)
        root.handlers[:] = theirs


def test_no_call_raises_for_any_value(
    configure: Callable[..., Telemetry],
    receiver: Receiver,
    monkeypatch: pytest.MonkeyPatch,
    own_threads: Callable[[], list[str]],
) -> None:
    """Spans, logs, metrics and the facades take anything, and ordinary telemetry goes on."""
    monkeypatch.setenv(*next(iter(LIMIT.items())))
    configure(service_name="fuzz")
    threads = own_threads()

    @settings(
        deadline=None,
        max_examples=15,
        database=None,
        suppress_health_check=list(HealthCheck),
    )
    @given(seed=st.integers(0, 2**32))
    def fuzz(seed: int) -> None:
        fuzzer = Fuzzer(seed)
        fuzzer.run(150)
        assert fuzzer.failures == []

    with quiet_app():
        fuzz()
    assert set(threads) <= set(own_threads())
    ordinary_telemetry_arrives(receiver)


def ordinary_telemetry_arrives(receiver: Receiver) -> None:
    """A span, a record and a metric, as from any app."""
    with pepperpy_otel.get_tracer("after").start_as_current_span("ordinary"):
        logging.getLogger("after").warning("ordinary record")
    pepperpy_otel.get_meter("after").create_counter("ordinary").add(1)
    pepperpy_otel.force_flush(30_000)
    eventually(lambda: "ordinary" in [span.name for span in receiver.store.spans])
    eventually(lambda: "ordinary record" in [record.body for record in receiver.store.logs])
    eventually(lambda: "ordinary" in [point.name for point in receiver.store.points])


class Ordinary(list[Any]):
    """Keeps what the apps said at the end; all the rest would be gigabytes."""

    def extend(self, items: Iterable[Any]) -> None:
        super().extend(item for item in items if getattr(item, "name", "") == "ordinary")


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_a_million_calls_raise_nothing_and_kill_no_thread(receiver: Receiver) -> None:
    """Two apps, half a million calls each, through processors, encoders and HTTP.

    Afterwards every thread is alive, and what each then says arrives.
    """
    receiver.store.spans, receiver.store.points = Ordinary(), Ordinary()
    receiver.store.logs = Ordinary()
    environment = {**os.environ, **LIMIT, "OTEL_EXPORTER_OTLP_ENDPOINT": receiver.endpoint}
    for name in [name for name in environment if name.startswith("COVERAGE_")]:
        del environment[name]
    command = [sys.executable, "-m", "tests.fuzz.calls", "500000"]
    apps = [
        subprocess.Popen(
            [*command, str(seed)],
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        for seed in (1, 2)
    ]
    try:
        told = [json.loads(app.communicate(timeout=880)[0]) for app in apps]
    finally:
        for app in apps:
            app.kill()
            app.wait()
    for each in told:
        assert each["failures"] == []
        assert each["calls"] == 500_000
        assert each["threads_lost"] == []
    assert len(receiver.store.spans) == 2
