from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

import pepperpy_otel
from pepperpy_otel.demo import child, services
from pepperpy_otel.demo.services import ServiceError, Services, Target
from tests.demo import make

OWN = Target("http://127.0.0.1:9", "http/protobuf", own=True)

LISTENS = """
import os, socket, sys, time
print("pepperpy_otel: something to say", file=sys.stderr)
server = socket.create_server(("127.0.0.1", int(os.environ["PORT"])))
while True:
    time.sleep(0.05)
"""
STUBBORN = "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN)" + LISTENS
BROKEN = "raise SystemExit('no room in the yard')"


@pytest.fixture
def shop(tmp_path, monkeypatch):
    """A shop whose services do what the test says, and nothing of OpenTelemetry."""
    directory = tmp_path / "shop"
    directory.mkdir()
    monkeypatch.setattr(services, "shop_directory", lambda: directory)
    monkeypatch.setattr(services, "STOP_SECONDS", 3.0)
    monkeypatch.setenv("SHOP_DATA", "elsewhere")

    def write(**scripts):
        for name in (services.STOREFRONT, services.INVENTORY):
            (directory / f"{name}.py").write_text(scripts.get(name, LISTENS))

    return write


def ended(pid):
    """Whether a process is gone."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    return False


def pids(running):
    """The processes of the services."""
    return [service._process.pid for service in running._services]


def test_services_spool_where_the_demo_keeps_its_files(tmp_path):
    """An outage of the destination costs the demo nothing."""
    running = Services(tmp_path, OWN)
    spools = {each.environment["PEPPERPY_OTEL_SPOOL_DIRECTORY"] for each in running._services}
    assert spools == {str(tmp_path / "spool")}


@pytest.mark.slow
def test_services_run_until_they_are_stopped(shop, tmp_path):
    """Both answer when start() returns, are gone when stop() does, and stop() twice is harmless."""
    shop()
    with Services(tmp_path, OWN) as running:
        assert services._listens(running.address[1])
        assert not any(ended(pid) for pid in pids(running))
    running.stop()

    assert all(ended(pid) for pid in pids(running))
    assert [line.partition(": ")[0] for line in running.complaints()].count("storefront") >= 1
    assert "storefront: pepperpy_otel: something to say" in running.complaints()


@pytest.mark.slow
def test_a_service_that_does_not_start_is_named(shop, tmp_path):
    """The error has what the service said last, and the other one is stopped."""
    shop(storefront=BROKEN)
    running = Services(tmp_path, OWN)

    with pytest.raises(ServiceError, match=r"the storefront service did not start(.|\n)*the yard"):
        running.start()

    assert all(ended(pid) for pid in pids(running))


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="needs POSIX signals")
def test_a_service_that_does_not_stop_is_killed(shop, tmp_path, monkeypatch):
    """A service that ignores the polite ways is gone all the same."""
    shop(inventory=STUBBORN)
    monkeypatch.setattr(services, "STOP_SECONDS", 0.5)
    with Services(tmp_path, OWN) as running:
        begin = time.monotonic()
    assert time.monotonic() - begin < 60

    assert all(ended(pid) for pid in pids(running))
    assert running.counts()["inventory"] is None


def test_services_that_were_never_started_have_nothing_to_say(tmp_path):
    """stop(), counts() and complaints() work before start()."""
    never = Services(tmp_path, OWN)
    never.stop()

    assert never.counts() == {"storefront": None, "inventory": None}
    assert never.complaints() == []


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="needs POSIX signals")
def test_services_end_when_the_demo_is_killed(shop, tmp_path):
    """Even kill -9 of the demo leaves no process behind."""
    shop()
    code = f"""if True:
        import os, signal
        from pathlib import Path
        from pepperpy_otel.demo import services
        services.shop_directory = lambda: Path({str(tmp_path / "shop")!r})
        target = services.Target("http://x", "grpc", True)
        running = services.Services(Path({str(tmp_path)!r}), target)
        running.start()
        print(*[service._process.pid for service in running._services], flush=True)
        os.kill(os.getpid(), signal.SIGKILL)
    """
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=120, check=False
    )

    left = [int(pid) for pid in done.stdout.split()]
    assert len(left) == 2
    deadline = time.monotonic() + 60
    while not all(ended(pid) for pid in left) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert all(ended(pid) for pid in left)


def test_environment_has_nothing_of_the_users_telemetry():
    """A production endpoint in the shell is not where the demo sends to."""
    environment = services.base_environment(
        {
            "PATH": "/bin",
            "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "https://production",
            "OTEL_EXPORTER_OTLP_HEADERS": "key=secret",
            "OTEL_SDK_DISABLED": "true",
            "PEPPERPY_OTEL_STRICT": "true",
            "SHOP_CONFIGURE": "1",
        },
        OWN,
    )

    assert environment["PATH"] == "/bin"
    assert environment["OTEL_EXPORTER_OTLP_ENDPOINT"] == OWN.endpoint
    assert environment["OTEL_EXPORTER_OTLP_PROTOCOL"] == "http/protobuf"
    assert not environment.keys() & {
        "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT",
        "OTEL_EXPORTER_OTLP_HEADERS",
        "OTEL_SDK_DISABLED",
        "PEPPERPY_OTEL_STRICT",
        "SHOP_CONFIGURE",
    }


def test_environment_for_a_collector_keeps_what_opens_its_door():
    """Headers and certificates are for --endpoint, other endpoints and protocols are not."""
    environment = services.base_environment(
        {
            "OTEL_EXPORTER_OTLP_HEADERS": "key=secret",
            "OTEL_EXPORTER_OTLP_CERTIFICATE": "ca.pem",
            "OTEL_EXPORTER_OTLP_LOGS_ENDPOINT": "https://elsewhere",
            "OTEL_EXPORTER_OTLP_LOGS_PROTOCOL": "grpc",
            "OTEL_EXPORTER_OTLP_ENDPOINT": "https://elsewhere",
            "OTEL_TRACES_SAMPLER": "always_off",
        },
        Target("https://collector:4317", "grpc", own=False),
    )

    assert {name: value for name, value in environment.items() if name.startswith("OTEL_")} == {
        "OTEL_EXPORTER_OTLP_HEADERS": "key=secret",
        "OTEL_EXPORTER_OTLP_CERTIFICATE": "ca.pem",
        "OTEL_EXPORTER_OTLP_ENDPOINT": "https://collector:4317",
        "OTEL_EXPORTER_OTLP_PROTOCOL": "grpc",
        "OTEL_METRIC_EXPORT_INTERVAL": "1000",
    }


def test_environment_sends_no_local_request_to_a_proxy():
    """A proxy of the user's goes on being used for what is not on this machine."""
    environment = services.base_environment({"no_proxy": "intranet"}, OWN)

    assert environment["no_proxy"] == "intranet,127.0.0.1,localhost"
    assert environment["NO_PROXY"] == "127.0.0.1,localhost"


