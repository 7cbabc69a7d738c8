"""One server as an operating system process: started, waited for, stopped, with its log."""

import os
import signal
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

from tests.integration import readback
from tests.integration.locate import Program, locate
from tests.integration.readback import eventually
from tests.ports import LOOPBACK as LOOPBACK  # for the servers' users
from tests.ports import free_ports as free_ports

READY_SECONDS = 60.0
STOP_SECONDS = 20.0
WARNING_MARKS = (
    *("\twarn\t", "\terror\t", "level=WARN", "level=ERROR", "level=warn", "level=error"),
    "alias is deprecated",
)
# Jaeger built from its Go module has no UI; Prometheus warns that it was asked to stop; Loki asks
# its ring before it has joined it and for requests to delete before it listens, and complains of
# its own workers when it stops.
HARMLESS = (
    *("ui assets not embedded", "Received an OS signal", 'err="empty ring"'),
    "code = Canceled desc = context canceled",
    "error loading cache generation numbers",
)


class ServerError(Exception):
    """A server did not start; the message ends with its last log lines."""


def run_tool(
    name: str, *args: str, directory: Path, env: Mapping[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    """Run a server's binary to its end (``validate``, ``check config`` …)."""
    command = locate(name).command(args, directory=directory, env=env or {})
    return subprocess.run(
        command,
        cwd=directory,
        env=_environment(env or {}),
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


class Process:
    """One server process: start waits until it is ready, stop leaves nothing behind.

    Args:
        program: What to run.
        args: Its arguments.
        env: Environment variables on top of the test's own.
        directory: Where it may write; its log goes there too.
        ready_url: Answers 200 once the server can work.
    """

    def __init__(
        self,
        program: Program,
        args: Sequence[str],
        *,
        env: Mapping[str, str],
        directory: Path,
        ready_url: str,
    ) -> None:
        directory.mkdir(parents=True, exist_ok=True)
        self.program = program
        self.log_path = directory / f"{program.name}.log"
        self.ready_url = ready_url
        self._env = dict(env)
        self._directory = directory
        self._container = f"pepperpy-otel-{program.name}-{os.getpid()}-{free_ports(1)[0]}"
        self._command = program.command(
            args, directory=directory, env=env, container=self._container
        )
        self._popen: subprocess.Popen[bytes] | None = None

    @property
    def running(self) -> bool:
        """Whether it has been started and has not ended."""
        return self._popen is not None and self._popen.poll() is None

    @property
    def pid(self) -> int | None:
        """The process id, None when it does not run."""
        return self._popen.pid if self._popen is not None and self.running else None

    def log(self) -> str:
        """All that it has written to stdout and stderr, over all its starts."""
        return self.log_path.read_text(errors="replace") if self.log_path.exists() else ""

    def warnings(self) -> list[str]:
        """The warning and error lines of its log that tell of something wrong."""
        lines = self.log().splitlines()
        return [
            line
            for line in lines
            if any(mark in line for mark in WARNING_MARKS)
            and not any(harmless in line for harmless in HARMLESS)
        ]

    def start(self) -> None:
        """Start it and wait until it is ready.

        Raises:
            ServerError: It ended or was not ready in time.
        """
        if self.running:
            return
        with self.log_path.open("ab") as log:
            self._popen = subprocess.Popen(
                self._command,
                cwd=self._directory,
                env=_environment(self._env),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,  # a Ctrl-C is pytest's; it stops the servers in order
            )
        try:
            eventually(self._ready_or_ended, timeout=READY_SECONDS, interval=0.05)
            if not self.running:
                raise ServerError(f"exit status {self._popen.returncode}")
        except (AssertionError, ServerError) as reason:
            self.kill()
            tail = "\n".join(self.log().splitlines()[-20:])
            raise ServerError(
                f"{self.program.name} ({self.program.origin}: {self.program.executable}) did not "
                f"start: {reason}\n{tail}"
            ) from None
        except BaseException:
            self.kill()
            raise

    def stop(self) -> int | None:
        """Ask it to end (SIGTERM) and wait; killed after 20 seconds. Returns its exit status."""
        if self._popen is None:
            return None
        if self.running:
            self._popen.send_signal(signal.SIGTERM)
            try:
                self._popen.wait(STOP_SECONDS)
            except subprocess.TimeoutExpired:
                self.kill()
        return self._popen.wait()

    def kill(self) -> None:
        """End it without warning (SIGKILL)."""
        if self._popen is None:
            return
        if self.program.image:  # killing the client would leave the container
            remove = [self.program.engine, "rm", "--force", self._container]
            subprocess.run(remove, capture_output=True, timeout=60, check=False)
        self._popen.kill()
        self._popen.wait()

    def __enter__(self) -> "Process":
        self.start()
        return self

    def __exit__(self, *exception: object) -> None:
        self.stop()

    def _ready_or_ended(self) -> bool:
        return not self.running or readback.get(self.ready_url)[0] == 200


def _environment(env: Mapping[str, str]) -> dict[str, str]:
    # The servers read OTEL_* for their own telemetry; what a test has set is not meant for them.
    inherited = {key: value for key, value in os.environ.items() if not key.startswith("OTEL_")}
    return {**inherited, **env}
