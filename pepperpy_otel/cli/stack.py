"""``pepperpy-otel stack``: Collector, Jaeger, Prometheus, Loki and Grafana on this machine."""

from __future__ import annotations

import argparse
import json
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from pepperpy_otel.cli.errors import FINDING, CommandError
from pepperpy_otel.stack import session
from pepperpy_otel.stack.compose import PROFILES
from pepperpy_otel.stack.engine import NAMES
from pepperpy_otel.stack.errors import StackError
from pepperpy_otel.stack.rows import table
from pepperpy_otel.stack.state import default_directory
from pepperpy_otel.stack.urls import app_line, lines
from pepperpy_otel.stack.variables import AUTH, PORTS, port_options

if TYPE_CHECKING:
    from collections.abc import Sequence

SECONDS = 300.0
EPILOG = f"""\
ports for --port: {", ".join(port.name for port in PORTS)}
variables: STACK_<NAME>_PORT, STACK_BIND, STACK_METRICS_RETENTION, STACK_TRACES_RETENTION,
STACK_LOGS_RETENTION, STACK_<SERVICE>_IMAGE ... (docs/stack.md has them all)
"""


def main(argv: Sequence[str]) -> int:
    """Run one command of the stack.

    Args:
        argv: Command-line arguments of the command.

    Returns:
        0 when all is well, 1 when a service is not.

    Raises:
        CommandError: The command cannot go on.
    """
    options = _parse(argv)
    try:
        directory = options.directory or default_directory(os.environ)
        chosen = port_options(getattr(options, "port", ()))
        opened = session.open_session(directory, {**os.environ, **chosen}, options.engine)
        status: int = COMMANDS[options.command](opened, options)
    except StackError as error:
        raise CommandError(str(error), error.status) from error
    except BrokenPipeError:  # "... | head" has seen enough
        raise
    except OSError as error:  # a full disk, a directory of another user
        raise CommandError(str(error), FINDING) from error
    return status


def _up(opened: session.Session, options: argparse.Namespace) -> int:
    if options.processes:
        started = opened.up_processes(
            options.binaries, wait=not options.no_wait, seconds=options.timeout
        )
        what = f"started: {', '.join(started)}" if started else "everything ran already"
    else:
        opened.up_containers(options.profile, wait=not options.no_wait, seconds=options.timeout)
        what = f"by {opened.state.engine}"
    found = opened.urls()
    print(f"The stack is {'starting' if options.no_wait else 'up'} ({what}).\n")
    print("\n".join(lines(found)))
    program = f"pepperpy-otel stack {{}}{opened.where()}"
    if "grafana" in found:
        print(f"\nGrafana's user is admin, its password tells: {program.format('password')}")
    else:
        print("\nThere is no Grafana in this stack: no program of it was found.")
    print(f"Let your app send here:  {app_line(found)}")
    if AUTH in opened.variables:
        header = "OTEL_EXPORTER_OTLP_HEADERS=authorization=Bearer%20TOKEN"
        print(f"               and this: {header}, TOKEN by: {program.format('password --otlp')}")
    print(f"Or try it with:          pepperpy-otel demo --endpoint {found['otlp-http']}")
    print(f"How it is, how it ends:  {program.format('status')}, {program.format('down')}")
    return 0


def _down(opened: session.Session, options: argparse.Namespace) -> int:
    if options.volumes and not options.yes:
        question = "Remove all traces, metrics, logs and dashboards of the stack, and its password?"
        if not sys.stdin.isatty():
            raise StackError("--volumes removes all data of the stack; confirm with --yes", 2)
        if input(f"{question} [y/N] ").strip().lower() not in ("y", "yes"):
            print("Nothing was done.")
            return FINDING
    for line in opened.down(volumes=options.volumes):
        print(line)
    return 0


def _status(opened: session.Session, options: argparse.Namespace) -> int:
    rows = opened.status()
    if not rows:
        print("Nothing of the stack runs; start it: pepperpy-otel stack up")
        return FINDING
    print(table(rows))
    return 0 if all(row.good for row in rows) else FINDING


def _password(opened: session.Session, options: argparse.Namespace) -> int:
    print(opened.secret(token=options.otlp))
    return 0


def _urls(opened: session.Session, options: argparse.Namespace) -> int:
    found = opened.urls()
    print(json.dumps(found, indent=2) if options.json else "\n".join(lines(found)))
    return 0


COMMANDS = {"up": _up, "down": _down, "status": _status, "password": _password, "urls": _urls}


def _parse(argv: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="pepperpy-otel stack",
        description="Run Collector, Jaeger, Prometheus, Loki and Grafana on this machine, as "
        "containers or as plain processes, and find your way around them.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    up = _command(commands, "up", "start everything and wait until it is healthy")
    up.add_argument("--port", action="append", default=[], metavar="NAME=NUMBER")
    up.add_argument("--no-wait", action="store_true", help="do not wait until all is healthy")
    up.add_argument("--timeout", type=_seconds, default=SECONDS, help="seconds to wait (300)")
    up.add_argument(
        "--profile", action="append", choices=PROFILES, default=[], help="start this part, too"
    )
    up.add_argument("--processes", action="store_true", help="plain processes, no containers")
    up.add_argument(
        "--binaries", type=Path, metavar="DIR", help="for --processes: look for programs here first"
    )
    down = _command(commands, "down", "stop everything; the data is kept")
    down.add_argument("--volumes", action="store_true", help="remove the data, too")
    down.add_argument("--yes", action="store_true", help="do not ask before data is removed")
    _command(commands, "status", "each service: state, version, address")
    password = _command(commands, "password", "Grafana's generated password")
    password.add_argument(
        "--otlp", action="store_true", help="the token of applications (STACK_OTLP_AUTH) instead"
    )
    urls = _command(commands, "urls", "where everything is met")
    urls.add_argument("--json", action="store_true", help="for programs")
    options = parser.parse_args(argv)
    if options.command == "up":
        if options.processes and (options.profile or options.engine):
            up.error("--processes goes with neither --profile nor --engine")
        if options.binaries and not options.processes:
            up.error("--binaries is for --processes")
        if options.binaries and not options.binaries.is_dir():
            up.error(f"--binaries {options.binaries}: there is no such directory")
    return options


def _command(
    commands: argparse._SubParsersAction[argparse.ArgumentParser], name: str, text: str
) -> argparse.ArgumentParser:
    command = commands.add_parser(name, help=text, description=f"{text[0].upper()}{text[1:]}.")
    command.add_argument(
        "--directory",
        type=lambda text: Path(text).expanduser().absolute(),
        help="where the stack keeps its state ($STACK_DIRECTORY, ~/.local/state/…)",
    )
    command.add_argument("--engine", choices=NAMES, default="", help="by default what answers")
    return command


def _seconds(text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        seconds = 0.0
    if not 0 < seconds < float("inf"):
        raise argparse.ArgumentTypeError(f"{text!r} is not a number of seconds")
    return seconds
