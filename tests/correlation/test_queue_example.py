"""examples/queue: two programs, a directory between them, one trace and one id."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from pepperpy_otel.demo.receiver import Receiver

EXAMPLE = Path(__file__).resolve().parents[2] / "examples" / "queue"


def _run(program: str, *arguments: str, directory: Path, endpoint: str) -> str:
    done = subprocess.run(
        [sys.executable, str(EXAMPLE / program), *arguments],
        cwd=directory,
        env={**os.environ, "OTEL_EXPORTER_OTLP_ENDPOINT": endpoint},
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.slow
def test_the_consumer_goes_on_where_the_producer_was(receiver: Receiver, tmp_path: Path) -> None:
    """Printed, and recorded."""
    where: dict[str, Any] = {"directory": tmp_path, "endpoint": receiver.endpoint}
    sent = _run("producer.py", "orders", "3", **where)
    [found] = re.findall(r"sent 3 orders as ([0-9a-f]{32})", sent)
    handled = _run("consumer.py", "orders", **where)
    assert list((tmp_path / "orders").iterdir()) == []
    lines = re.findall(r"order (\d) of (\w+), trace (\w+)", handled)
    assert [line[:2] for line in lines] == [(str(order), found) for order in (1, 2, 3)]
    [trace_id] = {line[2] for line in lines}
    assert {(span.name, span.trace_id) for span in receiver.store.spans} == {
        ("send orders", trace_id),
        ("handle order", trace_id),
    }
    for recorded in (*receiver.store.spans, *receiver.store.logs):
        assert recorded.attributes["correlation.id"] == found
    assert len(receiver.store.logs) == 3
