"""One service of the shop as a process of the demo, started by ``pepperpy-otel run``.

Runs the service's script as it is, and when that has ended writes down what the process's own
telemetry counted: the demo compares it with what was received. The process ends when its standard
input does, which also happens when the demo is killed.
"""

from __future__ import annotations

import json
import os
import runpy
import signal
import sys
import threading
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pepperpy_otel

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pepperpy_otel.delivery.counts import PipelineStats


def main(argv: Sequence[str]) -> int:
    """Run ``argv[0]``, a script, to its end; then write the counts to the file ``argv[1]``."""
    script, counts = argv
    telemetry = pepperpy_otel.get_telemetry()
    signal.signal(signal.SIGTERM, _exit)
    threading.Thread(target=_end_with_input, name="end-with-input", daemon=True).start()
    sys.path.insert(0, str(Path(script).parent))
    try:
        runpy.run_path(script, run_name="__main__")
    finally:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)  # the end is under way
        if telemetry is not None:
            telemetry.shutdown()
            Path(counts).write_text(json.dumps(as_json(telemetry.stats())), encoding="utf-8")
    return 0


def as_json(stats: PipelineStats) -> dict[str, Any]:
    """The counts as they are written: ``services.read_counts()`` reads them."""
    return {
        "delivered": asdict(stats.delivered),
        "spooled": asdict(stats.spooled),
        "dropped": asdict(stats.dropped),
        "pending": asdict(stats.pending),
        "last_error": stats.last_error,
    }


def _exit(number: int, frame: object) -> None:
    raise SystemExit(0)


def _end_with_input() -> None:
    os.read(0, 1)  # nobody ever writes to it: returns when the demo closes it, or is no more
    signal.raise_signal(signal.SIGTERM)  # uvicorn's loop wakes ten times a second and sees it


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
