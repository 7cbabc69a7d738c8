"""Nobody else reads what is spooled, and nobody leads us to write elsewhere."""

from __future__ import annotations

import contextlib
import os
import shutil
import stat
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from pepperpy_otel.delivery.spool import framing
from tests.delivery.spool.conftest import Watched, die

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

NOBODY = 65534
as_root = pytest.mark.skipif(os.geteuid() != 0, reason="becomes another user, which root can")


def _mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def _sub(directory: Path) -> Path:
    """The subdirectory of ours of the spool ``otlp``."""
    return directory / f"otlp-{os.geteuid()}"


@contextlib.contextmanager
def _user(uid: int) -> Iterator[None]:
    """Be that user meanwhile; what root may do is gone, too."""
    os.seteuid(uid)
    try:
        yield
    finally:
        os.seteuid(0)


@pytest.fixture
def public() -> Iterator[Path]:
    """A directory like /tmp: everybody may write to it."""
    path = Path(tempfile.mkdtemp())
    path.chmod(0o1777)
    yield path
    shutil.rmtree(path)


@pytest.mark.parametrize("umask", [0o000, 0o022, 0o077])
def test_only_we_may_read(
    spool: Callable[..., Watched], directory: Path, umask: int, tmp_path: Path
) -> None:
    """0700 and 0600, whatever the umask is."""
    before = os.umask(umask)
    try:
        watched = spool(where=directory / "deep" / "down")
        watched.append()
    finally:
        os.umask(before)
    paths = list((directory / "deep" / "down").rglob("*"))
    assert {_mode(path) for path in paths if path.is_dir()} == {0o700}
    files = [path for path in paths if path.is_file()]
    assert {path.suffix for path in files} == {".lock", ".spool1"}
    assert {_mode(path) for path in files} == {0o600}
    assert _mode(directory / "deep" / "down") == 0o700


@pytest.mark.parametrize("mode", [0o755, 0o777, 0o1777, 0o750])
def test_a_wide_directory_is_used_through_a_narrow_one(
    spool: Callable[..., Watched], directory: Path, mode: int
) -> None:
    """Its own rights are the user's business."""
    directory.mkdir()
    directory.chmod(mode)
    watched = spool()
    watched.append()
    assert watched.spool.usable
    assert _mode(directory) == mode
    assert [_mode(path) for path in directory.iterdir()] == [0o700]


def test_our_subdirectory_is_made_narrow_again(
    spool: Callable[..., Watched], directory: Path
) -> None:
    """Somebody's ``chmod -R`` is undone where telemetry lies."""
    spool().spool.close()
    _sub(directory).chmod(0o755)
    spool()
    assert _mode(_sub(directory)) == 0o700


@as_root
def test_every_user_has_an_own_one(spool: Callable[..., Watched], public: Path) -> None:
    """Two users who share the setting do not get into each other's way."""
    root = spool(where=public)
    root.append(body=b"root")
    with _user(NOBODY):
        nobody = spool(where=public)
        nobody.append(body=b"nobody")
        assert nobody.bodies() == [b"nobody"]
        nobody.spool.close()
    assert root.bodies() == [b"root"]


@as_root
def test_a_subdirectory_of_another_user_is_refused(
    spool: Callable[..., Watched], public: Path
) -> None:
    """It was put there before us: what is in it would be that user's to read."""
    with _user(NOBODY):
        (public / "otlp-0").mkdir(0o777)
    watched = spool(where=public)
    assert not watched.spool.usable
    assert watched.spool.append("logs", b"secret", 1) is False
    assert "another user" in watched.said[0]
    assert list((public / "otlp-0").iterdir()) == []


@as_root
def test_a_link_of_another_user_is_refused(
    spool: Callable[..., Watched], public: Path, tmp_path: Path
) -> None:
    """For the directory itself too; one that we or root made is the admin's way."""
    with _user(NOBODY):
        (public / "theirs").symlink_to(tmp_path)
    refused = spool(where=public / "theirs")
    assert not refused.spool.usable
    assert list(tmp_path.iterdir()) == []
    (public / "ours").symlink_to(tmp_path)
    watched = spool(where=public / "ours")
    watched.append(body=b"body")
    assert watched.bodies() == [b"body"]


