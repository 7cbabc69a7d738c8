"""Start Python programs as a user would, each with one of the ways to switch telemetry on.

No program sees the telemetry settings of whoever runs the tests, and each one works in a directory
of its own, so that no ``pyproject.toml`` lies around.
"""

import importlib.metadata
import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType

from tests.integration import readback
from tests.integration.readback import eventually

BIN = Path(sys.executable).parent
REPOSITORY = Path(__file__).resolve().parents[2]
DISTRIBUTION = "pepperpy-otel"

#: What each way puts before the program: ``python app.py``.
PLAIN: tuple[str, ...] = ()
INSTRUMENT: tuple[str, ...] = (str(BIN / "opentelemetry-instrument"),)
RUN: tuple[str, ...] = (str(BIN / DISTRIBUTION), "run")

OURS = {"OTEL_PYTHON_DISTRO": "pepperpy_otel"}
UPSTREAM = {"OTEL_PYTHON_DISTRO": "distro", "OTEL_PYTHON_CONFIGURATOR": "configurator"}

FOREIGN = ("OTEL_", "PEPPERPY_OTEL_", "SHOP_")


@dataclass(frozen=True, slots=True)
class Ended:
    """A program that has ended.

    Attributes:
        status: Its exit status.
        stdout: All that it wrote there.
        stderr: All that it wrote there.
        seconds: From start to end.
    """

    status: int
    stdout: str
    stderr: str
    seconds: float


def environment(settings: Mapping[str, str]) -> dict[str, str]:
    """The tests' own environment without telemetry settings, then ``settings``."""
    inherited = {k: v for k, v in os.environ.items() if not k.startswith(FOREIGN)}
    return {**inherited, "PYTHONUNBUFFERED": "1", "NO_PROXY": "*", **settings}


def installed() -> None:
    """Fail with one clear line where the package was not installed, only put on the path."""
    try:
        importlib.metadata.distribution(DISTRIBUTION)
    except importlib.metadata.PackageNotFoundError:
        raise AssertionError(
            f"{DISTRIBUTION} has no entry points here; run: pip install -e '.[test]'"
        ) from None


def run(
    command: Sequence[str],
    *,
    directory: Path,
    settings: Mapping[str, str] | None = None,
    timeout: float = 60,
) -> Ended:
    """Run a program to its end.

    Raises:
        AssertionError: It did not end in time.
    """
    installed()
    started = time.monotonic()
    try:
        done = subprocess.run(
            command,
            cwd=directory,
            env=environment(settings or {}),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=timeout,
            check=False,
        )
    except subprocess.TimeoutExpired as expired:
        raise AssertionError(
            f"{' '.join(command)}: not ended within {timeout:g} s\n{expired.stderr!r}"
        ) from expired
    return Ended(done.returncode, done.stdout, done.stderr, time.monotonic() - started)


def run_script(
    text: str,
    *,
    directory: Path,
    way: Sequence[str] = PLAIN,
    settings: Mapping[str, str] | None = None,
    timeout: float = 60,
) -> Ended:
    """Write a script into ``directory`` and run it to its end."""
    path = directory / "app.py"
    path.write_text(text, encoding="utf-8")
    return run(
        [*way, sys.executable, str(path)],
        directory=directory,
        settings=settings,
        timeout=timeout,
    )


class Service:
    """A program that serves HTTP: waited for at the start, ended by SIGTERM, never left behind.

    Args:
        name: Names its log file.
        command: The command line.
        settings: Its telemetry settings and other variables.
        directory: Its working directory.
        ready_url: Answers 200 once it serves.
    """

    def __init__(
        self,
        name: str,
        command: Sequence[str],
        *,
        settings: Mapping[str, str],
        directory: Path,
        ready_url: str,
    ) -> None:
        installed()
        self.name = name
        self.log_path = directory / f"{name}.log"
        self._command = list(command)
        self._environment = environment(settings)
        self._directory = directory
        self._ready_url = ready_url
        self._process: subprocess.Popen[bytes] | None = None

    def output(self) -> str:
        """What it has written to stdout and stderr."""
        return self.log_path.read_text(errors="replace") if self.log_path.exists() else ""

    def start(self) -> None:
        """Start it; ``wait_until_ready()`` is for later, so that several start side by side."""
        with self.log_path.open("wb") as log:
            self._process = subprocess.Popen(
                self._command,
                cwd=self._directory,
                env=self._environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
            )

    def wait_until_ready(self, timeout: float = 30) -> None:
        """Wait until it answers.

        Raises:
            AssertionError: It ended, or did not answer in time; with what it said last.
        """
        process = self._process
        assert process is not None
        try:
            eventually(
                lambda: process.poll() is not None or readback.get(self._ready_url)[0] == 200,
                timeout=timeout,
                interval=0.05,
                what=f"{self.name} answers",
            )
            assert process.poll() is None, f"{self.name}: exit status {process.returncode}"
        except AssertionError as error:
            raise AssertionError(f"{error}\n{self.output()[-4000:]}") from None

    def terminate(self) -> None:
        """Ask it to end (SIGTERM)."""
        if self._process is not None and self._process.poll() is None:
            self._process.send_signal(signal.SIGTERM)

    def wait(self, timeout: float = 20) -> int:
        """Its exit status, after it has ended by itself or after SIGTERM.

        Raises:
            AssertionError: It did not end in time; it was killed then.
        """
        process = self._process
        assert process is not None
        try:
            return process.wait(timeout)
        except subprocess.TimeoutExpired:
            self.kill()
            raise AssertionError(
                f"{self.name}: not ended within {timeout:g} s\n{self.output()[-4000:]}"
            ) from None

    def kill(self) -> None:
        """End it without warning."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()

    def __enter__(self) -> "Service":
        self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        value: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.kill()
