"""Where Linux keeps the limits of our container: the control groups of this process, v1 and v2."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

ROOT = Path("/")
#: Version 1 says "unlimited" with a number near the largest one.
UNLIMITED_V1 = 1 << 60


@dataclass(frozen=True)
class Group:
    """One control group, a directory.

    Attributes:
        path: The directory.
        version: 1 or 2.
    """

    path: Path
    version: int

    def number(self, name: str) -> int | None:
        """The number in a file; ``None`` for "max", for no such file, and for anything else."""
        try:
            return int((self.path / name).read_text(encoding="ascii"))
        except (OSError, ValueError):
            return None

    def table(self, name: str) -> dict[str, int]:
        """The file's ``key number`` lines; empty where there is none."""
        try:
            lines = (self.path / name).read_text(encoding="ascii").splitlines()
        except (OSError, ValueError):
            return {}
        pairs = [line.split() for line in lines]
        return {pair[0]: int(pair[1]) for pair in pairs if len(pair) == 2 and pair[1].isdigit()}


def groups(controller: str, root: Path = ROOT) -> list[Group]:
    """The groups of this process that have a controller, the innermost first.

    A limit of any of them holds. In a container the path of the group often lies outside of what is
    mounted; the mount point is the container's own group then.

    Args:
        controller: ``memory`` or ``cpu``.
        root: Where ``proc`` and ``sys`` are.
    """
    for version, mount, path in _candidates(controller, root):
        if not mount.is_dir():
            continue
        found = [mount / path, *(mount / path).parents] if path else [mount]
        inside = [each for each in found if each == mount or mount in each.parents]
        return [Group(each, version) for each in inside if each.is_dir()]
    return []


def _candidates(controller: str, root: Path) -> list[tuple[int, Path, str]]:
    """(version, mount point, path below it) as /proc/self/cgroup tells; v1 wins in a mixed set."""
    mounts = root / "sys/fs/cgroup"
    try:
        lines = (root / "proc/self/cgroup").read_text(encoding="utf-8").splitlines()
    except OSError:
        return []
    first: list[tuple[int, Path, str]] = []
    unified: list[tuple[int, Path, str]] = []
    for line in lines:
        number, _, rest = line.partition(":")
        names, _, path = rest.partition(":")
        path = "" if ".." in path else path.strip("/")
        if controller in names.split(","):
            first += [(1, mounts / names, path), (1, mounts / controller, path)]
        elif number == "0" and not names:
            unified += [(2, mounts, path), (2, mounts / "unified", path)]
    return first + unified
