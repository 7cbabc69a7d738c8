"""Build the servers that the tests and the stack use, from the Go module proxy.

    python collector-config/build_servers.py [NAME ...] [--clean-go-cache]

NAME is ``collector``, ``prometheus`` (brings ``promtool``), ``jaeger``, ``loki`` or ``compose``
(Docker's plugin); without one, all. The binaries go to ``$PEPPERPY_OTEL_SERVER_CACHE``, or
``$XDG_CACHE_HOME/pepperpy-otel/servers``, or ``~/.cache/pepperpy-otel/servers``, in a directory
named after the version and a hash of everything that goes into the build: a second run only looks.
Paths are printed on stdout as ``name path``, progress on stderr. Exit status: 0 built or found,
1 a build failed, 2 wrong use.

Cold, they take half an hour on two cores and fill Go's caches with 15 GB; ``--clean-go-cache``
takes throw-away ones. Every module is checked by ``GOSUMDB`` or a committed go.sum.
"""

import argparse
import contextlib
import hashlib
import json
import os
import platform
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

if sys.platform != "win32":
    import fcntl

HERE = Path(__file__).resolve().parent
COLLECTOR_VERSION = "0.158.0"
PROMETHEUS_VERSION = "0.315.0"  # 3.15.0: the module of v3.MM.P is v0.3MM.P
JAEGER_VERSION = "1.76.0"  # 2.13.0: the last tag that Go accepts, go.mod has no /v2
LOKI_VERSION = "3.7.8"
COMPOSE_VERSION = "5.6.0"  # the last one for Go 1.26.8

BUILDER = f"go.opentelemetry.io/collector/cmd/builder@v{COLLECTOR_VERSION}"
JAEGER = f"github.com/jaegertracing/jaeger@v{JAEGER_VERSION}"
GO_FLAGS = ("-trimpath", "-ldflags", "-s -w")
HEARTBEAT_SECONDS = 60.0


class BuildError(Exception):
    """A server cannot be had; the message is one line, made for the user."""


@dataclass(frozen=True, slots=True)
class Toolchain:
    """A Go command with the environment, log file and name that one build uses."""

    go: str
    env: Mapping[str, str]
    log: Path
    label: str

    def run(self, *args: str, cwd: Path) -> str:
        """Run ``go ARGS`` and return its stdout; all that it says is kept in the log."""
        shown = f"go {' '.join(args[:2])}"
        began = time.monotonic()
        with self.log.open("ab") as log, tempfile.TemporaryFile() as out:
            # A session of its own, so that stopping also reaches what go itself has started.
            process = subprocess.Popen(
                [self.go, *args],
                cwd=cwd,
                env=self.env,
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=log,
                start_new_session=True,
            )
            try:
                while process.returncode is None:
                    _say(f"{self.label}: {shown} … {time.monotonic() - began:.0f} s")
                    with contextlib.suppress(subprocess.TimeoutExpired):
                        process.wait(HEARTBEAT_SECONDS)
            except BaseException:
                _kill(process)
                raise
            out.seek(0)
            text = out.read()
            log.write(text)
        if process.returncode != 0:
            why = f"exit status {process.returncode}: {_last_line(self.log)} (log: {self.log})"
            raise BuildError(f"{self.label}: '{shown}' failed with {why}")
        return text.decode(errors="replace")


@dataclass(frozen=True, slots=True)
class Server:
    """One server: what it is built from, how, and the binaries that come out."""

    name: str
    version: str
    binaries: Mapping[str, str]
    inputs: tuple[Path, ...]
    build: Callable[[Toolchain, Path, Path], None]

    def directory(self, go_version: str) -> str:
        """The cache directory's name; ``*`` as Go's version gives a glob for any Go."""
        digest = hashlib.sha256(repr((self.version, BUILDER, GO_FLAGS)).encode())
        for path in self.inputs:
            digest.update(path.read_bytes())
        built_for = f"{sys.platform}-{platform.machine()}"
        return f"{self.name}-{self.version}-{digest.hexdigest()[:12]}-{go_version}-{built_for}"

    def paths(self, directory: Path) -> dict[str, Path]:
        """Where the binaries are in a finished directory."""
        return {name: directory / binary for name, binary in self.binaries.items()}


