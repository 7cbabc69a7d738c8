"""Which processes count together, and what becomes of the files of those that ended."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from pepperpy_otel.metrics.multiprocess import group as groups
from pepperpy_otel.metrics.multiprocess.cells import CellFile
from pepperpy_otel.metrics.multiprocess.group import Group, group_of, group_of_this_process, sum_up

COUNTER = b'{"k": "counter", "n": "hits"}'
GAUGE = b'{"k": "gauge", "n": "heat"}'


@pytest.fixture
def group(tmp_path: Path) -> Group:
    return Group(tmp_path / "group", private=False)


def write(group: Group, key: bytes, *numbers: float) -> CellFile:
    file = group.open()
    cells = file.add(key, len(numbers))
    for index, number in enumerate(numbers):
        cells[index] = number
    return file


def test_ended_and_living_processes_are_told_apart(group: Group) -> None:
    """A file whose owner is gone counts among the ended."""
    living = write(group, COUNTER, 2)
    own = write(group, COUNTER, 100)
    write(group, COUNTER, 3).close()

    ended, others = group.read(own.path)

    assert [entry.numbers for entry in ended] == [(3.0,)]
    assert [(pid, entry.numbers) for pid, entry in others] == [(os.getpid(), (2.0,))]
    living.close()
    own.close()


def test_a_directory_that_is_not_there_has_nothing(group: Group) -> None:
    """Reading makes none."""
    assert group.read(None) == ([], [])
    assert not group.directory.exists()


def test_files_of_ended_processes_become_one(group: Group) -> None:
    """Thousands of recycled workers leave one file, with their sums; states end with them."""
    for _ in range(5):
        file = write(group, COUNTER, 2)
        file.add(GAUGE, 1)[0] = 1
        file.add(b"garbage", 1)
        file.close()

    last = group.open()

    assert len(list(group.directory.glob("*.cells"))) == 2
    ended, _ = group.read(last.path)
    assert [(entry.key, entry.numbers) for entry in ended] == [(COUNTER, (10.0,))]
    last.close()


def test_files_that_were_merged_are_not_counted_twice(
    group: Group, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Killed between the new file and the removal of the old ones."""
    write(group, COUNTER, 2).close()
    with monkeypatch.context() as patched:
        patched.setattr(Path, "unlink", lambda *_, **__: (_ for _ in ()).throw(KeyboardInterrupt))
        with pytest.raises(KeyboardInterrupt):
            group.open()
    assert len(list(group.directory.glob("*.cells"))) == 2

    ended, _ = group.read(None)
    assert [entry.numbers for entry in ended] == [(2.0,)]
    group.open().close()
    assert [entry.numbers for entry in group.read(None)[0]] == [(2.0,)]


