"""A Docker engine of the tests' own: Debian's dockerd with its own socket, data and networks.

Nothing of a Docker that the machine may already run is touched: no image is put under a name that
somebody uses, and the daemon writes no firewall rules (published ports go through docker-proxy,
which needs none). Only where there is a firewall, one rule lets our containers talk to each other
while the engine runs. That takes root and Debian's package docker.io.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from tests.integration.locate import Unavailable, locate
from tests.integration.readback import eventually
from tests.integration.stack import images
from tests.integration.stack.tree import Tree

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from types import TracebackType

START_SECONDS = 60.0
#: One range of addresses for each process of tests: two may run an engine at once.
ADDRESSES = f"10.{200 + os.getpid() % 50}.0.0/16"


class DockerError(Exception):
    """A docker command failed; the message ends with what it said."""


def missing() -> str | None:
    """What this machine lacks to run an engine, in one line; None when nothing."""
    if sys.platform != "linux":
        return "an own dockerd needs Linux"
    if os.getuid() != 0:
        return "an own dockerd needs root"
    for program, package in (
        ("dockerd", "docker.io"),
        ("docker", "docker.io"),
        ("docker-proxy", "docker.io"),
        ("containerd", "containerd"),
        ("busybox", images.BUSYBOX),
        ("setpriv", "util-linux"),
    ):
        if _which(program) is None:
            return f"no {program}: apt-get install {package}"
    return None


class Engine:
    """A running dockerd; ``docker(...)`` talks to it, leaving ends it and removes its data."""

    def __init__(self) -> None:
        # Short, because a socket's path may have 107 characters.
        self.directory = Path(tempfile.mkdtemp(prefix="pepperpy-docker-", dir="/var/tmp"))
        self._daemon: subprocess.Popen[bytes] | None = None
        plugins = self.directory / "client" / "cli-plugins"
        plugins.mkdir(parents=True)
        (plugins / "docker-compose").symlink_to(locate("compose").executable)

    @property
    def log(self) -> str:
        """All that the daemon has written."""
        path = self.directory / "dockerd.log"
        return path.read_text(errors="replace") if path.exists() else ""

    def start(self) -> None:
        """Start the daemon and wait until it answers.

        Raises:
            Unavailable: It does not work on this machine; the message has its last words.
        """
        settings = self.directory / "daemon.json"
        settings.write_text("{}")  # not those of the machine
        with (self.directory / "dockerd.log").open("wb") as log:
            self._daemon = subprocess.Popen(
                [
                    # Should the tests be killed, it ends by itself.
                    *(str(_which("setpriv")), "--pdeathsig", "TERM"),
                    *(str(_which("dockerd")), f"--host=unix://{self.directory}/docker.sock"),
                    f"--data-root={self.directory}/data",
                    f"--exec-root={self.directory}/exec",
                    f"--pidfile={self.directory}/dockerd.pid",
                    *("--bridge=none", f"--default-address-pool=base={ADDRESSES},size=24"),
                    *("--iptables=false", "--ip6tables=false", "--ip-forward=false"),
                    *("--ip-masq=false", f"--config-file={settings}", "--shutdown-timeout=5"),
                ],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                env={**os.environ, "PATH": f"{os.environ['PATH']}:/usr/sbin:/sbin"},
            )
        daemon = self._daemon
        with contextlib.suppress(AssertionError):
            eventually(lambda: daemon.poll() is not None or self._answers(), timeout=START_SECONDS)
        if daemon.poll() is not None or not self._answers():
            lines = [line for line in self.log.splitlines() if line.strip()]
            self.close()
            raise Unavailable(f"dockerd does not start here: {lines[-1] if lines else 'no word'}")
        self._let_containers_talk("-I")

    def docker(
        self,
        *args: str,
        env: Mapping[str, str] | None = None,
        stdin: int | None = subprocess.DEVNULL,
        timeout: float = 300,
        check: bool = True,
    ) -> subprocess.CompletedProcess[str]:
        """Run a docker command.

        Raises:
            DockerError: It failed, and ``check`` is true.
        """
        done = subprocess.run(
            [str(_which("docker")), *args],
            env=self.environment(env or {}),
            stdin=stdin,
            capture_output=True,
            text=True,
            timeout=timeout,
            check=False,
        )
        if check and done.returncode != 0:
            told = f"{done.stdout[-2000:]}\n{done.stderr[-4000:]}".strip()
            raise DockerError(f"docker {' '.join(args)}: exit status {done.returncode}\n{told}")
        return done

    def environment(self, env: Mapping[str, str]) -> dict[str, str]:
        """The variables of a client: ours only, so that nobody's settings leak in."""
        return {
            "PATH": os.environ["PATH"],
            "HOME": str(self.directory / "client"),
            "DOCKER_HOST": f"unix://{self.directory}/docker.sock",
            "DOCKER_CONFIG": str(self.directory / "client"),
            **env,
        }

    def build(self, wanted: Sequence[images.Image] = images.IMAGES) -> dict[str, str]:
        """Import the images; the variables that make docker-compose.yml use them."""
        for image in wanted:
            command = [str(_which("docker")), "import"]
            for change in image.changes:
                command += ["--change", change]
            with subprocess.Popen(
                [*command, "-", image.name],
                env=self.environment({}),
                stdin=subprocess.PIPE,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.PIPE,
            ) as process:
                assert process.stdin is not None
                assert process.stderr is not None
                with contextlib.suppress(BrokenPipeError):  # docker has something to say
                    tree = Tree(process.stdin)
                    image.fill(tree)
                    tree.close()
                    process.stdin.close()
                told = process.stderr.read().decode(errors="replace")
            if process.returncode != 0:
                raise DockerError(f"docker import {image.name}: {told}")
        return {image.variable: image.name for image in wanted}

    def close(self) -> None:
        """End the daemon with all its containers, and remove what it had."""
        self._let_containers_talk("-D")
        if self._daemon is not None:
            self._daemon.send_signal(signal.SIGTERM)
            try:
                self._daemon.wait(60)
            except subprocess.TimeoutExpired:
                with contextlib.suppress(ProcessLookupError):
                    os.killpg(self._daemon.pid, signal.SIGKILL)
                self._daemon.wait()
        for line in reversed(Path("/proc/mounts").read_text().splitlines()):
            if line.split()[1].startswith(f"{self.directory}/"):
                subprocess.run(["umount", "-l", line.split()[1]], check=False, capture_output=True)
        shutil.rmtree(self.directory, ignore_errors=True)

    def __enter__(self) -> Engine:
        self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        value: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def _let_containers_talk(self, action: str) -> None:
        # Another Docker's policy for what is forwarded is DROP, and bridges ask it, too.
        if (iptables := _which("iptables")) is not None:
            rule = ("FORWARD", "-s", ADDRESSES, "-d", ADDRESSES, "-j", "ACCEPT")
            subprocess.run([iptables, action, *rule], check=False, capture_output=True)

    def _answers(self) -> bool:
        return self.docker("info", check=False, timeout=30).returncode == 0


def _which(program: str) -> str | None:
    return shutil.which(program, path=f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin")
