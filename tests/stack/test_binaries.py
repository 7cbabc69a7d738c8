"""The servers' programs: given, on PATH, built before, or missing."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from pepperpy_otel.stack import binaries, files
from pepperpy_otel.stack.errors import StackError
from tests.stack.conftest import play

CONFIG = files.config_directory()


def find(directory=None, environ=None):
    """All that there are."""
    return binaries.find_all(CONFIG, environ or {}, directory)


def test_those_in_a_directory(programs):
    """--binaries: each that is required, with its version."""
    found = find(programs)

    assert {name: binary.path for name, binary in found.items()} == {
        "collector": programs / "otelcol-pepperpy",
        "jaeger": programs / "jaeger",
        "prometheus": programs / "prometheus",
        "loki": programs / "loki",
    }
    assert {binary.version for binary in found.values()} == {"1.2.3"}


def test_those_that_may_be_missing_are_taken_where_they_are(every_program):
    """Grafana and Alertmanager."""
    assert {"grafana", "alertmanager"} < set(find(every_program))


def test_those_on_path(programs, engines):
    """PATH is looked at when a directory lacks one; the directory comes first."""
    loki = play(engines.directory, "loki")
    jaeger = play(engines.directory, "jaeger")
    (programs / "loki").unlink()

    found = find(programs)

    assert found["loki"].path == loki
    assert found["jaeger"].path == programs / "jaeger"
    for name in ("otelcol-pepperpy", "prometheus"):
        play(engines.directory, name)
    assert find()["jaeger"].path == jaeger


def test_a_program_of_the_same_name_that_is_another(programs):
    """Debian's Prometheus has no OTLP receiver: it is not taken."""
    (programs / "prometheus").write_text("#!/bin/sh\necho --web.listen-address\n")

    with pytest.raises(StackError, match="no program for prometheus that this stack can use"):
        find(programs)


def test_one_that_a_variable_names(programs, tmp_path):
    """PEPPERPY_OTEL_LOKI_BINARY comes before everything."""
    mine = play(tmp_path, "loki")

    assert find(programs, {"PEPPERPY_OTEL_LOKI_BINARY": str(mine)})["loki"].path == mine


def test_a_variable_that_names_another_program(programs):
    """It is wrong use, and nothing else is taken instead."""
    environ = {"PEPPERPY_OTEL_LOKI_BINARY": str(programs / "jaeger")}

    with pytest.raises(StackError, match=r"PEPPERPY_OTEL_LOKI_BINARY='.*' is no loki") as error:
        find(programs, environ)

    assert error.value.status == 2


def test_what_was_built_before(programs, engines):
    """The build script's cache is found, and knows the version that its program does not say."""
    builder = binaries._load(CONFIG / "build_servers.py")
    for name in ("prometheus", "jaeger"):
        (programs / name).unlink()
        server = builder.SERVERS[name]
        home = builder.cache_root() / server.directory("go1.26.8")
        home.mkdir(parents=True)
        for path in server.paths(home).values():
            path.write_text(f"#!/bin/sh\necho {name}, version '(branch: , go version: go1.26.8)'\n")
            path.chmod(0o755)

    found = find(programs)

    assert found["prometheus"].path.parent.parent == builder.cache_root()
    assert found["prometheus"].version == binaries.RELEASES["prometheus", "0.315.0"]
    assert found["jaeger"].version == "2.13.0"


def test_a_version_that_nobody_knows(programs):
    """It is left empty."""
    (programs / "loki").write_text("#!/bin/sh\necho config.expand-env\n")

    assert find(programs)["loki"].version == ""


def test_missing_ones(engines):
    """All of them in one line, with the command that builds them; it is there."""
    with pytest.raises(StackError) as error:
        find()

    line = str(error.value)
    script = CONFIG / "build_servers.py"
    assert line.startswith("no program for collector, jaeger, prometheus, loki that this stack can")
    assert f"build with Go: {sys.executable} {script} collector jaeger prometheus loki (or" in line
    assert "PEPPERPY_OTEL_COLLECTOR_BINARY=FILE" in line
    assert script.is_file()


def test_an_installation_without_the_build_script(engines, tmp_path, monkeypatch):
    """That is said, and no half-loaded module is left."""
    monkeypatch.delitem(sys.modules, "pepperpy_otel_build_servers", raising=False)

    with pytest.raises(StackError, match=r"cannot read .*build_servers\.py: No such file"):
        binaries.find_all(Path(tmp_path), {}, None)

    assert "pepperpy_otel_build_servers" not in sys.modules


def test_a_server_that_the_build_script_does_not_know(engines, monkeypatch):
    """Grafana cannot be built: it is only looked for."""
    builder = binaries._load(CONFIG / "build_servers.py")

    assert "grafana" not in builder.SERVERS
