"""The last changes of all components."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pepperpy_otel.health import HealthChecker
from pepperpy_otel.health.history import LONGEST, Change, History

if TYPE_CHECKING:
    from collections.abc import Callable

    from pepperpy_otel.telemetry import Telemetry


def change(at: float, name: str = "db") -> Change:
    return Change(at, name, "healthy", "unhealthy", "refused")


def test_earlier_changes_come_before_later_ones_and_once() -> None:
    """Times that went through nanoseconds and back are the same."""
    history = History()
    assert history.restore([change(30.0), change(10.0)]) == 2
    assert history.restore([change(10.000001), change(20.0), change(10.0, "mail")]) == 2
    assert [each.at for each in history] == [10.0, 10.0, 20.0, 30.0]


def test_the_oldest_make_room() -> None:
    """It is bounded."""
    history = History()
    history.restore([change(float(number)) for number in range(LONGEST + 5)])
    assert len(history) == LONGEST
    assert next(iter(history)).at == 5.0


def test_changes_are_noted_while_telemetry_runs(configure: Callable[..., Telemetry]) -> None:
    """From the first verdict on; rollback ends it and keeps what is there."""
    import pepperpy_otel
    from tests.delivery.sinks import wait_for

    telemetry = configure(traces=False, metrics=False, logs=False)
    checker, answers = telemetry.health, [True]
    checker.changes.forget()
    checker.register("noted", lambda: answers[0], fail_after=1)
    checker.run(5.0)
    answers[0] = False
    checker.run(5.0)

    def noted() -> list[tuple[str, str]]:
        return [(each.before, each.after) for each in checker.changes if each.name == "noted"]

    wait_for(lambda: noted() == [("unknown", "healthy"), ("healthy", "unhealthy")])
    pepperpy_otel.rollback()
    checker.run(5.0)
    assert len(noted()) == 2
    checker.unregister("noted")
    checker.become_child()
    assert noted() == []
    checker.changes.forget()
    assert HealthChecker().changes is not checker.changes
