"""What is remembered between two commands, and who may read it."""

from __future__ import annotations

import re
import stat
from pathlib import Path

import pytest

from pepperpy_otel.stack import state
from pepperpy_otel.stack.errors import StackError


@pytest.mark.parametrize(
    ("environ", "place"),
    [
        ({}, "~/.local/state/pepperpy-otel/stack"),
        ({"XDG_STATE_HOME": "/var/x"}, "/var/x/pepperpy-otel/stack"),
        ({"XDG_STATE_HOME": "/var/x", "STACK_DIRECTORY": "~/mine"}, "~/mine"),
    ],
)
def test_the_directory(environ, place):
    """Where the user's state belongs, unless another one is named."""
    assert state.default_directory(environ) == Path(place).expanduser()


def test_it_is_remembered(tmp_path):
    """All of it, for this user only: a variable may hold a token."""
    known = state.State("containers", "podman", {"STACK_BIND": "::1"}, ["demo"], {"loki": 1})

    state.write(tmp_path, known)

    assert state.read(tmp_path) == known
    assert stat.S_IMODE((tmp_path / "stack.json").stat().st_mode) == 0o600
    assert [path.name for path in tmp_path.iterdir()] == ["stack.json"]


@pytest.mark.parametrize("text", [None, "", "{", "[]", '{"other": 1}'])
def test_nothing_is_remembered(tmp_path, text):
    """Neither no file nor one that another version has written stops a command."""
    if text is not None:
        (tmp_path / "stack.json").write_text(text)

    assert state.read(tmp_path) == state.State()


def test_it_is_forgotten(tmp_path):
    """Twice is harmless."""
    state.write(tmp_path, state.State("containers"))

    state.forget(tmp_path)
    state.forget(tmp_path)

    assert state.read(tmp_path) == state.State()


def test_one_command_at_a_time(tmp_path):
    """A second one is told so at once; the directory is private."""
    directory = tmp_path / "a" / "b"

    with state.locked(directory):
        with pytest.raises(StackError, match="another 'stack up' or 'stack down' is at work in"):
            with state.locked(directory):
                pass
    with state.locked(directory):
        pass
    assert stat.S_IMODE(directory.stat().st_mode) == 0o700


def test_a_directory_that_cannot_be_used(tmp_path):
    """It is named, and how to choose another one."""
    file = tmp_path / "file"
    file.write_text("")

    with pytest.raises(StackError, match=f"cannot use {re.escape(str(file))} .*--directory"):
        with state.locked(file):
            pass
