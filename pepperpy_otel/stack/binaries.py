"""The programs of the servers for ``--processes``: given, on PATH, or built before.

Each is asked whether it is what is needed: Debian's Prometheus has no OTLP receiver, an old
Collector knows its components by other names, and many programs are called ``loki``.
"""

from __future__ import annotations

import importlib.util
import re
import shutil
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pepperpy_otel.stack.engine import run
from pepperpy_otel.stack.errors import WRONG_USE, StackError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from types import ModuleType

BUILD_SCRIPT = "build_servers.py"
VERSION = re.compile(r"version\W*v?(\d+\.\d+\.\d+)", re.IGNORECASE)
#: Go modules number some releases otherwise than their projects do.
RELEASES = {("prometheus", "0.315.0"): "3.15.0", ("jaeger", "1.76.0"): "2.13.0"}


@dataclass(frozen=True, slots=True)
class Kind:
    """What is looked for.

    Attributes:
        name: The server.
        programs: What its program is called.
        probe: Arguments to which only the right program answers ``expected``.
        expected: A word of that answer.
        version: Arguments that make it say its version.
        required: The stack cannot do without it.
    """

    name: str
    programs: tuple[str, ...]
    probe: str
    expected: str
    version: str = "--version"
    required: bool = True

    @property
    def variable(self) -> str:
        """The variable that names its program."""
        return f"PEPPERPY_OTEL_{self.name.upper()}_BINARY"


@dataclass(frozen=True, slots=True)
class Binary:
    """A program that was found."""

    path: Path
    version: str


KINDS = (
    Kind(
        "collector",
        ("otelcol-pepperpy", "otelcol-contrib", "otelcol"),
        "components",
        "delta_to_cumulative",
    ),
    Kind("jaeger", ("jaeger",), "components", "jaeger_query", "version"),
    Kind("prometheus", ("prometheus",), "--help", "web.enable-otlp-receiver"),
    Kind("loki", ("loki", "loki-linux-amd64", "loki-linux-arm64"), "--help", "config.expand-env"),
    Kind("grafana", ("grafana",), "--help", "server", required=False),
    Kind("alertmanager", ("alertmanager",), "--help", "cluster.listen-address", required=False),
)


def find_all(config: Path, environ: Mapping[str, str], directory: Path | None) -> dict[str, Binary]:
    """The program of every server that can be had.

    Args:
        config: The stack's configurations, where the build script lies too.
        environ: Where ``PEPPERPY_OTEL_<NAME>_BINARY`` may be set.
        directory: Where to look first.

    Raises:
        StackError: One that is needed is missing; names the command that builds it.
    """
    builder = _load(config / BUILD_SCRIPT)
    found = {}
    missing = []
    for kind in KINDS:
        binary = _find(kind, builder, environ, directory)
        if binary is not None:
            found[kind.name] = binary
        elif kind.required:
            missing.append(kind.name)
    if missing:
        names = " ".join(missing)
        raise StackError(
            f"no program for {', '.join(missing)} that this stack can use, neither on PATH nor "
            f"built before; build with Go: {sys.executable} {config / BUILD_SCRIPT} {names}"
            " (or give --binaries DIR, or "
            f"{KINDS[0].variable.replace('COLLECTOR', missing[0].upper())}=FILE)"
        )
    return found


def _find(
    kind: Kind, builder: ModuleType, environ: Mapping[str, str], directory: Path | None
) -> Binary | None:
    if given := environ.get(kind.variable):
        path = Path(given).expanduser().absolute()
        if not _is_right(kind, path):
            raise StackError(f"{kind.variable}={given!r} is no {kind.name} of use here", WRONG_USE)
        return _binary(kind, path)
    for program in kind.programs:
        for place in (None, directory) if directory is None else (directory, None):
            named = shutil.which(program, path=None if place is None else str(place))
            if named is not None and _is_right(kind, Path(named)):
                return _binary(kind, Path(named))
    built = builder.cached(kind.name) if kind.name in builder.SERVERS else None
    return None if built is None else _binary(kind, built[kind.name])


def _is_right(kind: Kind, path: Path) -> bool:
    answer = run([str(path), kind.probe])
    return kind.expected in answer.stdout + answer.stderr


def _binary(kind: Kind, path: Path) -> Binary:
    answer = run([str(path), kind.version])
    said = VERSION.search(answer.stdout + answer.stderr)
    if said is not None:
        return Binary(path.absolute(), said[1])
    # Built from its module it does not know its version, and the cache's directory does.
    named = re.match(rf"{kind.name}-(\d+\.\d+\.\d+)-", path.parent.name)
    version = "" if named is None else named[1]
    return Binary(path.absolute(), RELEASES.get((kind.name, version), version))


def _load(script: Path) -> ModuleType:
    """The build script as a module: it knows where it has put what it built."""
    name = "pepperpy_otel_build_servers"
    if name not in sys.modules:
        spec: Any = importlib.util.spec_from_file_location(name, script)
        module = importlib.util.module_from_spec(spec)
        sys.modules[name] = module  # dataclasses look their module up there
        try:
            spec.loader.exec_module(module)
        except OSError as error:
            del sys.modules[name]
            raise StackError(f"cannot read {script}: {error.strerror}") from error
    return sys.modules[name]
