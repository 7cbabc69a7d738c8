"""Where the stack's files are found."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import pytest

from pepperpy_otel.stack import files
from pepperpy_otel.stack.errors import StackError


@pytest.fixture
def package(tmp_path, monkeypatch):
    """An installation of the package somewhere else."""
    package = tmp_path / "site-packages" / "pepperpy_otel"
    package.mkdir(parents=True)
    monkeypatch.setattr(files, "PACKAGE", package)
    return package


def lay(directory):
    """Put the stack's files there."""
    (directory / "docker-compose.yml").write_text("")
    (directory / "_version.py").write_text("")
    (directory / "collector-config" / "rules").mkdir(parents=True)
    (directory / "collector-config" / "rules" / "a.yaml").write_text("1")
    (directory / "examples" / "shop").mkdir(parents=True)
    (directory / "examples" / "shop" / "Dockerfile").write_text("")


def test_in_this_checkout():
    """They are at the top level, or in the package when the tests run on an installed one."""
    assert files.compose_file(Path("unused")).is_file()
    assert (files.config_directory() / "collector-local.yaml").is_file()


def test_in_a_wheel(package):
    """They are in the package, and what lies beside it is somebody else's."""
    lay(package)
    lay(package.parent)

    assert files.home() == package


def test_in_a_checkout(package):
    """They are beside the package."""
    lay(package.parent)

    assert files.compose_file(Path("unused")) == package.parent / "docker-compose.yml"


def test_where_the_engine_does_not_see_it(package, tmp_path, monkeypatch):
    """macOS, outside the home directory: a copy that is made anew each time."""
    lay(package)
    monkeypatch.setattr(sys, "platform", "darwin")
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    directory = tmp_path / "home" / "state"
    (directory / "files" / "collector-config" / "gone").mkdir(parents=True)

    file = files.compose_file(directory)

    assert file == directory / "files" / "docker-compose.yml"
    assert sorted(path.name for path in file.parent.rglob("*") if path.is_file()) == [
        "Dockerfile",
        "_version.py",
        "a.yaml",
        "docker-compose.yml",
    ]
    assert not (file.parent / "collector-config" / "gone").exists()


@pytest.mark.parametrize(("platform", "where"), [("darwin", "."), ("linux", "elsewhere")])
def test_where_the_engine_sees_it(package, tmp_path, monkeypatch, platform, where):
    """Nothing is copied in the home directory, nor on Linux."""
    lay(package)
    monkeypatch.setattr(sys, "platform", platform)
    monkeypatch.setenv("HOME", str(tmp_path / where))

    assert files.compose_file(tmp_path / "state") == package / "docker-compose.yml"
    assert not (tmp_path / "state").exists()


def test_the_digest(package):
    """It changes with what the servers read, and with nothing else."""
    lay(package)
    before = files.digest()
    (package / "collector-config" / "notes.md").write_text("2")
    assert files.digest() == before

    (package / "collector-config" / "rules" / "a.yaml").write_text("2")

    assert files.digest() != before


def test_nowhere(package):
    """The installation is said to be broken, with its place."""
    with pytest.raises(
        StackError, match=f"missing from this installation .{re.escape(str(package))}"
    ):
        files.home()
