"""collector-config/build_servers.py, with a Go command that only pretends."""

import os
import re
import signal
import sys
from pathlib import Path

import pytest

from tests.collector_config.fake_go import FakeGo
from tests.integration.locate import CONFIG, load_build_servers
from tests.integration.readback import eventually

builder = load_build_servers()

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="servers run on Linux and macOS")


@pytest.fixture
def go(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> FakeGo:
    """A fake Go first on PATH, an empty cache."""
    fake = FakeGo(tmp_path)
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.setenv("FAKE_GO_DIR", str(tmp_path))
    monkeypatch.setenv("PEPPERPY_OTEL_SERVER_CACHE", str(fake.cache))
    for name in ("GOFLAGS", "GOCACHE", "GOMODCACHE", "GOSUMDB"):
        monkeypatch.delenv(name, raising=False)
    return fake


def test_builds_and_prints_where_the_server_is(
    go: FakeGo, capsys: pytest.CaptureFixture[str]
) -> None:
    """The path of the binary follows its name on stdout; progress goes to stderr."""
    assert builder.main(["collector"]) == 0

    out, err = capsys.readouterr()
    name, path = out.split()
    assert name == "collector"
    assert Path(path).read_text() == "collector\n"
    assert Path(path).parent.parent == go.cache
    assert "collector 0.158.0: built in " in err
    assert go.left_over() == []


def test_a_second_run_only_looks(go: FakeGo, capsys: pytest.CaptureFixture[str]) -> None:
    """What is in the cache is printed without building, and without a word on stderr."""
    builder.main(["collector"])
    first = capsys.readouterr().out
    built = go.calls

    assert builder.main(["collector"]) == 0
    assert capsys.readouterr() == (first, "")
    assert go.calls == built


def test_without_names_all_are_built(go: FakeGo, capsys: pytest.CaptureFixture[str]) -> None:
    """The binaries of every server; promtool comes with Prometheus."""
    assert builder.main([]) == 0

    found = dict(line.split(maxsplit=1) for line in capsys.readouterr().out.splitlines())
    assert list(found) == ["collector", "prometheus", "promtool", "jaeger", "loki", "compose"]
    assert all(Path(path).is_file() for path in found.values())


def test_prometheus_is_built_with_the_committed_go_sum(go: FakeGo) -> None:
    """go.mod and go.sum of collector-config/servers/prometheus decide what goes in."""
    found = builder.ensure(["prometheus"])

    pins = CONFIG / "servers" / "prometheus"
    assert found["prometheus"].read_text() == (pins / "go.mod").read_text()
    assert found["promtool"].read_text() == (pins / "go.sum").read_text()


@pytest.mark.parametrize(
    ("name", "module", "version"),
    [
        ("loki", "github.com/grafana/loki/v3", builder.LOKI_VERSION),
        ("compose", "github.com/docker/compose/v5", builder.COMPOSE_VERSION),
        ("prometheus", "github.com/prometheus/prometheus", builder.PROMETHEUS_VERSION),
    ],
)
def test_the_committed_go_mod_has_the_version_that_the_script_names(
    go: FakeGo, name: str, module: str, version: str
) -> None:
    """What is built is what the cache directory is called after."""
    built = builder.ensure([name])[name].read_text()

    assert re.search(rf"^\t{module} v{version}( |$)", built, re.MULTILINE)


def test_jaeger_is_built_from_a_writable_copy_of_its_module(go: FakeGo) -> None:
    """Go's module cache is read-only; the copy is not, and is gone afterwards."""
    found = builder.ensure(["jaeger"])

    assert go.calls[0] == f"mod download -json {builder.JAEGER}"
    assert found["jaeger"].stat().st_mode & 0o200
    assert go.left_over() == []


def test_a_failing_build_is_one_clear_line(
    go: FakeGo, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """It says what failed and its last words, and names the log that has the rest."""
    monkeypatch.setenv("FAKE_GO_FAILS", "module lookup disabled")

    assert builder.main(["collector"]) == 1

    out, err = capsys.readouterr()
    log = go.cache / "collector-0.158.0.log"
    assert out == ""
    assert err.splitlines()[-1] == (
        f"error: collector 0.158.0: 'go run {builder.BUILDER}' failed with exit status 3: "
        f"go: module lookup disabled (log: {log})"
    )
    assert log.read_text() == "go: downloading everything\ngo: module lookup disabled\n"
    assert go.left_over() == [log.name]


def test_a_build_that_makes_nothing_is_a_failure(
    go: FakeGo, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Success without a binary is not believed."""
    monkeypatch.setenv("FAKE_GO_MAKES_NOTHING", "1")

    assert builder.main(["prometheus"]) == 1
    assert "prometheus 0.315.0: prometheus was not built (log: " in capsys.readouterr().err
    assert builder.cached("prometheus") is None


def test_an_unknown_name_is_wrong_use(go: FakeGo, capsys: pytest.CaptureFixture[str]) -> None:
    """Exit status 2, the names that there are, and nothing is built."""
    with pytest.raises(SystemExit) as exited:
        builder.main(["collector", "grafana"])

    assert exited.value.code == 2
    assert (
        "'grafana' is not a server; use collector, prometheus, jaeger, loki, compose"
        in capsys.readouterr().err
    )
    assert go.calls == []


def test_without_go_the_error_says_what_to_install(
    go: FakeGo, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """No Go is one line and exit status 1."""
    monkeypatch.setenv("PATH", str(go.directory))

    assert builder.main(["jaeger"]) == 1
    assert re.fullmatch(r"error: go is not on PATH; install Go .*\n", capsys.readouterr().err)


def test_a_go_without_a_version_is_refused(
    go: FakeGo, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A broken Go command is named."""
    monkeypatch.setenv("FAKE_GO_VERSION", "")

    assert builder.main(["jaeger"]) == 1
    assert "env GOVERSION' failed: no answer" in capsys.readouterr().err


def test_another_go_version_builds_again(go: FakeGo, monkeypatch: pytest.MonkeyPatch) -> None:
    """The key has Go's version; whoever only looks for a server takes either."""
    first = builder.ensure(["collector"])
    monkeypatch.setenv("FAKE_GO_VERSION", "go1.99.1")

    second = builder.ensure(["collector"])

    assert first["collector"] != second["collector"]
    assert builder.cached("collector") in (first, second)


def test_the_key_changes_with_what_goes_in(tmp_path: Path) -> None:
    """Another manifest, another version: another directory."""
    manifest = tmp_path / "builder.yaml"

    def key(version: str, content: str) -> str:
        manifest.write_text(content)
        server = builder.Server("collector", version, {}, (manifest,), print)
        return str(server.directory("go1.99.0"))

    assert key("1", "a") == key("1", "a")
    assert len({key("1", "a"), key("1", "b"), key("2", "a")}) == 3


def test_two_runs_build_once(go: FakeGo) -> None:
    """The second run waits for the first and uses what it made."""
    first = go.spawn("collector", FAKE_GO_BLOCKS="1")
    eventually((go.directory / "pid").exists, what="the first build")
    second = go.spawn("collector", FAKE_GO_BLOCKS="1")
    assert second.stderr is not None
    assert "another run is building it, waiting" in second.stderr.readline()

    (go.directory / "go-on").touch()
    outputs = {process.communicate(timeout=30)[0] for process in (first, second)}

    assert (first.returncode, second.returncode) == (0, 0)
    assert len(outputs) == 1
    assert len(go.calls) == 1


@pytest.mark.parametrize(
    ("number", "status"), [(signal.SIGTERM, 128 + signal.SIGTERM), (signal.SIGINT, 130)]
)
def test_an_interrupted_build_leaves_nothing(go: FakeGo, number: int, status: int) -> None:
    """Neither a half-made directory nor a Go command that works on."""
    process = go.spawn("collector", FAKE_GO_BLOCKS="1")
    eventually(lambda: (go.directory / "pid").read_text().strip(), what="the build")

    process.send_signal(number)
    process.communicate(timeout=30)

    assert process.returncode == status
    assert go.left_over() == ["collector-0.158.0.log"]
    with pytest.raises(ProcessLookupError):
        os.kill(int((go.directory / "pid").read_text()), 0)


def test_what_a_killed_run_left_is_removed(go: FakeGo) -> None:
    """The next build clears away what nobody could clean up."""
    left = go.cache / ".building-collector-x1y2"
    left.mkdir(parents=True)

    builder.ensure(["collector"])

    assert not left.exists()


def test_builds_are_static_checked_and_with_the_machine_s_caches(
    go: FakeGo, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No cgo, no workspace, no cross-compiling; the checksum database is left as it is."""
    monkeypatch.setenv("GOOS", "plan9")

    builder.ensure(["collector"])

    assert (go.env["CGO_ENABLED"], go.env["GOWORK"], go.env["GOOS"]) == ("0", "off", "")
    assert not {"GOSUMDB", "GONOSUMDB", "GOFLAGS", "GOCACHE", "GOMODCACHE"} & set(go.env)


def test_clean_go_cache_leaves_no_caches(go: FakeGo) -> None:
    """Module and build cache live inside the build's directory and go with it."""
    assert builder.main(["collector", "--clean-go-cache"]) == 0

    for name in ("GOCACHE", "GOMODCACHE"):
        assert Path(go.env[name]).is_relative_to(go.cache)
        assert not Path(go.env[name]).exists()
    assert go.env["GOFLAGS"] == "-modcacherw"


@pytest.mark.parametrize(
    ("environ", "expected"),
    [
        ({"PEPPERPY_OTEL_SERVER_CACHE": "/a", "XDG_CACHE_HOME": "/b"}, Path("/a")),
        ({"XDG_CACHE_HOME": "/b"}, Path("/b/pepperpy-otel/servers")),
        ({}, Path.home() / ".cache/pepperpy-otel/servers"),
    ],
)
def test_the_cache_is_outside_the_repository(environ: dict[str, str], expected: Path) -> None:
    """Our own variable, else the XDG one, else ~/.cache."""
    assert builder.cache_root(environ) == expected.resolve()


def test_the_manifest_has_one_collector_version() -> None:
    """Every module in builder.yaml is of the release that the script names."""
    modules = re.findall(r"gomod: (\S+) v(\S+)", (CONFIG / "builder.yaml").read_text())

    assert len(modules) > 25
    for module, version in modules:
        stable = "/confmap/provider/" in module
        assert version == ("1.64.0" if stable else builder.COLLECTOR_VERSION), module
