"""100,000 spans, 100,000 log records and all metrics: backed up, replayed, the same afterwards."""

from __future__ import annotations

import hashlib
import json
import random
import subprocess
import sys
from collections import Counter
from typing import TYPE_CHECKING, Any

import pytest
from opentelemetry import context

import pepperpy_otel
from pepperpy_otel import cli
from pepperpy_otel.backup.manifest import Manifest
from pepperpy_otel.backup.reading import Reader
from tests.integration.locate import locate
from tests.integration.process import LOOPBACK, Process, free_ports
from tests.integration.readback import eventually
from tests.integration.test_otlp_file import CONFIG, essence

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

ITEMS = 100_000
#: MiB that a replay may take on top of what the program itself takes.
BOUND = 100


@pytest.fixture(scope="module")
def collector(
    servers: None, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[str, Path]]:
    """A Collector that writes what it gets with its own file exporter: its URL, its directory."""
    directory = tmp_path_factory.mktemp("collector")
    otlp, health = (f"{LOOPBACK}:{port}" for port in free_ports(2))
    config = directory / "collector.yaml"
    config.write_text(CONFIG.format(otlp=otlp, health=health, directory=directory))
    with Process(
        locate("collector"),
        ["--config", str(config)],
        env={},
        directory=directory / "log",
        ready_url=f"http://{health}/",
    ):
        yield f"http://{otlp}", directory


@pytest.fixture(scope="module")
def backed_up(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A backup of a process that holds it partly in memory, partly in its spool, and goes on."""
    directory = tmp_path_factory.mktemp("backup")
    token = context.attach(context.Context())  # nobody else's span as the parent of all
    telemetry = pepperpy_otel.configure(
        "large",
        endpoint="http://127.0.0.1:1",
        instrument=False,
        health=False,
        spool_directory=directory / "spool",
    )
    try:
        tracer, logger = pepperpy_otel.get_tracer("t"), pepperpy_otel.get_logger("large")
        counter = pepperpy_otel.get_meter("m").create_counter("sold")
        for number in range(ITEMS):
            tracer.start_span(f"span {number % 100}", attributes={"n": number}).end()
            logger.emit(body=f"record {number}", severity_text="WARN", attributes={"n": number})
            if number % 100 == 0:
                counter.add(1, {"shop": str(number % 500)})
            if number % 1000 == 0:  # room in the queues, whatever else the machine does
                telemetry.force_flush(100)
        report = telemetry.backup(directory / "backup")
        assert report, report
        # What goes from memory to disk at this very moment is found in both.
        assert report.spans >= ITEMS
        assert report.log_records >= ITEMS
        assert not telemetry.stats().dropped.total
    finally:
        pepperpy_otel.rollback()
        context.detach(token)
    return directory / "backup"


def hashes_in(path: Path) -> Counter[str]:
    """A hash of each item, wherever it stands in the file."""
    lists = {
        "resourceSpans": ("scopeSpans", "spans"),
        "resourceLogs": ("scopeLogs", "logRecords"),
        "resourceMetrics": ("scopeMetrics", "metrics"),
    }
    found: Counter[str] = Counter()
    with path.open(encoding="utf-8") as file:
        for line in file:
            for top, (scopes, items) in lists.items():
                for resource in json.loads(line).get(top, ()):
                    for scope in resource[scopes]:
                        context = [essence(resource["resource"]), essence(scope["scope"])]
                        found.update(_hash([context, essence(item)]) for item in scope[items])
    return found


def _hash(value: Any) -> str:
    return hashlib.sha256(json.dumps(_plain(value), sort_keys=True).encode()).hexdigest()


def _plain(value: Any) -> Any:
    """Numbers as one kind: 1 and 1.0 are the same double."""
    if isinstance(value, dict):
        return {name: _plain(each) for name, each in value.items()}
    if isinstance(value, list):
        return [_plain(each) for each in value]
    return float(value) if isinstance(value, int) and not isinstance(value, bool) else value


def count_lines(path: Path) -> int:
    return path.read_bytes().count(b"\n") if path.exists() else 0


@pytest.fixture(scope="module")
def replayed(collector: tuple[str, Path], backed_up: Path) -> subprocess.CompletedProcess[str]:
    """The backup is sent to the Collector by a process of its own, which tells its memory."""
    url, _ = collector
    code = (
        "import resource, sys\n"
        "from pepperpy_otel import cli\n"
        "from pepperpy_otel.backup import replaying\n"
        "import google.protobuf.descriptor_pool, ssl\n"
        "before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss\n"
        "status = cli.main(sys.argv[1:])\n"
        "grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before\n"
        "print(grown // 1024, status)\n"
    )
    return subprocess.run(
        [sys.executable, "-c", code, "replay", str(backed_up), "--endpoint", url],
        capture_output=True,
        text=True,
        timeout=500,
        check=False,
    )


@pytest.mark.integration
@pytest.mark.slow
@pytest.mark.timeout(600)
def test_everything_arrives_and_is_the_same(
    collector: tuple[str, Path], backed_up: Path, replayed: subprocess.CompletedProcess[str]
) -> None:
    """Equal counts and equal content, item by item; memory is bounded while it is sent."""
    directory, ran = collector[1], replayed
    assert ran.returncode == 0, ran.stderr
    sent, figures = ran.stdout.splitlines()
    grown, status = map(int, figures.split())
    assert status == 0, ran.stderr
    manifest = Manifest.read(backed_up)
    assert manifest is not None
    points = manifest.items("metrics")
    spans, records = manifest.items("traces"), manifest.items("logs")
    assert sent == f"sent {spans} spans, {points} data points, {records} log records"
    assert grown < BOUND
    for signal in ("traces", "logs", "metrics"):
        ours = hashes_in(backed_up / f"{signal}.jsonl")
        assert signal == "metrics" or len(ours) == ITEMS
        theirs = directory / f"{signal}.out"
        lines = manifest.files[f"{signal}.jsonl"].lines  # it writes one for each request
        eventually(lambda theirs=theirs, lines=lines: count_lines(theirs) >= lines, timeout=60)
        assert hashes_in(theirs) == ours


@pytest.mark.integration
@pytest.mark.slow
@pytest.mark.timeout(600)
def test_what_the_collector_wrote_can_be_replayed_in_pieces(
    collector: tuple[str, Path], replayed: object, tmp_path: Path
) -> None:
    """Its file exporter's output, cut off at any byte: what is whole arrives, the rest is said."""
    from pepperpy_otel.demo.receiver import Receiver

    theirs = collector[1] / "traces.out"
    eventually(lambda: count_lines(theirs) > 1)
    data = theirs.read_bytes()[:3_000_000]
    chance = random.Random(7)
    for cut in (len(data), *(chance.randrange(len(data)) for _ in range(4))):
        path = tmp_path / f"{cut}.json"
        path.write_bytes(data[:cut])
        whole = sum(item.items for item in Reader(path))
        with Receiver() as receiver:
            status = cli.main(["replay", str(path), "--endpoint", receiver.endpoint])
        assert status == (0 if data[cut - 1 : cut] == b"\n" else 1)
        assert len(receiver.store.spans) == whole
