"""Puts health to work beside the telemetry: checks, gauges, endpoints, the pipeline's own health.

Health goes on where telemetry is disabled or broken: a probe of Kubernetes does not care about
spans, and a restart because of them would be the SDK breaking the app.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pepperpy_otel import fittings
from pepperpy_otel.errors import guarded
from pepperpy_otel.health.reporter import report

if TYPE_CHECKING:
    from collections.abc import Callable

    from pepperpy_otel.health import HealthChecker
    from pepperpy_otel.ledger import Ledger
    from pepperpy_otel.telemetry import Telemetry

#: The built-in component that judges whether what we record arrives.
PIPELINE = "telemetry.pipeline"


def attend(telemetry: Telemetry, ledger: Ledger) -> None:
    """Run the checks in the background, tell what they find, and answer probes.

    Args:
        telemetry: Where it is told; its checker is the one that runs.
        ledger: Takes every change to the process.
    """
    settings, checker = telemetry.settings, telemetry.health
    if not settings.health:
        return
    with guarded("health"):
        _lend(checker, settings.health_token, ledger)
        _judge_pipeline(telemetry, ledger)
        stop = report(
            checker,
            meter_provider=telemetry.meter_provider,
            logger_provider=telemetry.logger_provider,
            tracer_provider=telemetry.tracer_provider,
            status_instrument=settings.health_status_instrument,
            spans=settings.health_spans,
        )
        ledger.record_inert("", stop)
        ledger.record_inert("", checker.subscribe(checker.changes.take))
        checker.start()
        telemetry.at_end(checker.stop)
        ledger.record("health checks in the background", checker.stop)
        if settings.health_port is not None:
            _serve(telemetry, ledger)


def _lend(checker: HealthChecker, token: str | None, ledger: Ledger) -> None:
    before, checker.token = checker.token, token

    def take_back() -> None:
        checker.token = before

    ledger.record_inert("", take_back)


def _judge_pipeline(telemetry: Telemetry, ledger: Ledger) -> None:
    """Let the checker see whether telemetry arrives; nobody hears of it through a broken pipe."""
    from pepperpy_otel.health.probes.pipeline import telemetry_pipeline

    checker = telemetry.health
    interval = max(telemetry.settings.bsp.schedule_delay, 1.0)
    checker.add_builtin(PIPELINE, telemetry_pipeline(telemetry.stats, interval=interval))
    ledger.record_inert("", lambda: checker.unregister(PIPELINE))


def _serve(telemetry: Telemetry, ledger: Ledger) -> None:
    """Listen on the port of our own; one that is taken is one line."""
    from pepperpy_otel.health import endpoints

    settings, checker = telemetry.settings, telemetry.health
    host, port = settings.health_host, settings.health_port
    server = endpoints.server(checker, host, port or 0)
    try:
        checker.address = server.start()
    except (OSError, RuntimeError) as error:  # RuntimeError: no thread can be had
        fittings.say_unusable(settings, "health_port", host, error, "the health endpoint")
        return

    def close(how: Callable[[], None]) -> None:
        checker.address = None
        how()

    telemetry.at_end(lambda: close(server.stop))
    telemetry.at_fork(lambda: close(server.close_in_child))
    ledger.record(
        "health endpoint on %s:%d" % checker.address,  # noqa: UP031
        lambda: close(server.stop),
    )
