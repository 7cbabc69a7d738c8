"""``pepperpy-otel coverage``: what a service was declared to show, and what of it is there.

A running process cannot be asked from outside; what it wrote can: directories of ``otlp-file``,
backups, what a Collector's file exporter wrote. What is expected stands in pyproject.toml, where
``configure()`` reads it too, or in the options.
"""

from __future__ import annotations

import argparse
import sys
from datetime import datetime, timezone
from pathlib import Path
from typing import TYPE_CHECKING

from pepperpy_otel.cli._settings import settings_here
from pepperpy_otel.cli.errors import FINDING, CommandError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pepperpy_otel.covered import CoverageReport

#: Options and the kinds that they name.
OPTIONS = {
    "--metric": "metrics",
    "--operation": "operations",
    "--log-event": "log_events",
    "--component": "components",
}


def main(argv: Sequence[str]) -> int:
    """Look for what is expected.

    Args:
        argv: Command-line arguments of the command.

    Returns:
        0 when nothing is missing, 1 when something is.

    Raises:
        CommandError: Nothing is expected, or there is nothing to look at.
    """
    options = _parse(argv)
    settings = settings_here({})
    expected = {
        kind: (*(settings.expect or {}).get(kind, ()), *getattr(options, kind))
        for kind in OPTIONS.values()
    }
    if not any(expected.values()):
        raise CommandError(
            "nothing is expected; write [tool.pepperpy_otel.expect] in pyproject.toml, "
            "or use --operation NAME and the like"
        )
    sources = [Path(name) for name in options.sources or (settings.file_directory,)]
    for source in sources:
        if not source.exists():
            raise CommandError(f"{source}: there is no such file or directory; use --from DIR")

    from pepperpy_otel.backup.coverage import coverage_in
    from pepperpy_otel.backup.manifest import BadManifest

    try:
        report, complaints = coverage_in(sources, expected)
    except BadManifest as error:
        raise CommandError(str(error)) from error
    except OSError as error:
        raise CommandError(f"{error.filename}: {error.strerror or error}") from error
    _print(report)
    for line in complaints:
        print(line, file=sys.stderr)
    return 0 if report else FINDING


def _parse(argv: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="pepperpy-otel coverage",
        description="Say which of the critical metrics, operations (spans), log events and "
        "components (health checks) are in files of OTLP lines, when last, and what is missing. "
        "Inside a process: telemetry.coverage().",
        epilog="what is expected: [tool.pepperpy_otel.expect] in pyproject.toml with the lists "
        "metrics, operations, log_events and components, PEPPERPY_OTEL_EXPECT, and the options",
    )
    parser.add_argument(
        "--from",
        metavar="DIR",
        action="append",
        dest="sources",
        help="a directory of otlp-file, a backup or a file; may be given several times; by "
        "default the file_directory of the settings that are found here",
    )
    for option, kind in OPTIONS.items():
        parser.add_argument(option, metavar="NAME", action="append", default=[], dest=kind)
    return parser.parse_args(argv)


def _print(report: CoverageReport) -> None:
    from pepperpy_otel.expectations import KINDS

    for kind, what in KINDS.items():
        for name, last in getattr(report, kind).items():
            print(f"{what:<10} {name}: {_when(last)}")
    print(report)


def _when(last: float | None) -> str:
    if last is None:
        return "MISSING"
    moment = datetime.fromtimestamp(last, timezone.utc)
    return f"last seen {moment.isoformat(timespec='seconds')}"
