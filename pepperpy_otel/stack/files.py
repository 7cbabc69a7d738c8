"""Where the stack's files lie: at the top level of a checkout, inside the package of a wheel.

Containers and processes read them where they are, unless the engine cannot see them there: on macOS
it runs in a virtual machine that has the user's home directory and little else.
"""

from __future__ import annotations

import hashlib
import shutil
import sys
from pathlib import Path

from pepperpy_otel.stack.errors import StackError

PACKAGE = Path(__file__).resolve().parents[1]
COMPOSE = "docker-compose.yml"
CONFIG = "collector-config"
#: What the servers read of it.
READ = (".json", ".sh", ".yaml")


def home() -> Path:
    """The directory that holds ``docker-compose.yml`` and ``collector-config``.

    Raises:
        StackError: This installation lacks them.
    """
    for directory in (PACKAGE, PACKAGE.parent):
        if (directory / COMPOSE).is_file() and (directory / CONFIG).is_dir():
            return directory
    raise StackError(
        f"{COMPOSE} and {CONFIG} are missing from this installation ({PACKAGE}); "
        "reinstall pepperpy-otel"
    )


def compose_file(directory: Path) -> Path:
    """``docker-compose.yml`` with all that it mounts beside it, where the engine sees it.

    Args:
        directory: The stack's own directory, for a copy if one is needed.

    Raises:
        StackError: This installation lacks it.
    """
    source = home()
    seen = sys.platform == "linux" or Path.home().resolve() in source.parents
    if seen or source != PACKAGE:  # a checkout lies where its owner has put it
        return source / COMPOSE
    copy = directory / "files"
    copy.mkdir(parents=True, exist_ok=True)
    for name in (COMPOSE, "_version.py"):
        shutil.copyfile(source / name, copy / name)
    for name in (CONFIG, "examples"):
        shutil.rmtree(copy / name, ignore_errors=True)
        shutil.copytree(source / name, copy / name)
    return copy / COMPOSE


def digest() -> str:
    """What the configurations say, as a short text that changes when they do.

    Raises:
        StackError: This installation lacks them.
    """
    made = hashlib.sha256()
    for path in sorted(config_directory().rglob("*")):
        if path.suffix in READ:
            made.update(path.read_bytes())
    return made.hexdigest()[:16]


def config_directory() -> Path:
    """The configurations of the servers.

    Raises:
        StackError: This installation lacks them.
    """
    return home() / CONFIG
