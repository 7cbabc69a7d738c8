"""Health as configure() puts it up: a port of its own, on and off, rollback, forks."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

import pytest

import pepperpy_otel
from pepperpy_otel import health
from tests.health.telemetry import (
    db,
    get,
    points,
    states,
    wait_for,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from pepperpy_otel.telemetry import Telemetry

    Configure = Callable[..., Telemetry]


__all__ = ["db"]  # the fixture of the tests below


def test_the_port_of_its_own(configure: Configure, db: list[Any]) -> None:
    """Probes are answered on the real port; details need the token; stop closes it."""
    os.environ["PEPPERPY_OTEL_HEALTH_TOKEN"] = "t0ken"
    telemetry = configure(health_port=0)
    telemetry.health.run(5.0)
    assert telemetry.health.address is not None
    assert telemetry.health.address[0] == "127.0.0.1"
    assert get(telemetry, "/livez") == (200, {"status": "pass"})
    assert get(telemetry, "/readyz") == (200, {"status": "pass"})
    assert get(telemetry, "/startupz") == (503, {"status": "fail"})
    assert get(telemetry, "/healthz/none")[0] == 404
    body = get(telemetry, "/healthz", Authorization="Bearer t0ken")[1]
    assert {"db", "telemetry.pipeline"} <= set(body["checks"])
    telemetry.health.drain()
    assert get(telemetry, "/readyz")[0] == 503
    assert get(telemetry, "/livez")[0] == 200
    assert get(telemetry, "/healthz/db")[0] == 200
    telemetry.shutdown()
    assert telemetry.health.address is None


def test_a_port_that_is_taken_is_one_line(
    configure: Configure, capsys: pytest.CaptureFixture[str]
) -> None:
    """It names setting, value and fix, and everything else works."""
    import socket

    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        telemetry = configure(health_port=port)
        assert telemetry.health.address is None
    (line,) = capsys.readouterr().err.splitlines()
    assert f"health_port={port} (argument) cannot be used on localhost" in line
    assert "use another port or 0" in line
    assert telemetry.force_flush(5000)


def test_health_can_be_off(configure: Configure) -> None:
    """health=False runs nothing and opens no port."""
    telemetry = configure(health=False, health_port=0)
    assert telemetry.health.address is None
    assert points(telemetry, "health.check.status") == []


def test_health_goes_on_without_telemetry(configure: Configure, db: list[Any]) -> None:
    """OTEL_SDK_DISABLED is about telemetry: probes of Kubernetes are answered all the same."""
    os.environ["OTEL_SDK_DISABLED"] = "true"
    telemetry = configure(health_port=0)
    telemetry.health.run(5.0)
    assert get(telemetry, "/readyz") == (200, {"status": "pass"})


def test_rollback_and_once_more(configure: Configure, db: list[Any]) -> None:
    """rollback() takes the component, the token and the gauges back; a second time works."""
    first = configure()
    first.health.run(5.0)
    pepperpy_otel.rollback()
    assert "telemetry.pipeline" not in health.snapshot()
    second = configure()
    second.health.run(5.0)
    assert states(second, "db")["healthy"] == 1
    assert len(points(second, "health.check.status")) == 4 * len(health.snapshot())


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork on this system")
def test_a_forked_child_does_not_listen(configure: Configure) -> None:
    """The port is the parent's; the child has no address, and the parent goes on answering."""
    telemetry = configure(health_port=0)
    child = os.fork()
    if child == 0:
        os._exit(0 if telemetry.health.address is None else 1)
    assert os.waitpid(child, 0)[1] == 0
    assert get(telemetry, "/livez")[0] == 200


def test_the_pipelines_own_health_shows_while_the_pipe_is_broken(configure: Configure) -> None:
    """Three failures in a row are DEGRADED on the endpoint, and cut no traffic."""
    telemetry = configure(
        endpoint="http://127.0.0.1:9", health_port=0, metrics=False, shutdown_timeout_millis=100
    )
    pepperpy_otel.get_tracer("t").start_span("lost").end()
    telemetry.force_flush(100)
    wait_for(lambda: get(telemetry, "/healthz/telemetry.pipeline")[1]["status"] == "warn", 20.0)
    assert (
        "deliveries in a row failed" in telemetry.health.get_details("telemetry.pipeline")["reason"]
    )
    assert get(telemetry, "/healthz") == (200, {"status": "warn"})


def test_the_end_drains_where_telemetry_is_disabled(configure: Configure) -> None:
    """A SIGTERM says that no more work is taken, with telemetry or without."""
    os.environ["OTEL_SDK_DISABLED"] = "true"
    telemetry = configure()
    telemetry.hurry()
    assert telemetry.health.draining
