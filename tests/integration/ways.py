"""The three ways to switch telemetry on, for small scripts that run to their end."""

from pathlib import Path
from typing import Any

from tests.integration import launch
from tests.integration.launch import Ended
from tests.integration.sink import Sink

CONFIGURE = "import pepperpy_otel; telemetry = pepperpy_otel.configure()\n"
#: How a program is started, and what it has to say itself then.
WAYS = {
    "configure": (launch.PLAIN, {}, CONFIGURE),
    "instrument": (launch.INSTRUMENT, launch.OURS, ""),
    "run": (launch.RUN, {}, ""),
}


def run(way: str, script: str, directory: Path, **settings: str) -> Ended:
    """Run a script to its end under one of ``WAYS``."""
    command, chosen, head = WAYS[way]
    # So that what the app writes itself is not mistaken for ours.
    quiet = "import logging; logging.getLogger().addHandler(logging.NullHandler())\n"
    return launch.run_script(
        head + quiet + script, directory=directory, way=command, settings={**chosen, **settings}
    )


def said(ended: Ended) -> list[str]:
    """The lines on stderr."""
    return ended.stderr.splitlines()


def names(sink: Sink) -> tuple[list[str], list[str], dict[str, Any]]:
    """What has arrived: names of spans, bodies of log records, metrics by name."""
    return (
        [span.name for span in sink.items("traces")],
        [record.body.string_value for record in sink.items("logs")],
        {metric.name: metric for metric in sink.items("metrics")},
    )
