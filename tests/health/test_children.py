"""The gauges of a forked child: what it has had no time to find out is nobody's alarm."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Callable

    from pepperpy_otel.health import HealthChecker

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")


def test_a_child_tells_what_it_has_found_out_only(
    run_python: Callable[..., subprocess.CompletedProcess[str]],
) -> None:
    """Its first export has no UNKNOWN for what is pending; the next ones have all states again."""
    result = run_python(
        """
        import os, time
        import pepperpy_otel
        from pepperpy_otel import health
        health.register("db", lambda: True)
        health.expect("mailer")
        off = dict(traces=False, metrics="none", logs=False, instrument=False)
        telemetry = pepperpy_otel.configure("shop", **off)

        def told(metric, key):
            data = telemetry.metrics_snapshot()
            return {
                (point.attributes[key], point.attributes["health.check.state"])
                for resource in data.resource_metrics
                for scope in resource.scope_metrics
                for each in scope.metrics
                if each.name == metric
                for point in each.data.data_points
                if point.value
            }

        def checks():
            found = told("health.check.status", "health.check.name")
            return sorted(each for each in found if each[0] in ("db", "mailer"))

        def groups():
            return sorted(told("health.group.status", "health.group.name"))

        def known():
            deadline = time.monotonic() + 20
            while ("db", "healthy") not in checks() or len(groups()) < 2:
                assert time.monotonic() < deadline
                time.sleep(0.01)
            return checks(), groups()

        print(known(), flush=True)
        if not (child := os.fork()):
            print((checks(), groups()), flush=True)
            print(known(), flush=True)
            os._exit(0)
        os.waitpid(child, 0)
        pepperpy_otel.rollback()
        """,
    )
    everything = (
        "[('db', 'healthy'), ('mailer', 'unknown')], [('live', 'healthy'), ('ready', 'unknown')]"
    )
    assert result.stdout.splitlines() == [
        f"({everything})",
        "([('mailer', 'unknown')], [('live', 'healthy')])",
        f"({everything})",
    ], result.stderr


def test_who_starts_it_itself_is_no_newborn(checker: HealthChecker) -> None:
    """Only what a fork has left running is excused; start() and stop() are the process's own."""
    checker.register("db", lambda: True)
    checker.start()
    assert not checker.newborn
    checker.stop()
    checker.become_child()
    assert not checker.newborn
    checker.start()
    assert not checker.newborn