def _build_collector(go: Toolchain, work: Path, out: Path) -> None:
    shutil.copy(HERE / "builder.yaml", work)
    # The builder adds -trimpath, -s -w and CGO_ENABLED=0 itself and writes to ./build.
    go.run("run", BUILDER, "--config", "builder.yaml", cwd=work)
    shutil.move(work / "build" / "otelcol-pepperpy", out)


def _pinned(name: str, version: str, **packages: str) -> Server:
    """A server whose go.mod and go.sum are committed: the package of each binary by its name."""
    pins = tuple(HERE / "servers" / name / each for each in ("go.mod", "go.sum"))

    def build(go: Toolchain, work: Path, out: Path) -> None:
        for path in pins:
            shutil.copy(path, work)
        for binary, package in packages.items():
            go.run("build", *GO_FLAGS, "-o", str(out / binary), package, cwd=work)

    return Server(name, version, {binary: binary for binary in packages}, pins, build)


def _build_jaeger(go: Toolchain, work: Path, out: Path) -> None:
    # As a dependency it does not build: the checksum database lacks some forty modules that only
    # its own go.sum vouches for.
    found = json.loads(go.run("mod", "download", "-json", JAEGER, cwd=work))
    source = work / "src"
    shutil.copytree(found["Dir"], source)
    for path in (source, *source.rglob("*")):
        path.chmod(path.stat().st_mode | 0o200)
    go.run("build", *GO_FLAGS, "-o", f"{out}{os.sep}", "./cmd/jaeger", cwd=source)


_MANIFEST, _MADE = HERE / "builder.yaml", {"collector": "otelcol-pepperpy"}
_PROMETHEUS = {n: f"github.com/prometheus/prometheus/cmd/{n}" for n in ("prometheus", "promtool")}
SERVERS = {
    "collector": Server("collector", COLLECTOR_VERSION, _MADE, (_MANIFEST,), _build_collector),
    "prometheus": _pinned("prometheus", PROMETHEUS_VERSION, **_PROMETHEUS),
    "jaeger": Server("jaeger", JAEGER_VERSION, {"jaeger": "jaeger"}, (), _build_jaeger),
    "loki": _pinned("loki", LOKI_VERSION, loki="github.com/grafana/loki/v3/cmd/loki"),
    "compose": _pinned("compose", COMPOSE_VERSION, compose="github.com/docker/compose/v5/cmd"),
}


def cache_root(environ: Mapping[str, str] = os.environ) -> Path:
    """The directory under which built servers are kept."""
    if chosen := environ.get("PEPPERPY_OTEL_SERVER_CACHE"):
        return Path(chosen).expanduser().resolve()
    base = environ.get("XDG_CACHE_HOME") or "~/.cache"
    return Path(base).expanduser().resolve() / "pepperpy-otel" / "servers"


def cached(name: str, go_version: str = "*") -> dict[str, Path] | None:
    """The binaries of a server that was built before (by any Go unless told), or None."""
    server = SERVERS[name]
    for directory in sorted(cache_root().glob(server.directory(go_version)), reverse=True):
        paths = server.paths(directory)
        if all(path.is_file() for path in paths.values()):
            return paths
    return None


def ensure(names: Sequence[str], *, clean_go_cache: bool = False) -> dict[str, Path]:
    """Build what is not cached yet, one after another; the path of each binary by its name.

    Raises:
        BuildError: Go is missing or a build failed.
    """
    go = shutil.which("go")
    if go is None:
        raise BuildError("go is not on PATH; install Go 1.26 or newer (https://go.dev/dl)")
    root = cache_root()
    root.mkdir(parents=True, exist_ok=True)
    go_version = _go_version(go, root)
    found: dict[str, Path] = {}
    for name in names:
        paths = cached(name, go_version)
        found |= paths or _build(SERVERS[name], go, go_version, root, clean_go_cache)
    return found