@pytest.mark.parametrize("before", [{}, {"PYTHONPATH": "there"}])
def test_environment_of_a_checkout(tmp_path, monkeypatch, before):
    """From a checkout the services import this very package; PYTHONPATH keeps the rest."""
    monkeypatch.setattr(services, "PACKAGE", tmp_path / "pepperpy_otel")
    assert services.base_environment(before, OWN).get("PYTHONPATH") == before.get("PYTHONPATH")

    (tmp_path / "pyproject.toml").touch()
    paths = services.base_environment(before, OWN)["PYTHONPATH"].split(os.pathsep)
    assert paths == [str(tmp_path), *before.values()]


def test_shop_directory(tmp_path, monkeypatch):
    """The shop in the package comes before that of the repository; without one that is said."""
    package = tmp_path / "pepperpy_otel"
    monkeypatch.setattr(services, "PACKAGE", package)
    with pytest.raises(ServiceError, match="shop is missing"):
        services.shop_directory()

    (tmp_path / "examples" / "shop").mkdir(parents=True)
    assert services.shop_directory() == tmp_path / "examples" / "shop"

    (package / "examples" / "shop").mkdir(parents=True)
    assert services.shop_directory() == package / "examples" / "shop"


def test_the_shop_is_there():
    """Here, it is the one of the repository, or the one in the wheel."""
    assert (services.shop_directory() / "storefront.py").is_file()
    assert Path(pepperpy_otel.__file__).parent == services.PACKAGE


def test_counts_are_read_as_they_were_written(tmp_path):
    """What the child writes is what the demo reads."""
    written = make.stats((1, 2, 3), last_error="oops")
    path = tmp_path / "counts.json"
    path.write_text(json.dumps(child.as_json(written)))

    assert services.read_counts(path) == written


@pytest.mark.parametrize("content", [None, "", "{"])
def test_counts_that_are_not_there(tmp_path, content):
    """A service that was killed leaves none, or half of them."""
    path = tmp_path / "counts.json"
    if content is not None:
        path.write_text(content)

    assert services.read_counts(path) is None
