"""Who installs from PyPI has the whole stack: its files are in the wheel, and are found there."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow

REPOSITORY = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def installed(tmp_path_factory):
    """The wheel's content, where an installation would put it."""
    directory = tmp_path_factory.mktemp("wheel")
    build = ("-m", "build", "--wheel", "--no-isolation", "--outdir", directory, REPOSITORY)
    subprocess.run([sys.executable, *build], check=True, capture_output=True, timeout=170)
    (wheel,) = directory.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(directory / "site")
    return directory / "site"


def test_the_commands_work_there(installed, tmp_path):
    """``stack urls`` needs the compose file's directory; ``--processes`` the build script."""

    def run(*arguments):
        return subprocess.run(
            [sys.executable, "-m", "pepperpy_otel.cli", "stack", *arguments],
            env={
                **{k: v for k, v in os.environ.items() if not k.startswith(("STACK_", "COVER"))},
                "PYTHONPATH": str(installed),
                "STACK_DIRECTORY": str(tmp_path / "state"),
                "PEPPERPY_OTEL_SERVER_CACHE": str(tmp_path / "cache"),
                "PATH": str(tmp_path),
            },
            cwd=tmp_path,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )

    urls = run("urls")
    assert (urls.returncode, urls.stderr) == (0, "")
    assert "http://127.0.0.1:3000" in urls.stdout
    up = run("up", "--processes")
    assert up.returncode == 1
    script = installed / "pepperpy_otel" / "collector-config" / "build_servers.py"
    assert f" {script} collector jaeger prometheus loki " in up.stderr
    assert script.is_file()


def test_every_file_that_compose_mounts_is_there(installed):
    """A missing one would become an empty directory in the container."""
    text = (installed / "pepperpy_otel" / "docker-compose.yml").read_text()
    mounted = re.findall(r"^ +- (\./[^:]+):", text, re.MULTILINE)

    assert len(mounted) > 8
    assert [path for path in mounted if not (installed / "pepperpy_otel" / path).exists()] == []
