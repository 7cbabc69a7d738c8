"""The package as users get it: what is in the wheel, and what it can be installed beside."""

import json
import os
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Sequence
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow

REPOSITORY = Path(__file__).resolve().parents[1]
VERSIONS = ("3.10", "3.13")
#: Instrumentations that one command has to install beside us, with their libraries.
BESIDE = ("fastapi", "flask", "django", "requests", "httpx", "sqlite3", "sqlalchemy", "celery")
LIBRARIES = ("fastapi", "flask", "django", "requests", "httpx", "sqlalchemy", "celery")


def run(*command: str | Path, directory: Path, **environment: str) -> str:
    """Run to the end, and give the output.

    Raises:
        AssertionError: It failed; with all that it said.
    """
    # Neither the checkout nor the settings of whoever runs the tests may be seen.
    inherited = {
        name: value
        for name, value in os.environ.items()
        if name != "PYTHONPATH" and not name.startswith(("OTEL_", "PEPPERPY_OTEL_", "COVERAGE_"))
    }
    done = subprocess.run(
        command,
        cwd=directory,
        env={**inherited, "PIP_DISABLE_PIP_VERSION_CHECK": "1", **environment},
        capture_output=True,
        text=True,
        timeout=170,
        check=False,
    )
    assert done.returncode == 0, f"{command}\n{done.stdout[-2000:]}\n{done.stderr[-4000:]}"
    return done.stdout


def interpreter(version: str) -> str:
    """An interpreter of this version, found as .ci/run does: asked, not trusted by its name."""
    pyenv = Path.home() / ".pyenv" / "versions"
    candidates = [
        sys.executable,
        shutil.which(f"python{version}") or "",
        *map(str, sorted(pyenv.glob(f"{version}.*/bin/python"))),
        f"/usr/local/bin/python{version}",
    ]
    question = 'import sys; print("%d.%d" % sys.version_info[:2])'
    for candidate in candidates:
        if candidate and Path(candidate).exists():
            answer = subprocess.run(
                [candidate, "-c", question], capture_output=True, text=True, check=False
            )
            if answer.stdout.strip() == version:
                return candidate
    pytest.skip(f"no Python {version} on this machine")


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel, built from this checkout."""
    directory = tmp_path_factory.mktemp("dist")
    build = ("-m", "build", "--wheel", "--no-isolation", "--outdir", directory, REPOSITORY)
    run(sys.executable, *build, directory=directory)
    (built,) = directory.glob("*.whl")
    return built


def environment(python: str, directory: Path) -> Path:
    """A clean virtual environment: its interpreter."""
    run(python, "-m", "venv", directory / "venv", directory=directory)
    return directory / "venv" / "bin" / "python"


def resolve(python: Path, requirements: Sequence[str], directory: Path) -> dict[str, str]:
    """What one pip command would install: versions by name."""
    report = directory / "report.json"
    run(
        *(python, "-m", "pip", "install", "--quiet", "--dry-run", "--ignore-installed"),
        *("--report", report),
        *requirements,
        directory=directory,
    )
    return {
        item["metadata"]["name"].lower().replace("_", "-"): item["metadata"]["version"]
        for item in json.loads(report.read_text())["install"]
    }


@pytest.mark.parametrize("version", VERSIONS)
def test_one_pip_command_resolves_beside_the_instrumentations(
    version: str, wheel: Path, tmp_path: Path
) -> None:
    """Ours, eight instrumentations and their libraries: one command, one set of versions."""
    instrumentations = [f"opentelemetry-instrumentation-{name}" for name in BESIDE]
    python = environment(interpreter(version), tmp_path)

    chosen = resolve(python, [str(wheel), *instrumentations, *LIBRARIES], tmp_path)

    assert {"pepperpy-otel", *instrumentations, *LIBRARIES} <= chosen.keys()
    # The API, the SDK and the exporter are one release; contrib's is the beta of the same.
    release = chosen["opentelemetry-api"]
    assert chosen["opentelemetry-sdk"] == chosen["opentelemetry-exporter-otlp"] == release
    betas = {chosen[name] for name in instrumentations}
    assert betas == {chosen["opentelemetry-instrumentation"]}


def test_the_wheel_has_one_import_name_and_all_its_data(wheel: Path) -> None:
    """Code, type marker, Collector configuration and the shop lie in ``pepperpy_otel/``."""
    names = zipfile.ZipFile(wheel).namelist()
    top = {name.partition("/")[0] for name in names}
    expected = {
        "pepperpy_otel/py.typed",
        *(
            f"pepperpy_otel/{path.relative_to(REPOSITORY)}"
            for directory in ("collector-config", "examples/shop")
            for path in (REPOSITORY / directory).rglob("*")
            if path.is_file() and "__pycache__" not in path.parts
        ),
    }

    assert sorted(name for name in top if not name.endswith(".dist-info")) == ["pepperpy_otel"]
    assert len(top) == 2
    assert expected <= set(names)
    assert {"pepperpy_otel/collector-config/collector.yaml", "pepperpy_otel/py.typed"} <= expected
    ours = [name for name in names if "/collector-config/rules/tests/" not in name]  # of promtool
    assert not [name for name in ours if "__pycache__" in name or "tests" in name.split("/")]


SCRIPT = """
import pathlib, pepperpy_otel
assert "site-packages" in pepperpy_otel.__file__, pepperpy_otel.__file__
with pepperpy_otel.configure("clean", traces="console", metrics=False, logs=False) as telemetry:
    with pepperpy_otel.get_tracer("app").start_as_current_span("installed"):
        pass
    assert telemetry.force_flush()
package = pathlib.Path(pepperpy_otel.__file__).parent
assert (package / "examples" / "shop" / "storefront.py").is_file()
assert (package / "collector-config" / "collector.yaml").is_file()
"""


def test_the_wheel_works_in_a_clean_environment(wheel: Path, tmp_path: Path) -> None:
    """Installed by pip and nothing else: imported, configured, called by its command."""
    python = environment(sys.executable, tmp_path)
    pip_install = ("-m", "pip", "install", "--quiet", "--no-compile")
    run(python, *pip_install, str(wheel), directory=tmp_path)
    (tmp_path / "app.py").write_text(SCRIPT)
    command = python.parent / "pepperpy-otel"

    assert '"name": "installed"' in run(python, "app.py", directory=tmp_path)
    version_line = run(command, "--version", directory=tmp_path).split()
    assert version_line[0] == "pepperpy-otel"
    assert version_line[1] == wheel.name.split("-")[1]
    launched = run(command, "run", python, "-c", "print('ran')", directory=tmp_path)
    assert launched == "ran\n"
    run(python, "-m", "pip", "check", directory=tmp_path)
