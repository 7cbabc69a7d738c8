"""``stack up --processes`` and its neighbours, with stand-ins for the servers."""

from __future__ import annotations

import json
import sys

import pytest

from pepperpy_otel import cli
from pepperpy_otel.stack import files
from pepperpy_otel.stack.daemon import Daemon, start_of
from tests import ports
from tests.stack.conftest import pids

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="processes are for Linux and macOS")

NAMES = ["jaeger", "prometheus", "loki", "collector"]


def test_up_and_down(up, directory, free_ports, capsys):
    """From nothing to a stack that is ready, and back to no process; the data is kept."""
    assert cli.main(up) == 0

    out = capsys.readouterr().out
    assert out.startswith("The stack is up (started: jaeger, prometheus, loki, collector).\n")
    assert f"Jaeger            http://127.0.0.1:{free_ports['jaeger']}\n" in out
    assert "There is no Grafana in this stack: no program of it was found." in out
    running = pids(directory)
    assert list(running) == NAMES
    assert cli.main(["stack", "status"]) == 0
    rows = [line.split() for line in capsys.readouterr().out.splitlines()[1:]]
    assert rows == [
        ["jaeger", "healthy", "1.2.3", f"http://127.0.0.1:{free_ports['jaeger']}"],
        ["prometheus", "healthy", "1.2.3", f"http://127.0.0.1:{free_ports['prometheus']}"],
        ["loki", "healthy", "1.2.3", f"http://127.0.0.1:{free_ports['loki']}"],
        ["collector", "healthy", "1.2.3", f"http://127.0.0.1:{free_ports['otlp-http']}"],
    ]
    (directory / "data" / "loki" / "chunk").write_text("kept")

    assert cli.main(["stack", "down"]) == 0

    assert capsys.readouterr().out == f"The stack is down; its data is kept ({directory}).\n"
    assert [start_of(pid) for pid in running.values()] == [None] * 4
    assert (directory / "data" / "loki" / "chunk").read_text() == "kept"
    assert cli.main(["stack", "down"]) == 1  # nothing was started here any more, and no engine


def test_the_servers_are_told_what_was_chosen(up, directory, monkeypatch):
    """Retention, sizes and the rest reach them, as in containers."""
    monkeypatch.setenv("STACK_METRICS_RETENTION", "90d")
    monkeypatch.setenv("STACK_TRACES_RETENTION", "2d")
    monkeypatch.setenv("STACK_FLUSH_INTERVAL", "1s")

    cli.main(up)

    def plan(name):
        return json.loads(Daemon(name, directory).known().plan)

    assert "--storage.tsdb.retention.time=90d" in plan("prometheus")[0]
    assert plan("jaeger")[1]["JAEGER_TRACES_RETENTION"] == "48h"
    assert plan("loki")[1]["LOKI_LOGS_RETENTION"] == "168h"
    assert plan("collector")[1]["COLLECTOR_FLUSH_INTERVAL"] == "1s"
    assert "OTEL_RESOURCE_ATTRIBUTES" not in plan("collector")[1]


def test_up_again(up, directory, capsys):
    """What runs as it should is left alone."""
    cli.main(up)
    before = pids(directory)
    capsys.readouterr()

    assert cli.main(up) == 0

    assert pids(directory) == before
    assert capsys.readouterr().out.startswith("The stack is up (everything ran already).")


def test_up_starts_what_has_ended(up, directory, capsys, kill):
    """Only that."""
    cli.main(up)
    before = pids(directory)
    record = Daemon("loki", directory).running()
    kill(record.pid, record.started)
    capsys.readouterr()
    assert cli.main(["stack", "status"]) == 1
    assert "loki        stopped" in capsys.readouterr().out

    assert cli.main(up) == 0

    assert capsys.readouterr().out.startswith("The stack is up (started: loki).")
    after = pids(directory)
    assert {name for name in NAMES if after[name] != before[name]} == {"loki"}


def test_up_starts_again_what_is_to_run_otherwise(up, directory, monkeypatch, capsys):
    """A setting of one is no reason to stop the others."""
    cli.main(up)
    before = pids(directory)
    monkeypatch.setenv("STACK_METRICS_RETENTION", "1d")
    capsys.readouterr()

    assert cli.main(up) == 0

    assert capsys.readouterr().out.startswith("The stack is up (started: prometheus).")
    assert start_of(before["prometheus"]) is None


