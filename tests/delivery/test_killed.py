"""What is on disk outlives the process, however it ends."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from pepperpy_otel.delivery import OtlpEndpoint, build_destination
from pepperpy_otel.delivery.spool import Spool
from tests.delivery.sinks import Answer, wait_for

if TYPE_CHECKING:
    from collections.abc import Callable

    from pepperpy_otel.delivery import Pipeline

#: Makes spans while nobody takes them, says how many are on disk, and waits for its death.
VICTIM = """
import sys, time
from pathlib import Path
from pepperpy_otel.delivery import OtlpEndpoint, Pipeline, QueueLimits, build_destination
from pepperpy_otel.delivery.spool import Spool
from tests.delivery.fakes import make_spans

url, directory = sys.argv[1:]
destination = build_destination("otlp", endpoints={"traces": OtlpEndpoint(url)})._replace(
    open_spool=lambda on_lost: Spool(Path(directory), "otlp", on_lost=on_lost)
)
pipeline = Pipeline([destination], {"traces": QueueLimits(batch_size=100)}, 3600, 30)
pipeline.start()
for span in make_spans(*map(str, range(1000))):
    pipeline.span_processor().on_end(span)
while pipeline.stats().spooled.traces < 1000:
    time.sleep(0.01)
print("ready", flush=True)
time.sleep(60)
"""


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="POSIX signals")
def test_kill_9_in_an_outage_loses_nothing_that_was_on_disk(
    pipeline: Callable[..., Pipeline], http_sink: Any, tmp_path: Path
) -> None:
    """The next process sends all of it, each span once."""
    sink = http_sink()
    sink.answers = [Answer(503)]
    url = f"{sink.url}/v1/traces"
    environment = {k: v for k, v in os.environ.items() if not k.startswith("COV")}
    environment["PYTHONPATH"] = str(Path(__file__).parents[2])
    with subprocess.Popen(
        [sys.executable, "-c", VICTIM, url, str(tmp_path)],
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    ) as victim:
        assert victim.stdout is not None
        assert victim.stdout.readline() == "ready\n"
        victim.kill()
    sink.requests, sink.answers = [], [Answer()]
    destination = build_destination("otlp", endpoints={"traces": OtlpEndpoint(url)})
    made = pipeline(
        destination._replace(open_spool=lambda on_lost: Spool(tmp_path, "otlp", on_lost=on_lost))
    )
    wait_for(lambda: made.stats().recovered.traces == 1000, 20)
    names = [name for request in sink.requests for name in request.span_names()]
    assert sorted(names, key=int) == [str(number) for number in range(1000)]
    assert made.stats().delivered.total == 0
