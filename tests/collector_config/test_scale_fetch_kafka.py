"""The jars of Kafka are fetched once, and a failure is one line."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from types import ModuleType

SCRIPT = Path(__file__).resolve().parents[2] / "collector-config" / "scale" / "fetch_kafka.py"
FAKE = """#!{python}
import pathlib, sys
calls = pathlib.Path({calls!r})
calls.write_text(calls.read_text() + "call\\n" if calls.exists() else "call\\n")
if {fails}:
    sys.exit("[INFO] hello\\n[ERROR] no such artifact")
(out,) = [a.partition("=")[2] for a in sys.argv if a.startswith("-DoutputDirectory=")]
pathlib.Path(out).mkdir()
pathlib.Path(out, {jar!r}).write_text("jar")
"""


@pytest.fixture
def fetch(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """The script as a module, with a cache of its own and no Maven on PATH."""
    spec = importlib.util.spec_from_file_location("fetch_kafka_under_test", SCRIPT)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    monkeypatch.setenv("PEPPERPY_OTEL_SERVER_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    return module


def maven(fetch: ModuleType, tmp_path: Path, *, fails: bool = False) -> Path:
    """A Maven that makes the jar of the broker, or fails; the file that counts its calls."""
    calls = tmp_path / "calls"
    path = tmp_path / "bin" / "mvn"
    path.parent.mkdir()
    path.write_text(
        FAKE.format(python=sys.executable, calls=str(calls), fails=fails, jar=fetch.BROKER_JAR)
    )
    path.chmod(0o755)
    return calls


def test_once(fetch: ModuleType, tmp_path: Path) -> None:
    """The second call only looks."""
    calls = maven(fetch, tmp_path)
    assert fetch.cached() is None
    first = fetch.ensure()
    assert (first / fetch.BROKER_JAR).is_file()
    assert fetch.ensure() == first == fetch.cached()
    assert calls.read_text().count("call") == 1
    assert sorted(path.name for path in (tmp_path / "cache").iterdir()) == [
        first.name,
        "kafka.lock",
    ]


def test_failure(fetch: ModuleType, tmp_path: Path) -> None:
    """Maven's own reason is in the one line, and nothing half-fetched is left."""
    maven(fetch, tmp_path, fails=True)
    with pytest.raises(
        fetch.FetchError, match=r"^kafka .*: mvn failed: \[ERROR\] no such artifact$"
    ):
        fetch.ensure()
    assert [path.name for path in (tmp_path / "cache").iterdir()] == ["kafka.lock"]


def test_no_maven(fetch: ModuleType) -> None:
    """Without Maven the message says what to install."""
    with pytest.raises(fetch.FetchError, match="install Maven"):
        fetch.ensure()


def test_command_line(tmp_path: Path) -> None:
    """The command ends with status 1 and one line when the jars cannot be had."""
    done = subprocess.run(
        [sys.executable, str(SCRIPT)],
        env={"PATH": str(tmp_path), "PEPPERPY_OTEL_SERVER_CACHE": str(tmp_path / "cache")},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 1
    assert done.stderr.splitlines() == [
        "error: mvn is not on PATH; install Maven (https://maven.apache.org)"
    ]