def test_up_after_an_upgrade(up, directory, monkeypatch, capsys):
    """Other configurations: all of them are started again."""
    cli.main(up)
    monkeypatch.setattr(files, "digest", lambda: "other")
    capsys.readouterr()

    assert cli.main(up) == 0
    assert "(started: jaeger, prometheus, loki, collector)." in capsys.readouterr().out


def test_with_grafana_and_alertmanager(up, every_program, directory, free_ports, capsys):
    """They are started where they are found, and the password is generated."""
    assert cli.main(up) == 0
    assert "its password tells: pepperpy-otel stack password" in capsys.readouterr().out

    assert cli.main(["stack", "password"]) == 0

    password = capsys.readouterr().out.strip()
    assert (directory / "secrets" / "grafana_password").read_text() == password
    command, env, _ = json.loads(Daemon("grafana", directory).known().plan)
    assert password not in repr([command, env])
    cli.main(["stack", "urls", "--json"])
    shown = json.loads(capsys.readouterr().out)
    assert shown["alertmanager"] == f"http://127.0.0.1:{free_ports['alertmanager']}"
    assert "shop" not in shown


def test_the_token_of_applications(up, directory, monkeypatch, capsys):
    """With STACK_OTLP_AUTH the Collector reads a second file, which names the token's."""
    monkeypatch.setenv("STACK_OTLP_AUTH", "on")
    cli.main(up)
    capsys.readouterr()

    assert cli.main(["stack", "password", "--otlp"]) == 0

    token = directory / "secrets" / "otlp_token"
    assert capsys.readouterr().out.strip() == token.read_text()
    command, *_ = json.loads(Daemon("collector", directory).known().plan)
    file = directory / command[-1].removeprefix("--config=")
    assert command[-2].endswith("collector-local.yaml")
    assert "filename: secrets/otlp_token " in file.read_text()
    assert "/run/stack" not in file.read_text()


def test_no_password(up, capsys):
    """Without Grafana there is none, and that is said."""
    cli.main(up)
    capsys.readouterr()

    assert cli.main(["stack", "password"]) == 1
    assert "there is no password: no Grafana runs" in capsys.readouterr().err


def test_not_waiting(up, monkeypatch, capsys):
    """--no-wait leaves them to themselves."""
    monkeypatch.setenv("STANDIN_DEAF", "jaeger")

    assert cli.main([*up, "--no-wait"]) == 0
    assert capsys.readouterr().out.startswith("The stack is starting (started: jaeger, ")


def test_down_with_the_data(up, directory, capsys):
    """--volumes removes what the stack has made, and nothing else that lies there."""
    cli.main(up)
    mine = [directory / name for name in ("mine.txt", "data/mine.csv", "logs/mine.log")]
    for path in mine:
        path.write_text("")

    assert cli.main(["stack", "down", "--volumes", "--yes"]) == 0

    assert "its data is removed" in capsys.readouterr().out
    left = [path for path in directory.rglob("*") if not path.is_dir()]
    assert sorted(left) == sorted([directory / "lock", *mine])
    assert sorted(path.name for path in directory.iterdir()) == ["data", "lock", "logs", "mine.txt"]


def test_two_stacks(up, directory, tmp_path, free_ports, monkeypatch, capsys):
    """With other published ports a second one lives beside the first, each with its own data."""
    cli.main(up)
    before = pids(directory)
    unused = {"jaeger": "shop", "prometheus": "agent-otlp-grpc", "loki": "alertmanager"}
    for name, other in unused.items():
        monkeypatch.setenv(f"STACK_{name.upper()}_PORT", str(free_ports[other]))
    names = ("otlp-grpc", "otlp-http", "collector-health")
    numbers = ports.free_ports(3)
    extra = [f"--port={name}={number}" for name, number in zip(names, numbers, strict=True)]
    other = tmp_path / "other one"

    assert cli.main([*up, *extra, "--directory", str(other)]) == 0

    assert set(pids(other).values()).isdisjoint(before.values())
    out = capsys.readouterr().out
    assert f"pepperpy-otel stack down --directory '{other}'" in out
    assert cli.main(["stack", "down", "--directory", str(other)]) == 0
    assert pids(directory) == before
