"""Find the servers of the integration tests: on PATH, in the cache, built with Go, as images.

``locate`` returns a ``Program`` that knows its command line, whichever way it was found, or raises
``Unavailable`` with one line that says what was tried and what to do.
"""

import contextlib
import functools
import importlib.util
import os
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType

CONFIG = Path(__file__).resolve().parents[2] / "collector-config"

IMAGES = {
    "collector": ("otel/opentelemetry-collector-contrib:0.158.0", "/otelcol-contrib"),
    "jaeger": ("jaegertracing/jaeger:2.13.0", "/cmd/jaeger/jaeger-linux"),
    "prometheus": ("prom/prometheus:v3.15.0", "/bin/prometheus"),
    "promtool": ("prom/prometheus:v3.15.0", "/bin/promtool"),
    "loki": ("grafana/loki:3.7.8", "/usr/bin/loki"),
}
BUILT_AS = {"promtool": "prometheus"}
# What a server found on PATH must say to be new enough: Debian's Prometheus has no OTLP receiver,
# a Collector before 0.150 knows its components by other names.
PROBES = {
    "collector": (("otelcol-pepperpy", "otelcol-contrib"), "components", "delta_to_cumulative"),
    "jaeger": (("jaeger",), "components", "jaeger_query"),
    "prometheus": (("prometheus",), "--help", "web.enable-otlp-receiver"),
    "promtool": (("promtool",), "--help", "check"),
    "loki": (("loki",), "-help", "server.grpc-listen-address"),
    "compose": (("docker-compose",), "version", "Docker Compose version v"),
}


class Unavailable(Exception):
    """A server cannot be had on this machine; the message is one line."""


@dataclass(frozen=True, slots=True)
class Program:
    """One server as it can be run here: a binary, or an entry point in an image."""

    name: str
    origin: str
    executable: str
    engine: str = ""
    image: str = ""

    def command(
        self, args: Sequence[str], *, directory: Path, env: Mapping[str, str], container: str = ""
    ) -> list[str]:
        """The command line that runs it.

        Args:
            args: The server's own arguments.
            directory: The only directory that it writes to.
            env: Variables that a container has to be given; a process inherits them.
            container: The container's name, to stop it by.
        """
        if not self.image:
            return [self.executable, *args]
        return [
            *(self.engine, "run", "--rm", "--init", "--network=host"),
            *(("--userns=keep-id",) if self.engine == "podman" else ()),
            f"--user={os.getuid()}:{os.getgid()}",
            *((f"--name={container}",) if container else ()),
            *(f"--env={key}={value}" for key, value in env.items()),
            f"--volume={directory}:{directory}",
            f"--volume={CONFIG}:{CONFIG}:ro",
            f"--entrypoint={self.executable}",
            self.image,
            *args,
        ]


@functools.cache
def locate(name: str) -> Program:
    """Find (or build) one of ``PROBES``.

    Raises:
        Unavailable: None of the four ways led to it.
    """
    builder = load_build_servers()
    if (found := _on_path(name)) is not None:
        return found
    server = BUILT_AS.get(name, name)
    if (paths := builder.cached(server)) is not None:
        return Program(name, "cache", str(paths[name]))
    tried = [f"not on PATH or in {builder.cache_root()}"]
    for way in (_built, _container):
        try:
            return way(name)
        except Unavailable as reason:
            tried.append(str(reason))
    raise Unavailable(
        f"no {name}: {'; '.join(tried)}. Run 'python collector-config/build_servers.py {server}' "
        "with Go and network, or start Docker"
    )


def load_build_servers() -> ModuleType:
    """``collector-config/build_servers.py`` as a module; its directory is no package."""
    name = "pepperpy_otel_build_servers"
    if name not in sys.modules:
        spec = importlib.util.spec_from_file_location(name, CONFIG / "build_servers.py")
        assert spec is not None
        assert spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        sys.modules[name] = module
    return sys.modules[name]


def _on_path(name: str) -> Program | None:
    candidates, argument, expected = PROBES[name]
    for candidate in candidates:
        path = shutil.which(candidate)
        if path is None:
            continue
        with contextlib.suppress(OSError, subprocess.TimeoutExpired):
            answer = subprocess.run(
                [path, argument], capture_output=True, text=True, timeout=60, check=False
            )
            if expected in answer.stdout + answer.stderr:
                return Program(name, "PATH", path)
    return None


def _built(name: str) -> Program:
    builder = load_build_servers()
    try:
        paths = builder.ensure([BUILT_AS.get(name, name)])
    except builder.BuildError as error:
        raise Unavailable(str(error)) from error
    return Program(name, "built", str(paths[name]))


def _container(name: str) -> Program:
    if name not in IMAGES:
        raise Unavailable(f"there is no image of {name}")
    image, executable = IMAGES[name]
    engine = next(filter(_answers, ("docker", "podman")), None)
    if engine is None:
        raise Unavailable("neither docker nor podman answers")
    for command in (("image", "inspect", image), ("pull", "--quiet", image)):
        if _succeeds([engine, *command], timeout=600):
            return Program(name, "container", executable, engine, image)
    raise Unavailable(f"{engine} cannot pull {image}")


def _answers(engine: str) -> bool:
    return shutil.which(engine) is not None and _succeeds([engine, "info"], timeout=20)


def _succeeds(command: Sequence[str], timeout: float) -> bool:
    try:
        done = subprocess.run(command, capture_output=True, timeout=timeout, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return False
    return done.returncode == 0
