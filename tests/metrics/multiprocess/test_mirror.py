"""What one process measures, another one shows."""

from __future__ import annotations

import os
import threading
from typing import TYPE_CHECKING, Any

import pytest
from opentelemetry.metrics import CallbackOptions, Observation
from opentelemetry.sdk.metrics.view import DropAggregation, View
from opentelemetry.sdk.resources import Resource

from pepperpy_otel.metrics.multiprocess import Group, Mirror, merging, mirror
from pepperpy_otel.metrics.prometheus import Translator
from pepperpy_otel.metrics.provider import MeterProvider
from pepperpy_otel.metrics.reader import PROMETHEUS, SharedReader, build_readers

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from pathlib import Path

    Start = Callable[..., "Worker"]

Samples = dict[tuple[str, frozenset[tuple[str, str]]], float]


class Worker:
    """A process' metrics; all of them in this process, each with a provider of its own."""

    def __init__(self, group: Group | None, views: Any = (), **reader: Any) -> None:
        self.mirror = Mirror(group)
        self.reader = SharedReader(mirror=self.mirror, **reader)
        self.provider = MeterProvider()
        self.provider.arm(
            resource=Resource({"service.name": "w", "service.instance.id": "i"}),
            readers=[self.reader],
            views=views,
        )
        self.meter = self.provider.get_meter("test", "1.0", attributes={"team": "a"})

    def samples(self) -> Samples:
        """The page: samples by name and labels, without those of the scope."""
        data = self.mirror.complete(self.reader.collect_for(PROMETHEUS))
        return {
            (
                sample.name,
                frozenset(
                    (key, value)
                    for key, value in sample.labels.items()
                    if not key.startswith("otel_scope_")
                ),
            ): sample.value
            for family in Translator().families(data)
            for sample in family.samples
        }


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    started: list[Worker] = []

    def begin(**arguments: Any) -> Worker:
        started.append(Worker(Group(tmp_path / "group", private=False), **arguments))
        return started[-1]

    yield begin
    for worker in started:
        worker.provider.disarm()


def key(name: str, **labels: str) -> tuple[str, frozenset[tuple[str, str]]]:
    return name, frozenset(labels.items())


def test_counters_and_histograms_are_added_up(start: Start) -> None:
    """Of the living and of the ended, whoever is asked."""
    workers = [start() for _ in range(3)]
    for number, worker in enumerate(workers, 1):
        hits = worker.meter.create_counter("hits")
        hits.add(number, {"path": "/"})
        hits.add(0.5, {"path": "/half", "tags": ["x", 1], "raw": b"x"})
        worker.meter.create_histogram("took", "s").record(0.7 * number)

    for asked in workers:
        found = asked.samples()
        assert found[key("hits_total", path="/", raw="", tags="")] == 6
        assert found[key("took_seconds_count")] == 3
        assert found[key("took_seconds_sum")] == pytest.approx(4.2)
        assert found[key("took_seconds_bucket", le="5.0")] == 3

    workers[0].provider.disarm()
    left = workers[1].samples()
    assert left[key("hits_total", path="/", raw="", tags="")] == 6
    assert left[key("took_seconds_count")] == 3


def test_states_are_those_of_the_living(start: Start) -> None:
    """A gauge of each process, told apart by its pid; up-down counters as a sum."""
    first, second = start(), start()
    for value, worker in enumerate((first, second), 1):
        worker.meter.create_gauge("heat").set(value)
        worker.meter.create_up_down_counter("open").add(value)

    found = first.samples()
    assert found[key("open")] == 3
    own = [value for (name, labels), value in found.items() if name == "heat"]
    assert own  # one process in this test: both have one pid, and the newest is shown
    assert dict(next(labels for (name, labels) in found if name == "heat"))["process_pid"] == str(
        os.getpid()
    )
    second.provider.disarm()
    assert first.samples()[key("open")] == 1


