"""What a checker knows of: checks, heartbeats, names that are expected, what is built in."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from pepperpy_otel.health import builtin
from pepperpy_otel.health.aggregation import no_check
from pepperpy_otel.health.component import Checked, Derived
from pepperpy_otel.health.heartbeat import Heartbeat
from pepperpy_otel.health.history import History
from pepperpy_otel.health.notices import Notices
from pepperpy_otel.health.registration import (
    FAIL_AFTER,
    INTERVAL,
    READY,
    RECOVER_AFTER,
    check_name,
    registration,
)
from pepperpy_otel.health.scheduler import Scheduler

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from pepperpy_otel.health.component import Component
    from pepperpy_otel.health.registration import Check
    from pepperpy_otel.health.status import HealthResult, HealthVerdict


class Registry:
    """The components of one checker, and what runs their checks.

    Args:
        workers: Threads at most; each check that hangs costs one more.
    """

    def __init__(self, workers: int) -> None:
        self._components: dict[str, Component] = {}
        self._expected: dict[str, HealthVerdict] = {}
        self._notices = Notices()
        #: The last changes of all components, noted while telemetry runs.
        self.changes = History()
        self._scheduler = Scheduler(self._components, self._notices, workers)
        for component in builtin.members(lambda: self._scheduler):
            self._components[component.name] = component

    def register(
        self,
        name: str,
        check: Check,
        *,
        critical: bool = True,
        groups: Iterable[str] = (READY,),
        interval: float = INTERVAL,
        timeout: float | None = None,
        fail_after: int = FAIL_AFTER,
        recover_after: int = RECOVER_AFTER,
        local: bool | None = None,
        isolation: str | None = None,
    ) -> None:
        """Add a component.

        Args:
            name: Letters, digits, ``-``, ``_`` and ``.``.
            check: Called without arguments, sync (in a thread of ours) or async (on the event loop
                that was running at ``start()``, else on one of ours); see ``HealthResult`` for what
                it may return. Raising means unhealthy.
            critical: Whether its failure makes the whole unhealthy.
            groups: Any of ``live`` (local checks only), ``ready``, ``startup``.
            interval: Seconds between two background runs, varied by a tenth.
            timeout: Seconds that a run may take; by default the smaller of 2 and half the interval.
            fail_after: Failures in a row that make a healthy component unhealthy; it is degraded
                from the first one.
            recover_after: Successes in a row that make it healthy again.
            local: Whether the check asks nothing outside of this process; by default what an
                attribute ``local`` of the check says.
            isolation: ``"process"`` runs the check in a process of its own, killed at the timeout;
                for C libraries that hang. The check must be importable by its name.

        Raises:
            ValueError: For a bad or known name, an unknown or empty group, a dependency in
                ``live``, a timeout that is not below the interval. The first registration stays.
            TypeError: The check cannot be called.
        """
        entry = registration(
            name,
            check,
            critical=critical,
            groups=groups,
            interval=interval,
            timeout=timeout,
            fail_after=fail_after,
            recover_after=recover_after,
            local=local,
            isolation=isolation,
        )
        self._add(Checked(entry))

    def check(self, name: str, **options: Any) -> Callable[[Check], Check]:
        """Decorate a function that is to be registered as the check ``name``."""

        def decorate(function: Check) -> Check:
            self.register(name, function, **options)
            return function

        return decorate

    def expect(self, *names: str) -> None:
        """Declare components that must be covered: one without a check is UNKNOWN, not ready.

        Raises:
            ValueError: One is no name.
        """
        for name in names:
            check_name(name)
        for name in names:
            self._expected.setdefault(name, no_check())

    def heartbeat(
        self,
        name: str,
        ttl: float = 30.0,
        *,
        critical: bool = True,
        groups: Iterable[str] = (READY,),
    ) -> Heartbeat:
        """Add a component that tells itself that it lives, by ``beat()``.

        Args:
            name: As for ``register()``.
            ttl: Seconds after which a missing beat makes it unhealthy.
            critical: Whether that makes the whole unhealthy.
            groups: Any of ``live``, ``ready``, ``startup``.

        Raises:
            ValueError: As ``register()``.
        """
        beats = Heartbeat(ttl)
        entry = registration(
            *(name, beats.beat),
            critical=critical,
            groups=groups,
            interval=ttl,
            timeout=None,
            fail_after=1,
            recover_after=1,
            local=True,
            isolation=None,
        )
        look = min(5.0, ttl / 4)
        self._add(
            Derived(
                *(name, beats.judge),
                critical=critical,
                groups=entry.groups,
                interval=look,
                builtin=False,
                forget=beats.forget,
            )
        )
        return beats

    def add_builtin(
        self,
        name: str,
        judge: Callable[[], HealthResult],
        *,
        critical: bool = False,
        groups: Iterable[str] = (),
        interval: float = INTERVAL,
    ) -> None:
        """Add a component of the distro's own: judged whenever somebody asks, not counted.

        Args:
            name: As for ``register()``.
            judge: Quick, without input or output: it is called while a probe waits.
            critical: Whether it makes the whole unhealthy.
            groups: Where it counts; it is always part of the whole.
            interval: Seconds between two looks for changes.

        Raises:
            ValueError: The name is taken.
        """
        check_name(name)
        judged = builtin.from_result(judge)
        self._add(
            builtin.builtin(
                name, judged, critical=critical, groups=frozenset(groups), interval=interval
            )
        )

    def restore(self, name: str, runs: Iterable[tuple[float, str, str]]) -> bool:
        """Put runs of an earlier process before those of this one; the verdict stays what it is.

        Args:
            name: The component.
            runs: Age in seconds, result and summary of each, in any order.

        Returns:
            Whether there is a check of that name.
        """
        component = self._components.get(name)
        if not isinstance(component, Checked):
            return False
        component.machine.remember(runs, time.monotonic())
        return True

    def unregister(self, name: str) -> None:
        """Remove a component; its gauges end with it. Harmless for an unknown name."""
        with self._scheduler.lock:
            component = self._components.pop(name, None)
            if component is not None:
                self._scheduler.remove(component)

    def _add(self, component: Component) -> None:
        with self._scheduler.lock:
            if component.name in self._components:
                raise ValueError(f"health check {component.name!r} is registered already")
            self._components[component.name] = component
            self._scheduler.add(component)
        self._scheduler.ensure()
