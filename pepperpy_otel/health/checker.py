"""``HealthChecker``: components, their checks, and the verdicts on them.

Every question is answered from what is known, at once: checks run in the background
(``start()``, which ``configure()`` calls) or when a round is asked for (``run()``). Only where
nobody runs the checks, ``check_all()`` has each of them run once before it answers.
"""

from __future__ import annotations

import importlib
import time
from typing import TYPE_CHECKING, Any

from pepperpy_otel.health import forks
from pepperpy_otel.health.aggregation import group_status, groups_of
from pepperpy_otel.health.registration import unknown
from pepperpy_otel.health.registry import Registry
from pepperpy_otel.health.scheduler import WORKERS
from pepperpy_otel.health.status import HealthReport, HealthStatus, worst

if TYPE_CHECKING:
    from collections.abc import Callable

    from opentelemetry.trace import SpanContext

    from pepperpy_otel.health.component import Component
    from pepperpy_otel.health.status import HealthRun, HealthVerdict, Transition

    Undo = Callable[[], None]

#: Seconds that a forced round waits by default: a probe of Kubernetes waits for one.
BUDGET = 0.085


class HealthChecker(Registry):
    """An independent set of components and checks; needs no ``configure()``.

    Args:
        workers: Threads at most; each check that hangs costs one more.
    """

    def __init__(self, *, workers: int = WORKERS) -> None:
        super().__init__(workers)
        #: Whether the process is about to end and takes no more work; see ``drain()``.
        self.draining = False
        #: Host and port where the endpoints of this checker listen, if they do.
        self.address: tuple[str, int] | None = None
        #: Bearer token with which the endpoints of this checker tell details.
        self.token: str | None = None

    def run(self, timeout: float | None = None) -> HealthReport:
        """Run every check now, side by side, and wait for those that can still end.

        A check that is within its own timeout when the round ends keeps its verdict; it goes on,
        and what it comes to counts then.

        Args:
            timeout: Seconds for the whole round, 0.085 by default.
        """
        started = time.monotonic()
        forks.follow(self)
        self._scheduler.round(BUDGET if timeout is None else max(0.0, timeout))
        verdicts = self.snapshot()
        names = {name for name, each in list(self._components.items()) if not each.builtin}
        expected = len(names.union(self._expected))
        return HealthReport(verdicts, len(names), expected, time.monotonic() - started)

    def snapshot(self) -> dict[str, HealthVerdict]:
        """The verdicts of this moment, by name; nothing is run and nothing waited for."""
        self._asked()
        now = time.monotonic()
        verdicts = {name: each.at(now) for name, each in list(self._components.items())}
        for name, verdict in list(self._expected.items()):
            verdicts.setdefault(name, verdict)
        return verdicts

    def check_all(self) -> dict[str, HealthStatus]:
        """The status of every component, by name, as it is known now.

        Where the checker was never started, what has not run yet is run first, as by ``run()``:
        within its 85 ms, and not from inside a check.
        """
        forks.follow(self)
        self._scheduler.first_round(BUDGET)
        return {name: verdict.status for name, verdict in self.snapshot().items()}

    def check_component(self, name: str) -> HealthStatus:
        """The status of one component, as it is known now.

        Raises:
            KeyError: For an unknown name, with the near ones.
        """
        return self._verdict(name)[1].status

    def get_details(self, name: str, *, redact: bool = True) -> dict[str, Any]:
        """Everything that is known of one component: status, reason, data, ages in seconds.

        Args:
            name: The component.
            redact: Whether passwords, tokens and the like are masked.

        Raises:
            KeyError: For an unknown name, with the near ones.
        """
        from pepperpy_otel.health.details import details  # its patterns take long to compile

        return details(*self._verdict(name), redact=redact)

    def group_status(self, group: str) -> HealthStatus:
        """What the endpoint of a group answers.

        Raises:
            KeyError: For a group that is unknown or has no members.
        """
        return group_status(group, self.snapshot(), draining=self.draining)

    def overall_status(self) -> HealthStatus:
        """The worst status of all; UNHEALTHY or UNKNOWN only by a critical component."""
        return worst(self.snapshot().values())

    def groups(self) -> frozenset[str]:
        """The groups that have members; ``live`` always has."""
        return groups_of(self.snapshot().values())

    def override(
        self,
        name: str,
        status: HealthStatus | None,
        reason: str = "",
        ttl: float | None = None,
    ) -> None:
        """Say what a component's verdict is, whatever its check says.

        Args:
            name: The component.
            status: ``None`` takes the override back.
            reason: One line for a person.
            ttl: Seconds for which that counts; without end by default.

        Raises:
            KeyError: For an unknown name, with the near ones.
        """
        component = self._components.get(name)
        if component is None:
            raise unknown("check", name, self._components)
        if status is None:
            component.override = None
        else:
            until = float("inf") if ttl is None else time.monotonic() + ttl
            component.say(status, reason, until)
            if ttl is not None:
                self._scheduler.look(component, until)
        self._scheduler.look(component)

    def drain(self) -> None:
        """Take no more work: ``ready`` is red until the end, verdicts and ``live`` stay.

        May be called in a signal handler: it waits for nothing.
        """
        if not self.draining:
            self.draining = True
            self._notices.drains.call()

    def start(self) -> None:
        """Run the checks in the background; harmless when they do already.

        Called where an event loop runs, asynchronous checks run on that loop from now on.
        """
        forks.follow(self)
        if not self._scheduler.started:
            self.draining = False
        self._scheduler.start()

    def stop(self) -> None:
        """End the background; verdicts are kept until they expire. Harmless when not started."""
        self._scheduler.stop()

    def become_child(self) -> None:
        """Know nothing any more: this is a forked child, where the parent's threads are not."""
        self._notices.forget()
        self.changes.forget()
        self._scheduler.become_child()

    @property
    def newborn(self) -> bool:
        """Whether this is a forked child that cannot know anything yet: it was not asked, or now.

        It is nobody's alarm, and a child that lives shortly never comes to know.
        """
        return self._scheduler.newborn

    def subscribe(self, callback: Callable[[Transition], object]) -> Undo:
        """Call ``callback`` in a thread of ours whenever a status changes; returns the undoing."""
        return self._notices.transitions.add(callback)

    def observe_runs(self, callback: Callable[[str, float, str, str | None], object]) -> Undo:
        """Call it after each run with name, seconds, undamped result, and type of the error."""
        return self._notices.runs.add(callback)

    def observe_stalls(self, callback: Callable[[str, float], object]) -> Undo:
        """Call it after each stall with ``process`` or ``event_loop``, and seconds."""
        return self._notices.stalls.add(callback)

    def observe_drain(self, callback: Callable[[], object]) -> Undo:
        """Call it when ``drain()`` is called, perhaps in a signal handler."""
        return self._notices.drains.add(callback)

    def trace_runs(self, hook: Callable[[HealthRun, bool], SpanContext | None]) -> Undo:
        """Let ``hook`` make a span of each run that failed or changed a status (the bool says so).

        It is called before the subscribers; what it returns is their ``span_context``.
        """
        return self._notices.tracers.add(hook)

    def asgi(self, *arguments: Any, **options: Any) -> Any:
        """The endpoints as an ASGI app; see ``health.endpoints``."""
        return _endpoints().asgi(self, *arguments, **options)

    def wsgi(self, *arguments: Any, **options: Any) -> Any:
        """The endpoints as a WSGI app; see ``health.endpoints``."""
        return _endpoints().wsgi(self, *arguments, **options)

    def grpc_servicer(self, *arguments: Any, **options: Any) -> Any:
        """The gRPC health service; see ``health.endpoints``."""
        return _endpoints().grpc_servicer(self, *arguments, **options)

    def mount(self, app: Any, **options: Any) -> None:
        """Put the endpoints in front of a FastAPI, Starlette or Flask app."""
        _endpoints().mount(self, app, **options)

    def _asked(self) -> None:
        scheduler = self._scheduler
        if scheduler.started:
            scheduler.asked = True
            scheduler.ensure()

    def _verdict(self, name: str) -> tuple[Component | None, HealthVerdict]:
        self._asked()
        component = self._components.get(name)
        if component is not None:
            return component, component.at(time.monotonic())
        if name in self._expected:
            return None, self._expected[name]
        raise unknown("check", name, [*self._expected, *self._components])


def _endpoints() -> Any:
    return importlib.import_module("pepperpy_otel.health.endpoints")
