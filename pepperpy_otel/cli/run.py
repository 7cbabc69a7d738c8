"""``pepperpy-otel run CMD…``: opentelemetry-instrument with our distro chosen.

The program replaces this process (its pid, signals and exit status are the program's), with the
directory of OpenTelemetry's ``sitecustomize`` first on ``PYTHONPATH``: every Python that starts
with it sets up telemetry before the first line of the app. Nothing of OpenTelemetry is imported
here, which is what makes it start faster than opentelemetry-instrument.
"""

from __future__ import annotations

import argparse
import importlib.metadata
import importlib.util
import os
import shutil
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from pepperpy_otel.cli.errors import CommandError
from pepperpy_otel.cli.repair import repair
from pepperpy_otel.errors import ConfigurationError, Problems

if TYPE_CHECKING:
    from collections.abc import Mapping, MutableMapping, Sequence

DISTRIBUTION = "pepperpy-otel"
DISTRO = "pepperpy_otel"
SITECUSTOMIZE = "opentelemetry.instrumentation.auto_instrumentation"

EPILOG = """\
settings are environment variables (OTEL_*, PEPPERPY_OTEL_*) and [tool.pepperpy_otel]
in pyproject.toml; for example:

  pepperpy-otel run python app.py
  OTEL_SERVICE_NAME=shop pepperpy-otel run uvicorn shop:app
"""


def main(argv: Sequence[str]) -> int:
    """Run a program with telemetry.

    Args:
        argv: The program and its arguments, as typed in a shell.

    Returns:
        The program's exit status, where a process cannot be replaced (Windows).

    Raises:
        CommandError: There is no such program, or it cannot be run.
    """
    command = _parse(argv)
    executable, arguments = find(command[0], command[1:])
    prepare(os.environ)
    for stream in (sys.stdout, sys.stderr):
        stream.flush()
    try:
        return _replace_process(executable, [executable, *arguments])
    except OSError as error:
        raise CommandError(f"cannot run {command[0]!r}: {error.strerror}") from error


def find(name: str, arguments: Sequence[str]) -> tuple[str, list[str]]:
    """The executable and its arguments; a Python file that is no executable gets an interpreter.

    Raises:
        CommandError: There is no such program.
    """
    executable = shutil.which(name)
    if executable is not None:
        return executable, list(arguments)
    if name.endswith(".py") and Path(name).is_file():
        return sys.executable, [name, *arguments]
    reason = "it is not executable" if Path(name).is_file() else "no such program on PATH"
    raise CommandError(f"cannot run {name!r}: {reason}")


def prepare(environ: MutableMapping[str, str]) -> None:
    """Choose our distro unless the user chose, put what loads it on PYTHONPATH, repair the rest.

    Raises:
        CommandError: Our package is not installed, only importable; or a setting is bad and
            ``PEPPERPY_OTEL_STRICT`` is set.
    """
    try:
        importlib.metadata.distribution(DISTRIBUTION)
    except importlib.metadata.PackageNotFoundError:
        raise CommandError(
            f"{DISTRIBUTION} is importable but not installed, so the program would not find it; "
            f"run: {Path(sys.executable).name} -m pip install {DISTRIBUTION}"
        ) from None
    problems = Problems(strict=_is_strict(environ))
    try:
        repair(environ, problems)
    except ConfigurationError as error:
        raise CommandError(str(error)) from error
    problems.report()
    environ.setdefault("OTEL_PYTHON_DISTRO", DISTRO)
    environ.setdefault("OTEL_PYTHON_CONFIGURATOR", DISTRO)
    environ["PYTHONPATH"] = python_path(environ.get("PYTHONPATH", ""))


def python_path(before: str) -> str:
    """PYTHONPATH as opentelemetry-instrument makes it: its directory, the current one, the rest."""
    spec = importlib.util.find_spec(SITECUSTOMIZE)
    assert spec is not None  # opentelemetry-instrumentation is a dependency of ours
    assert spec.origin is not None
    ours = str(Path(spec.origin).parent)
    current = str(Path.cwd())
    rest = [path for path in before.split(os.pathsep) if path and path != ours]
    return os.pathsep.join([ours, *([] if current in rest else [current]), *rest])


def _parse(argv: Sequence[str]) -> list[str]:
    parser = argparse.ArgumentParser(
        prog=f"{DISTRIBUTION} run",
        usage=f"{DISTRIBUTION} run [--] CMD ...",
        description="Run a program with telemetry: opentelemetry-instrument with our distro.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("command", metavar="CMD", nargs="?", help="the program, then its arguments")
    words = list(argv)
    if words[:1] == ["--"]:
        words = words[1:]
    elif words[:1] in (["-h"], ["--help"]):
        parser.parse_args(words[:1])
    elif words and words[0].startswith("-"):
        parser.error(
            f"unknown option {words[0]!r}: the program comes first, and what is an option of "
            "opentelemetry-instrument is an environment variable here (OTEL_...)"
        )
    if not words:
        parser.error("a program to run is needed: pepperpy-otel run python app.py")
    return words


def _is_strict(environ: Mapping[str, str]) -> bool:
    return environ.get("PEPPERPY_OTEL_STRICT", "").strip().lower() in ("true", "1", "yes", "on")


def _replace_process(executable: str, command: list[str]) -> int:
    if sys.platform == "win32":  # pragma: no cover (Windows)
        # There, exec starts another process and ends this one: the shell would not wait.
        import subprocess

        with subprocess.Popen(command, executable=executable) as program:
            while True:
                try:
                    return program.wait()
                except KeyboardInterrupt:
                    continue  # the program has got it too, and decides
    return os.execv(executable, command)
