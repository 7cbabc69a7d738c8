"""A fork in the middle of an outage, with a spool: two processes, each with its own part of it."""

from __future__ import annotations

import os
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

PROGRAM = """
import os, sys, time, warnings
warnings.simplefilter("ignore", DeprecationWarning)
from pathlib import Path
from pepperpy_otel.delivery import OtlpEndpoint, Pipeline, QueueLimits, build_destination
from pepperpy_otel.delivery.spool import Spool
from tests.delivery.fakes import make_spans

url, directory = sys.argv[1:]
destination = build_destination("otlp", endpoints={"traces": OtlpEndpoint(url)})._replace(
    open_spool=lambda on_lost: Spool(Path(directory), "otlp", on_lost=on_lost)
)
pipeline = Pipeline([destination], {"traces": QueueLimits(batch_size=10)}, 3600, 30)
pipeline.start()

def end(prefix, count):
    for span in make_spans(*[f"{prefix}{number}" for number in range(count)]):
        pipeline.span_processor().on_end(span)

end("before", 100)
while pipeline.stats().spooled.traces < 100:
    time.sleep(0.01)
children = []
for child in range(3):
    pid = os.fork()
    if pid == 0:
        assert pipeline.stats().spooled.traces == 0
        end(f"child{child}-", 50)
        result = pipeline.shutdown(2.0)
        os._exit(0 if result.spooled.traces == 50 else 1)
    children.append(pid)
end("after", 100)
codes = [os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) for pid in children]
result = pipeline.shutdown(2.0)
print(codes, result.spooled.traces)
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_parent_and_children_keep_their_own_and_nothing_twice(
    pipeline: Callable[..., Pipeline], http_sink: Any, tmp_path: Path
) -> None:
    """All of it is on disk once; the next process sends it."""
    sink = http_sink()
    sink.answers = [Answer(503)]
    url = f"{sink.url}/v1/traces"
    environment = {k: v for k, v in os.environ.items() if not k.startswith("COV")}
    environment["PYTHONPATH"] = str(Path(__file__).parents[2])
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, url, str(tmp_path)],
        env=environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.stdout == "[0, 0, 0] 200\n", done.stderr
    sink.requests, sink.answers = [], [Answer()]
    destination = build_destination("otlp", endpoints={"traces": OtlpEndpoint(url)})
    made = pipeline(
        destination._replace(open_spool=lambda on_lost: Spool(tmp_path, "otlp", on_lost=on_lost))
    )
    wait_for(lambda: made.stats().recovered.traces == 350, 20)
    names = [name for request in sink.requests for name in request.span_names()]
    wanted = [f"{prefix}{n}" for prefix in ("before", "after") for n in range(100)]
    wanted += [f"child{child}-{n}" for child in range(3) for n in range(50)]
    assert sorted(names) == sorted(wanted)
