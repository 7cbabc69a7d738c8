"""``pepperpy-otel backup``: what waits in spools and files, as one directory that can be moved."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from pepperpy_otel.cli._settings import settings_here
from pepperpy_otel.cli.errors import FINDING, CommandError

if TYPE_CHECKING:
    from collections.abc import Sequence


def main(argv: Sequence[str]) -> int:
    """Write a backup.

    Args:
        argv: Command-line arguments of the command.

    Returns:
        0 when all of it is safe, 1 when something could not be read whole.

    Raises:
        CommandError: There is nothing to read from, or nothing can be written.
    """
    options = _parse(argv)
    if not options.output:  # of a variable that is not set; as a path it would be this directory
        raise CommandError("--output is empty; name a directory")
    sources = [Path(text) for text in options.sources] or _sources_of_settings()
    for source in sources:
        if not source.is_dir():
            raise CommandError(f"--from {source}: there is no such directory")

    from pepperpy_otel.backup.gathered import gather
    from pepperpy_otel.backup.manifest import BadManifest

    try:
        report = gather(Path(options.output), sources)
    except BadManifest as error:
        raise CommandError(str(error)) from error
    except OSError as error:
        where = f"{error.filename}: " if error.filename else ""
        raise CommandError(f"{where}{error.strerror or error}") from error
    print(report)
    for line in report.complaints:
        print(line, file=sys.stderr)
    for reason, number in (report.manifest.lost if report.manifest else {}).items():
        print(f"{number} {reason} were left out", file=sys.stderr)
    return 0 if report else FINDING


def _parse(argv: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="pepperpy-otel backup",
        description="Write what waits in spools and what otlp-file wrote into one directory of "
        "OTLP lines with a manifest. Nothing is taken away from anybody; inside a process, "
        "telemetry.backup(directory) also has what is in memory.",
    )
    parser.add_argument("--output", metavar="DIR", required=True, help="where to; made if missing")
    parser.add_argument(
        "--from",
        metavar="DIR",
        action="append",
        default=[],
        dest="sources",
        help="a spool, a directory of otlp-file or a backup; may be given several times; by "
        "default those of the settings that are found here",
    )
    return parser.parse_args(argv)


def _sources_of_settings() -> list[Path]:
    settings = settings_here({})
    named = [settings.spool_directory, settings.file_directory]
    found = [Path(name) for name in named if name is not None and Path(name).is_dir()]
    if not found:
        raise CommandError("there is no spool and no directory of otlp-file here; use --from DIR")
    return found
