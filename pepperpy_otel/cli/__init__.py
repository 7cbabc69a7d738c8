"""The console: ``pepperpy-otel COMMAND …``.

Each command is a module with ``main(argv) -> int``, imported only when it is the one asked for, so
that ``pepperpy-otel run`` costs the app's start-up nothing of what the demo needs. Exit codes:
0 good, 1 a finding, 2 wrong use.
"""

from __future__ import annotations

import argparse
import importlib
import os
import sys
from typing import TYPE_CHECKING

from pepperpy_otel._version import __version__
from pepperpy_otel.cli.errors import FINDING, CommandError

if TYPE_CHECKING:
    from collections.abc import Sequence

PROGRAM = "pepperpy-otel"
#: The commands, in the order of the help.
COMMANDS = {
    "run": "run a program with telemetry, unchanged: pepperpy-otel run python app.py",
    "demo": "see traces, metrics and logs of two small services in this terminal",
    "stack": "run Collector, Jaeger, Prometheus, Loki and Grafana on this machine",
    "backup": "write what waits in spools and files into one directory with a manifest",
    "replay": "send a backup, or any file of OTLP lines, to a Collector",
    "rollback": "see what rollback() would restore, without leaving anything behind",
    "coverage": "see which critical metrics, operations, events and components showed up",
}
INTERRUPTED = 130  # what a shell makes of SIGINT


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command.

    Args:
        argv: Command-line arguments without the program; by default those of this process.

    Returns:
        The exit status.

    Raises:
        SystemExit: From argparse: 0 after ``--help`` and ``--version``, 2 for wrong use.
    """
    arguments = list(sys.argv[1:] if argv is None else argv)
    # Only the first word is ours to parse: everything behind it belongs to the command, also what
    # looks like an option of ours.
    command: str = _parser().parse_args(arguments[:1]).command
    try:
        status: int = importlib.import_module(f"{__name__}.{command}").main(arguments[1:])
    except CommandError as error:
        print(f"{PROGRAM} {command}: {error}", file=sys.stderr)
        return error.status
    except KeyboardInterrupt:
        return INTERRUPTED
    except BrokenPipeError:  # "... | head" has seen enough; nor may the exit flush into it
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return FINDING
    return status


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog=PROGRAM,
        usage=f"{PROGRAM} COMMAND ...",
        description="One call, three signals and health: an OpenTelemetry distro for Python.",
        epilog="commands:\n"
        + "\n".join(f"  {name:<10}{text}" for name, text in COMMANDS.items())
        + f"\n\n{PROGRAM} COMMAND --help tells more about one.",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"{PROGRAM} {__version__}")
    parser.add_argument("command", choices=COMMANDS, metavar="COMMAND", help=argparse.SUPPRESS)
    return parser