def _build(
    server: Server, go: str, go_version: str, root: Path, clean_go_cache: bool
) -> dict[str, Path]:
    label = f"{server.name} {server.version}"
    with _locked(root / f"{server.name}.lock", label):
        if (paths := cached(server.name, go_version)) is not None:
            return paths
        # Under the lock nobody else builds this server: these were left by a killed run.
        for left in root.glob(f".building-{server.name}-*"):
            shutil.rmtree(left, ignore_errors=True)
        began = time.monotonic()
        work = Path(tempfile.mkdtemp(prefix=f".building-{server.name}-", dir=root))
        try:
            for name in ("work", "out", "tmp"):
                (work / name).mkdir()
            log = root / f"{server.name}-{server.version}.log"
            log.unlink(missing_ok=True)
            env = _environment(work, clean_go_cache)
            server.build(Toolchain(go, env, log, label), work / "work", work / "out")
            for path in server.paths(work / "out").values():
                if not path.is_file():
                    raise BuildError(f"{label}: {path.name} was not built (log: {log})")
            directory = root / server.directory(go_version)
            shutil.rmtree(directory, ignore_errors=True)
            (work / "out").rename(directory)
            log.unlink(missing_ok=True)
        finally:
            shutil.rmtree(work, ignore_errors=True)
        _say(f"{label}: built in {time.monotonic() - began:.0f} s")
        return server.paths(directory)


def _environment(work: Path, clean_go_cache: bool) -> dict[str, str]:
    # GOOS and GOARCH empty: a server for this machine, whatever the shell cross-compiles for.
    env = dict(os.environ, CGO_ENABLED="0", GOWORK="off", GOOS="", GOARCH="")
    env["GOTMPDIR"] = str(work / "tmp")
    if clean_go_cache:
        env["GOCACHE"], env["GOMODCACHE"] = str(work / "gocache"), str(work / "gomodcache")
        env["GOFLAGS"] = f"{env.get('GOFLAGS', '')} -modcacherw".strip()
    return env


def _go_version(go: str, root: Path) -> str:
    command = [go, "env", "GOVERSION"]
    result = subprocess.run(command, cwd=root, capture_output=True, text=True, check=False)
    if result.returncode != 0 or not result.stdout.strip():
        reason = (result.stderr.strip() or "no answer").splitlines()[-1]
        raise BuildError(f"'{' '.join(command)}' failed: {reason}")
    return result.stdout.split()[0]


@contextlib.contextmanager
def _locked(path: Path, label: str) -> Iterator[None]:
    with path.open("w") as lock:
        if sys.platform != "win32":
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                _say(f"{label}: another run is building it, waiting …")
                fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _kill(process: subprocess.Popen[bytes]) -> None:
    with contextlib.suppress(ProcessLookupError, AttributeError):  # no groups on Windows
        os.killpg(process.pid, signal.SIGKILL)
    process.kill()
    process.wait()


def _last_line(log: Path) -> str:
    lines = log.read_text(errors="replace").splitlines()
    return next((line.strip()[:300] for line in reversed(lines) if line.strip()), "no output")


def _say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


def main(argv: Sequence[str] | None = None) -> int:
    """Command line; returns the exit status."""
    parser = argparse.ArgumentParser(description="Build the servers of the stack.")
    parser.add_argument("names", nargs="*", metavar="NAME", help=", ".join(SERVERS))
    clean = "use Go caches that are deleted afterwards"
    parser.add_argument("--clean-go-cache", action="store_true", help=clean)
    options = parser.parse_args(argv)
    for name in options.names:
        if name not in SERVERS:
            parser.error(f"{name!r} is not a server; use {', '.join(SERVERS)}")
    try:
        found = ensure(options.names or list(SERVERS), clean_go_cache=options.clean_go_cache)
    except BuildError as error:
        _say(f"error: {error}")
        return 1
    except KeyboardInterrupt:
        _say("error: interrupted; nothing half-built is left")
        return 130
    for name, path in found.items():
        print(name, path)
    return 0


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(128 + number))
    sys.exit(main())