def test_a_link_in_place_of_our_subdirectory_is_refused(
    spool: Callable[..., Watched], directory: Path, tmp_path: Path
) -> None:
    """It could lead anywhere."""
    (tmp_path / "elsewhere").mkdir()
    directory.mkdir()
    _sub(directory).symlink_to(tmp_path / "elsewhere")
    watched = spool()
    assert not watched.spool.usable
    assert len(watched.said) == 1
    assert list((tmp_path / "elsewhere").iterdir()) == []


@as_root
def test_a_directory_without_rights_is_one_line(
    spool: Callable[..., Watched], public: Path
) -> None:
    """An ordinary user with a directory of somebody else's."""
    public.chmod(0o755)
    with _user(NOBODY):
        watched = spool(where=public)
        inside = spool(where=public / "more")
        assert not watched.spool.usable
        assert not inside.spool.usable
        assert watched.spool.append("logs", b"body", 1) is False
        assert watched.spool.oldest() is None
    assert ["Permission denied" in line for line in watched.said + inside.said] == [True, True]


def _link(segment: Path, target: Path) -> None:
    target.write_bytes(segment.read_bytes())
    segment.unlink()
    segment.symlink_to(target)


def _pipe(segment: Path, target: Path) -> None:
    target.write_bytes(b"")
    segment.unlink()
    os.mkfifo(segment)


def _directory(segment: Path, target: Path) -> None:
    target.write_bytes(b"")
    segment.unlink()
    segment.mkdir()


@pytest.mark.parametrize("trick", [_link, _pipe, _directory])
def test_what_is_no_file_is_no_segment(
    spool: Callable[..., Watched],
    segments: Callable[[], list[Path]],
    tmp_path: Path,
    trick: Callable[[Path, Path], None],
) -> None:
    """A link, a pipe or a directory under its name: neither read, nor waited for, nor removed."""
    first = spool()
    first.append(body=b"body")
    die(first)
    trick(segments()[0], tmp_path / "target")
    before = (tmp_path / "target").read_bytes()
    second = spool()
    assert second.spool.oldest() is None
    assert (tmp_path / "target").read_bytes() == before


@pytest.mark.parametrize("trick", [_link, _pipe, _directory])
def test_what_was_exchanged_while_we_run_is_not_followed(
    spool: Callable[..., Watched],
    segments: Callable[[], list[Path]],
    tmp_path: Path,
    trick: Callable[[Path, Path], None],
) -> None:
    """Between seeing it and opening it."""
    watched = spool(segment_bytes=100)
    watched.append(body=b"first", items=3)
    watched.append(body=b"second")
    trick(segments()[0], tmp_path / "target")
    before = (tmp_path / "target").read_bytes()
    assert watched.bodies() == [b"second"]
    assert watched.lost == [("traces", 3, True, "spool_corrupt")]
    assert (tmp_path / "target").read_bytes() == before


@pytest.mark.parametrize("trick", [_link, _pipe, _directory])
def test_a_lock_that_is_no_file_holds_up_nobody(
    spool: Callable[..., Watched],
    directory: Path,
    tmp_path: Path,
    trick: Callable[[Path, Path], None],
) -> None:
    """Its segments stay where they are; everything else goes on."""
    first = spool()
    first.append(body=b"body")
    die(first)
    (lock,) = directory.rglob("*.lock")
    trick(lock, tmp_path / "target")
    second = spool()
    assert second.spool.oldest() is None
    second.append(body=b"own")
    assert second.bodies() == [b"own"]
    assert second.said == []


@as_root
def test_a_segment_of_another_user_is_not_read(
    spool: Callable[..., Watched], segments: Callable[[], list[Path]]
) -> None:
    """We did not write it."""
    first = spool()
    first.append(body=b"body")
    die(first)
    os.chown(segments()[0], NOBODY, -1)
    assert spool().spool.oldest() is None
    assert segments()[0].stat().st_size > framing.HEAD_SIZE


def test_other_files_are_let_alone(spool: Callable[..., Watched], directory: Path) -> None:
    """A segment of a later version, or whatever somebody put there."""
    spool().spool.close()
    names = [
        "01795375337076282-traces-040dc70aa8668099.9572f0e6b7b345f2.spool2",
        "01795375337076282-smells-040dc70aa8668099.9572f0e6b7b345f2.spool1",
        "notes.txt",
        "x.lock",
    ]
    for name in names:
        (_sub(directory) / name).write_text("theirs")
    watched = spool()
    watched.append()
    watched.drain()
    watched.spool.close()
    assert sorted(path.name for path in _sub(directory).iterdir()) == sorted(names)