def test_what_a_killed_one_has_left_is_not_counted_later(
    group: Group, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The file that names the old ones goes into a newer one, and they are still there."""
    write(group, COUNTER, 2).close()
    with monkeypatch.context() as patched:
        patched.setattr(Path, "unlink", lambda *_, **__: (_ for _ in ()).throw(KeyboardInterrupt))
        with pytest.raises(KeyboardInterrupt):
            group.open()
    CellFile(group.directory / "ended-half.tmp").close()
    write(group, COUNTER, 3).close()

    group.open().close()

    assert [entry.numbers for entry in group.read(None)[0]] == [(5.0,)]
    assert not list(group.directory.glob("*.tmp"))


def test_an_ended_file_of_garbage_hides_nothing(group: Group) -> None:
    """What names no files, or none that can be read, takes none away."""
    write(group, COUNTER, 2).close()
    for name, key in (("ended-a.cells", b"x"), ("ended-b.cells", b'{"merged":oops}')):
        file = CellFile(group.directory / name)
        file.add(key, 0)
        file.close()
    assert (2.0,) in [entry.numbers for entry in group.read(None)[0]]


def test_series_of_other_shapes_are_not_added_up() -> None:
    """The newest shape of a description is the one that stays."""
    entry = groups.Entry
    assert sum_up([entry(COUNTER, (1.0,)), entry(COUNTER, (1.0, 2.0)), entry(COUNTER, (1, 1))]) == {
        COUNTER: [2.0, 3.0]
    }


def test_a_locked_group_is_not_waited_for_long(
    group: Group, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another process that stopped in the middle costs a scrape, not a thread."""
    group.open().close()
    monkeypatch.setattr(groups, "LOCK_SECONDS", 0.02)
    with group._locked(exclusive=True), pytest.raises(TimeoutError, match="is locked"):
        group.read(None)


def test_a_directory_of_others_is_refused(tmp_path: Path) -> None:
    """In a temporary directory anybody may have been there first."""
    directory = tmp_path / "group"
    directory.mkdir(mode=0o777)
    directory.chmod(0o777)
    with pytest.raises(PermissionError, match="not this user's alone"):
        groups.make_private(directory)
    groups.make_private(tmp_path / "new")
    assert (tmp_path / "new").stat().st_mode & 0o777 == 0o700


def test_a_directory_of_others_is_not_read(tmp_path: Path) -> None:
    """Its lock may be a link to where we would make a file for them."""
    base = tmp_path / "base"
    group = Group(base / "group")
    assert not group.is_there()
    group.directory.mkdir(parents=True)
    (group.directory / "lock").symlink_to(tmp_path / "made")

    base.chmod(0o777)
    assert group.read(None) == ([], [])
    for directory in (base, group.directory):
        directory.chmod(0o700)
    with pytest.raises(OSError, match="symbolic links"):
        group.read(None)
    assert not (tmp_path / "made").exists()


@pytest.fixture
def base(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(groups, "base_directory", lambda: tmp_path / "base")
    return tmp_path / "base"


def test_directories_of_masters_that_are_gone_are_removed(base: Path) -> None:
    """The next run begins without the counts of the last one."""
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as master:
        gone = group_of(9464, master.pid)
        gone.open().close()
        assert list(base.iterdir()) == [gone.directory]
        master.communicate(b"\n")
    mine = group_of(9464, os.getpid())
    mine.open().close()
    assert list(base.iterdir()) == [mine.directory]
    (base / "somebody's").mkdir()
    mine.open().close()
    assert (base / "somebody's").is_dir()


def test_the_base_is_this_users_in_this_pid_namespace(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two users, or two containers with one /tmp, do not meet."""
    name = groups.base_directory().name
    assert name.startswith(f"pepperpy-otel-prometheus-{os.geteuid()}-")
    assert name.rpartition("-")[2].isdigit()

    def unknown(path: Path) -> Path:
        raise OSError

    monkeypatch.setattr(Path, "readlink", unknown)
    assert groups.base_directory().name.endswith("-pids")


def test_a_process_that_is_gone_has_no_start_time_and_no_command() -> None:
    """Nothing raises where there is no /proc, or nobody in it."""
    assert groups.start_time(2**22 + 1) == ""
    assert groups._command(2**22 + 1) == b""


def test_who_was_started_by_somebody_else_is_no_worker() -> None:
    """A plain process has its port for itself."""
    assert group_of_this_process(9464) is None


@pytest.mark.parametrize(
    ("own", "above", "worker"),
    [
        (b"python\0app.py\0", b"python\0app.py\0", True),
        (b"gunicorn: worker [app]", b"gunicorn: master [app]", True),
        (b"python\0app.py\0", b"bash\0", False),
        (b"", b"", False),
    ],
)
def test_a_forked_worker_is_known_by_its_command(
    own: bytes, above: bytes, worker: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Gunicorn imports the app after the fork, so that no hook of ours has seen it."""
    commands = {os.getpid(): own, os.getppid(): above}
    monkeypatch.setattr(groups, "_command", commands.__getitem__)
    found = group_of_this_process(9464)
    assert (found is not None) is worker
    if found is not None:
        assert found.directory.name.startswith(f"9464-{os.getppid()}-")


def test_a_spawned_worker_is_known_by_multiprocessing(tmp_path: Path) -> None:
    """As those of ``uvicorn --workers``."""
    program = tmp_path / "program.py"
    program.write_text(
        "import multiprocessing, os\n"
        "from pepperpy_otel.metrics.multiprocess import group_of_this_process\n"
        "def child(parent):\n"
        "    name = group_of_this_process(9464).directory.name\n"
        "    assert name.startswith(f'9464-{parent}-'), name\n"
        "if __name__ == '__main__':\n"
        "    context = multiprocessing.get_context('spawn')\n"
        "    process = context.Process(target=child, args=(os.getpid(),))\n"
        "    process.start(); process.join(); assert process.exitcode == 0\n"
    )
    subprocess.run([sys.executable, str(program)], check=True, timeout=60)
