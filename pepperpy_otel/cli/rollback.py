"""``pepperpy-otel rollback --check``: what ``rollback()`` would put back, found by doing it.

A process cannot be asked from outside what it has changed. So the program is run up to the moment
in which its ``configure()`` is done, here, and rolled back; without a program ``configure()`` is
called with the settings that are found. Nothing is sent, no port of the settings is taken.
"""

from __future__ import annotations

import argparse
import os
import runpy
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pepperpy_otel.cli.errors import FINDING, CommandError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pepperpy_otel.footprint import Footprint
    from pepperpy_otel.telemetry import Telemetry

#: What is otherwise while the check runs: nobody is sent anything, and no port is taken.
QUIET: dict[str, Any] = {"traces": False, "metrics": False, "logs": False}
PORTS = ("prometheus_port", "health_port")
#: Seconds that threads have to end after the rollback.
SETTLE = 3.0


class Reached(BaseException):
    """Ends the program when its ``configure()`` is done; nothing of it should catch that."""

    def __init__(self, telemetry: Telemetry, before: Footprint) -> None:
        self.telemetry = telemetry
        self.before = before


def main(argv: Sequence[str]) -> int:
    """Check.

    Args:
        argv: Command-line arguments of the command.

    Returns:
        0 when the process is what it was, 1 when something is left behind.

    Raises:
        CommandError: ``--check`` is missing, or the program never calls ``configure()``.
    """
    options = _parse(argv)
    reached = _configured(options.program) if options.program else _configured_here()
    telemetry, before = reached.telemetry, reached.before
    named = telemetry.ledger.entries
    report = telemetry.rollback()
    left = _left(before)
    print(f"configure() changed {len(named)} things; rollback() puts them back, newest first:")
    for what in report.restored:
        print(f"  {what}")
    if report.inert:
        print("stays and does nothing, since Python has no way to remove it:")
        for what in report.inert:
            print(f"  {what}")
    for what in report.failed:
        print(f"NOT restored: {what}")
    for what in left:
        print(f"LEFT BEHIND: {what}")
    if report.failed or left:
        return FINDING
    print("the process is what it was before: loggers, hooks, signals, threads, modules, variables")
    return 0


def _parse(argv: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="pepperpy-otel rollback",
        usage="pepperpy-otel rollback --check [-- app.py [ARGUMENT …] | -- -m MODULE …]",
        description="Say what rollback() restores. The program is run up to the end of its "
        "configure(), and no further; without one, configure() is called with the settings "
        "that are found here. A running process is rolled back by its own code: "
        "pepperpy_otel.rollback().",
    )
    parser.add_argument("--check", action="store_true", required=True, help="do it, and look")
    parser.add_argument("program", nargs="*", help="a Python program and its arguments")
    words = list(argv)
    at = words.index("--") if "--" in words else len(words)
    options = parser.parse_args(words[:at])
    options.program = [*options.program, *words[at + 1 :]]
    if options.program[:1] in (["python"], ["python3"]):
        del options.program[0]  # as it is typed in a shell; this interpreter runs it
    return options


def _configured_here() -> Reached:
    from pepperpy_otel.bootstrap import configure
    from pepperpy_otel.cli._settings import settings_here

    settings = settings_here({})
    free: dict[str, Any] = {port: 0 for port in PORTS if getattr(settings, port) is not None}
    before = _footprint()
    return Reached(configure(**QUIET, **free), before)


def _configured(program: Sequence[str]) -> Reached:
    """Run a program until its ``configure()`` is done."""
    from pepperpy_otel import bootstrap

    original = bootstrap._configure

    def configure_and_stop(arguments: dict[str, object], **options: Any) -> Telemetry:
        free = {port: 0 for port in PORTS if arguments.get(port) is not None}
        before = _footprint()
        raise Reached(original({**arguments, **QUIET, **free}, **options), before)

    bootstrap._configure = configure_and_stop
    arguments, path = sys.argv[:], sys.path[:]
    try:
        _run(program)
    except Reached as reached:
        return reached
    except CommandError:
        raise
    except SystemExit as error:
        why = f"it ended with {error.code!r} before"
    except Exception as error:
        raise CommandError(f"{program[0]} failed: {type(error).__name__}: {error}") from error
    else:
        why = "it came to its end without"
    finally:
        bootstrap._configure = original
        sys.argv, sys.path = arguments, path
    raise CommandError(f"{' '.join(program)} never called configure(): {why}", FINDING)


def _run(program: Sequence[str]) -> None:
    if program[0] == "-m":
        if len(program) < 2:
            raise CommandError("-m needs the name of a module")
        sys.argv = list(program[1:])
        sys.path.insert(0, os.getcwd())  # noqa: PTH109 - as text
        runpy.run_module(program[1], run_name="__main__", alter_sys=True)
        return
    if not Path(program[0]).is_file():
        raise CommandError(f"{program[0]}: there is no such file; give a Python program")
    sys.argv = list(program)
    sys.path.insert(0, str(Path(program[0]).parent))
    runpy.run_path(program[0], run_name="__main__")


def _footprint() -> Footprint:
    # What configure() would load anyway: a module that loads others is no change.
    import pepperpy_otel.assembly
    from pepperpy_otel.footprint import Footprint

    assert pepperpy_otel.assembly
    return Footprint()


def _left(before: Footprint) -> list[str]:
    """What is otherwise than before, once threads had time to end."""
    from pepperpy_otel.footprint import Footprint

    deadline = time.monotonic() + SETTLE
    while (left := _traces(before.differences(Footprint()))) and time.monotonic() < deadline:
        time.sleep(0.05)
    return left


def _traces(differences: Sequence[str]) -> list[str]:
    """Without those of the program's own module, which ended with it."""
    return [line for line in differences if not line.startswith("attribute __main__.")]