def test_what_is_observed_is_shared_when_it_is_collected(
    start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By a thread, in processes that nobody scrapes; a value that stays away is not shown."""
    observed = threading.Event()

    def level(options: CallbackOptions) -> Iterable[Observation]:
        observed.set()
        yield Observation(4)

    monkeypatch.setattr(mirror, "REFRESH_SECONDS", 0.01)
    first, second = start(), start()
    second.meter.create_observable_up_down_counter("level", [level])
    second.meter.create_observable_counter("ticks", [level])
    second.meter.create_counter("opens_the_file").add(1)
    first.meter.create_counter("opens_the_file").add(1)
    assert observed.wait(10)
    second.reader.collect_for("push")

    assert first.samples()[key("level")] == 4
    monkeypatch.setattr(merging, "STALE_SECONDS", -1.0)
    left = first.samples()
    assert key("level") not in left
    assert left[key("ticks_total")] == 4


def test_a_refresh_that_fails_is_reported_and_goes_on(
    start: Start, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A collection may time out."""
    monkeypatch.setattr(mirror, "REFRESH_SECONDS", 0.01)
    asked = threading.Semaphore(0)

    def fail(millis: float) -> None:
        asked.release()
        raise RuntimeError("no")

    reported: list[str] = []
    monkeypatch.setattr(mirror, "report_internal", lambda what, error: reported.append(what))
    worker = start()
    worker.mirror.refresh_with(fail)
    worker.meter.create_counter("c").add(1)
    assert asked.acquire(timeout=10)
    assert asked.acquire(timeout=10)
    worker.mirror.close()
    assert set(reported) == {"a collection for other processes"}


def test_a_mirror_without_a_reader_refreshes_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nobody has said how to collect."""
    turns = iter([False, True])
    alone = Mirror(Group(tmp_path / "group", private=False))
    stop = threading.Event()
    monkeypatch.setattr(stop, "wait", lambda seconds: next(turns))
    alone._refresh(stop)
    with pytest.raises(StopIteration):
        next(turns)


def test_exponential_histograms_share_the_usual_buckets(start: Start) -> None:
    """Those of two processes have no boundaries in common; the instrument's advice is taken."""
    workers = [start(histogram_aggregation="base2_exponential_bucket_histogram") for _ in range(2)]
    for worker in workers:
        worker.meter.create_histogram("plain").record(30)
        worker.meter.create_histogram(
            "advised", explicit_bucket_boundaries_advisory=[1.0, 2.0]
        ).record(1.5)

    found = workers[0].samples()

    assert found[key("plain_bucket", le="50.0")] == 2
    assert found[key("plain_bucket", le="25.0")] == 0
    assert found[key("advised_bucket", le="2.0")] == 2


def test_dropped_metrics_are_not_shared(start: Start) -> None:
    """What a view leaves out leaves nothing in the file."""
    worker = start(views=[View(instrument_name="hidden", aggregation=DropAggregation())])
    worker.meter.create_counter("hidden").add(1)
    worker.meter.create_counter("shown").add(1)
    other = start()
    other.meter.create_counter("shown").add(1)
    assert {name for name, _ in other.samples()} == {"target_info", "shown_total"}


def test_what_names_one_process_is_not_in_target_info(start: Start) -> None:
    """Whoever answers, the target is one."""
    worker = start()
    worker.meter.create_counter("c").add(1)
    assert key("target_info", service_name="w") in worker.samples()


def test_without_a_group_nothing_is_written_or_added(tmp_path: Path) -> None:
    """The page of a process that is nobody's worker is as it was."""
    worker = Worker(None)
    worker.meter.create_counter("c").add(1)
    data = worker.reader.collect_for(PROMETHEUS)
    assert worker.mirror.complete(data) is data
    worker.mirror.children = Group(tmp_path / "none")
    assert worker.mirror.complete(data) is data
    worker.provider.disarm()


def test_a_directory_that_cannot_be_used_is_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The metrics themselves go on."""
    (tmp_path / "file").write_text("")
    worker = Worker(Group(tmp_path / "file" / "group", private=False))
    counter = worker.meter.create_counter("c")
    counter.add(1)
    counter.add(1, {"a": 1})
    [line] = capsys.readouterr().err.splitlines()
    assert "PEPPERPY_OTEL_PROMETHEUS_DIRECTORY" in line
    assert worker.samples()[key("c_total", a="")] == 1
    worker.provider.disarm()


def test_another_failure_is_reported(start: Start, monkeypatch: pytest.MonkeyPatch) -> None:
    """And the measurement counts here all the same."""
    reported: list[str] = []
    monkeypatch.setattr(mirror, "report_internal", lambda what, error: reported.append(what))
    monkeypatch.setattr(mirror, "_key", lambda stream: 1 / 0)
    worker = start()
    worker.meter.create_counter("c").add(1)
    assert reported == ["sharing of metrics between processes"]
    assert worker.samples()[key("c_total")] == 1


def test_a_measurement_may_cut_into_another_one(
    start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As that of a signal handler, while the main thread opens the file, or writes into it."""
    worker, other = start(), start()
    handled = worker.meter.create_counter("handled")
    opened = Group.open

    def cut_into(group: Group) -> Any:
        handled.add(1)  # this one is not shared: its series is only followed after it
        return opened(group)

    monkeypatch.setattr(Group, "open", cut_into)
    worker.meter.create_counter("c").add(1)
    monkeypatch.undo()
    with worker.mirror._lock:
        handled.add(2)
        worker.meter.create_counter("late").add(3)

    found = other.samples()
    assert found[key("handled_total")] == 2
    assert (found[key("c_total")], found[key("late_total")]) == (1, 3)


def test_a_file_without_a_thread_still_has_the_counts(
    start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    """At the interpreter's end no thread can be had."""

    def refuse(thread: object) -> None:
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(mirror._forks, "start", refuse)
    worker, other = start(), start()
    worker.meter.create_counter("c").add(2)
    other.meter.create_counter("c").add(1)
    assert other.samples()[key("c_total")] == 3


def test_a_series_that_cannot_be_read_costs_only_itself(
    start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another version of ours may have written it."""
    reported: list[str] = []
    monkeypatch.setattr(merging, "report_internal", lambda what, error: reported.append(what))
    other, worker = start(), start()
    other.meter.create_counter("c").add(1)
    assert other.mirror.group is not None
    other.mirror._open(other.mirror.group).add(b'{"k": "new kind"}', 1)
    worker.meter.create_counter("c").add(1)
    assert worker.samples()[key("c_total")] == 2
    assert reported == ["a series of another process"]


def test_the_mirror_belongs_to_the_cumulative_reader() -> None:
    """The push may want deltas."""
    own = Mirror()
    assert build_readers(mirror=own).push.mirror is own
    readers = build_readers("delta", mirror=own)
    assert (readers.push.mirror, readers.snapshot.mirror) == (None, own)
    assert build_readers("delta", cumulative_needed=False, mirror=own).snapshot.mirror is None


def test_a_worker_that_only_observes_is_seen(start: Start, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its file is opened at the start, and a thread collects."""
    monkeypatch.setattr(mirror, "REFRESH_SECONDS", 0.01)
    worker, other = start(), start()
    seen = threading.Semaphore(0)

    def level(options: CallbackOptions) -> Iterable[Observation]:
        seen.release()
        yield Observation(4)

    worker.meter.create_observable_up_down_counter("level", [level])
    worker.mirror.begin()
    assert seen.acquire(timeout=10)
    assert seen.acquire(timeout=10)  # the first collection has come to its end
    other.meter.create_counter("c").add(1)
    assert other.samples()[key("level")] == 4


def test_a_start_that_cannot_share_is_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """And one that belongs to no group has nothing to do."""
    (tmp_path / "file").write_text("")
    Mirror().begin()
    Mirror(Group(tmp_path / "file" / "group", private=False)).begin()
    [line] = capsys.readouterr().err.splitlines()
    assert "PEPPERPY_OTEL_PROMETHEUS_DIRECTORY" in line


def test_a_forked_child_is_a_worker_of_its_parent(start: Start, tmp_path: Path) -> None:
    """It writes a file of its own; the parent's stays the parent's."""
    worker, parent = start(), Mirror()
    worker.meter.create_counter("c").add(1)
    parent.children = worker.mirror.group
    parent.restart_in_child()
    assert (parent.group, parent.children) == (worker.mirror.group, None)

    file = worker.mirror._file
    assert file is not None
    worker.mirror._stop.set()  # the thread, which a real child has not
    worker.mirror.restart_in_child()
    worker.provider.restart_in_child()
    worker.meter.create_counter("c").add(2)
    assert worker.mirror._file is not None
    assert worker.mirror._file.path != file.path


def test_a_parent_shows_what_its_children_have_counted(start: Start) -> None:
    """Gunicorn's master with ``--preload`` writes nothing, and serves the page."""
    child = start()
    child.meter.create_counter("c").add(2)
    parent = Worker(None)
    parent.mirror.children = child.mirror.group
    assert parent.samples()[key("c_total")] == 2
    parent.meter.create_counter("c").add(1)
    assert parent.samples()[key("c_total")] == 3
    parent.provider.disarm()


def test_a_parent_keeps_its_own_exponential_histograms(start: Start) -> None:
    """It mirrors nothing: there is nothing else to stand for them."""
    child = start()
    child.meter.create_counter("c").add(2)
    parent = Worker(None, histogram_aggregation="base2_exponential_bucket_histogram")
    parent.mirror.children = child.mirror.group
    parent.meter.create_histogram("own").record(3)
    assert parent.samples()[key("own_count")] == 1
    parent.provider.disarm()


def test_what_is_not_observed_again_keeps_its_value(start: Start) -> None:
    """Until it is stale."""
    answers = iter([[Observation(4)], []])
    worker, other = start(), start()
    worker.meter.create_observable_counter("ticks", [lambda options: next(answers, [])])
    worker.reader.collect_for("push")
    worker.reader.collect_for("push")
    other.meter.create_counter("c").add(1)
    assert other.samples()[key("ticks_total")] == 4


def test_nothing_is_mirrored_any_more_after_the_end(start: Start) -> None:
    """A series that comes too late is left out."""
    worker = start()
    worker.meter.create_counter("c").add(1)
    worker.mirror.close()
    worker.meter.create_counter("late").add(1)
    other = start()
    other.meter.create_counter("c").add(1)
    names = {name for name, _ in other.samples()}
    assert "c_total" in names
    assert "late_total" not in names


def test_who_belongs_to_no_group_leaves_none(capsys: pytest.CaptureFixture[str]) -> None:
    """Nothing is said of it."""
    Mirror().leave()
    assert capsys.readouterr().err == ""
