"""Limits of the container: control groups v1, v2 and none."""

from __future__ import annotations

from pathlib import Path

import pytest

from pepperpy_otel.health import HealthStatus, probes
from pepperpy_otel.health.probes.cgroups import Group, groups

MIB = 1024**2


def _tree(root: Path, files: dict[str, str]) -> Path:
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return root


def _v2(root: Path, used: int, limit: str, cache: int = 0) -> Path:
    return _tree(
        root,
        {
            "proc/self/cgroup": "0::/\n",
            "sys/fs/cgroup/memory.current": f"{used * MIB}\n",
            "sys/fs/cgroup/memory.max": f"{limit}\n",
            "sys/fs/cgroup/memory.stat": f"anon 1\ninactive_file {cache * MIB}\n",
        },
    )


def test_memory_is_the_working_set_against_the_limit(tmp_path: Path) -> None:
    """Page cache that the kernel can take back does not count."""
    probe = probes.memory(root=_v2(tmp_path, 95, str(100 * MIB), cache=20))
    result = probe()
    assert result.status is HealthStatus.HEALTHY
    assert result.reason == "75 of 100 MiB in use (75%, limit of the container)"
    _v2(tmp_path, 95, str(100 * MIB), cache=0)
    assert probe().status is HealthStatus.DEGRADED
    probe.close()


def test_memory_of_version_1(tmp_path: Path) -> None:
    """Other files, the same judgement."""
    root = _tree(
        tmp_path,
        {
            "proc/self/cgroup": "9:cpu,cpuacct:/docker/x\n8:memory:/docker/x\n0::/\n",
            "sys/fs/cgroup/memory/memory.usage_in_bytes": str(95 * MIB),
            "sys/fs/cgroup/memory/memory.limit_in_bytes": str(100 * MIB),
            "sys/fs/cgroup/memory/memory.stat": f"total_inactive_file {2 * MIB}\nbroken\n",
        },
    )
    result = probes.memory(root=root)()
    assert result.reason == "93 of 100 MiB in use (93%, limit of the container)"
    assert result.status is HealthStatus.DEGRADED


def test_the_tightest_enclosing_limit_holds(tmp_path: Path) -> None:
    """A pod's limit above a container without one."""
    root = _tree(
        tmp_path,
        {
            "proc/self/cgroup": "0::/pod/container\n",
            "sys/fs/cgroup/pod/container/memory.current": str(50 * MIB),
            "sys/fs/cgroup/pod/container/memory.max": "max",
            "sys/fs/cgroup/pod/memory.current": str(99 * MIB),
            "sys/fs/cgroup/pod/memory.max": str(100 * MIB),
            "sys/fs/cgroup/memory.max": str(900 * MIB),
        },
    )
    assert probes.memory(root=root)().reason.startswith("99 of 100 MiB")
    paths = [group.path.relative_to(root / "sys/fs/cgroup") for group in groups("memory", root)]
    assert paths == [Path("pod/container"), Path("pod"), Path()]


@pytest.mark.parametrize("limit", ["max", str(1 << 62), "0", "x"])
def test_without_a_limit_the_memory_of_the_machine_counts(tmp_path: Path, limit: str) -> None:
    """Unlimited in its two spellings, and nonsense."""
    root = _tree(
        _v2(tmp_path, 95, limit),
        {"proc/meminfo": "MemTotal:  1000 kB\nMemAvailable: 50 kB\nHugePages: \n"},
    )
    result = probes.memory(root=root)()
    assert result.status is HealthStatus.DEGRADED
    assert result.reason.endswith("limit of the machine)")


@pytest.mark.parametrize(
    "files", [{}, {"proc/meminfo": "MemTotal: 1000 kB\n"}, {"proc/meminfo": "x\n"}]
)
def test_a_system_that_tells_nothing_is_healthy(tmp_path: Path, files: dict[str, str]) -> None:
    """What cannot be measured is no alarm."""
    assert probes.memory(root=_tree(tmp_path, files))().status is HealthStatus.HEALTHY
    assert probes.cpu_throttling(root=tmp_path)().reason == "no CPU limit"


def _throttled(root: Path, periods: int, throttled: int) -> None:
    text = f"usage_usec 9\nnr_periods {periods}\nnr_throttled {throttled}\nthrottled_usec 5\n"
    _tree(root, {"proc/self/cgroup": "0::/\n", "sys/fs/cgroup/cpu.stat": text})


def test_throttling_is_counted_between_two_runs(tmp_path: Path) -> None:
    """The share of the periods since the run before; a counter that began anew is a first one."""
    probe = probes.cpu_throttling(root=tmp_path)
    _tree(tmp_path, {"proc/self/cgroup": "0::/\n", "sys/fs/cgroup/memory.max": "max"})
    assert probe().reason == "no CPU limit"
    _throttled(tmp_path, 100, 90)
    assert probe().reason == "first reading"
    _throttled(tmp_path, 200, 100)
    assert probe().reason == "stopped in 10 of 100 periods (10%)"
    _throttled(tmp_path, 300, 150)
    assert probe().status is HealthStatus.DEGRADED
    assert probe().reason == "stopped in 0 of 0 periods (0%)"
    _throttled(tmp_path, 10, 9)
    assert probe().reason == "first reading"
    _throttled(tmp_path, 0, 0)
    assert probe().reason == "no CPU limit"


def test_throttling_of_version_1(tmp_path: Path) -> None:
    """The controller has neighbours in its directory's name."""
    files = {
        "proc/self/cgroup": "4:cpu,cpuacct:/x\n",
        "sys/fs/cgroup/cpu,cpuacct/x/cpu.stat": "nr_periods 5\nnr_throttled 5\n",
    }
    probe = probes.cpu_throttling(root=_tree(tmp_path / "a", files))
    assert probe().reason == "first reading"
    files = {
        "proc/self/cgroup": "4:cpu,cpuacct:/\n",
        "sys/fs/cgroup/cpu/cpu.stat": "nr_periods 5\nnr_throttled 5\n",
    }
    probe = probes.cpu_throttling(root=_tree(tmp_path / "b", files))
    assert probe().reason == "first reading"


def test_a_path_outside_of_the_mount_is_the_mount(tmp_path: Path) -> None:
    """What a container sees of a group above its own namespace."""
    root = _tree(tmp_path, {"proc/self/cgroup": "0::/../x\n", "sys/fs/cgroup/memory.max": "max\n"})
    assert groups("memory", root) == [Group(root / "sys/fs/cgroup", 2)]
    assert groups("cpu", _tree(tmp_path / "b", {"proc/self/cgroup": "junk\n"})) == []


def test_what_this_machine_says_can_be_read() -> None:
    """The real files, whatever they hold."""
    assert probes.memory()().status in (HealthStatus.HEALTHY, HealthStatus.DEGRADED)
    probe = probes.cpu_throttling()
    probe()
    assert probe().status in (HealthStatus.HEALTHY, HealthStatus.DEGRADED)
