"""One instrumentation, from the day on which it is chosen until it is undone.

It waits for its library, checks that the library's version is one that it knows, is loaded, runs
once, and is taken back by ``undo()``, wherever it stands by then. Whatever fails is one line.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pepperpy_otel.errors import warn
from pepperpy_otel.instrumentation import defaults, frameworks, hooks, libraries

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from pepperpy_otel.instrumentation.catalog import Candidate


class Deferred:
    """One instrumentation that has been chosen.

    Args:
        candidate: Which one.
        arguments: For ``instrument()``, over the defaults.
        exclude_spans: ASGI events that make no spans.
        checked: The library's version has been checked by the caller.
    """

    def __init__(
        self,
        candidate: Candidate,
        arguments: Mapping[str, Any],
        *,
        exclude_spans: Sequence[str] = defaults.ASGI_EVENTS,
        checked: bool = False,
    ) -> None:
        self.name = candidate.name
        #: Where it stands, in words.
        self.state = "chosen"
        self._candidate = candidate
        self._arguments = arguments
        self._exclude_spans = exclude_spans
        self._checked = checked
        self._modules: tuple[str, ...] = ()
        # Taking the last item of a list is one step, which needs no lock: who gets it goes on.
        self._to_do = [self._load_and_instrument]
        self._undone = False
        self._to_undo: list[Callable[[], None]] = []

    def start(self) -> None:
        """Wait for the library; go ahead where there is none to wait for."""
        self._modules = libraries.modules_of(self._candidate)
        if not self._modules:
            with hooks.undisturbed:
                self.run()
            return
        hooks.protect(self._candidate.module)
        self.state = f"waiting for {' or '.join(self._modules)}"
        for module in self._modules:
            hooks.when_imported(module, self._imported)

    def run(self) -> None:
        """Instrument now, unless that has been done, or undone; never raises."""
        try:
            instrument = self._to_do.pop()
        except IndexError:
            return
        try:
            self.state = instrument()
        except ModuleNotFoundError as error:
            self.state = f"left out: {error}"
            if self._modules:  # else nobody knew whether its library is here at all
                self._say(error)
        except Exception as error:
            self.state = f"failed: {type(error).__name__}: {error}"
            self._say(error)
        if self._undone:
            self.undo()

    def undo(self) -> None:
        """Stop waiting, and take back what was done."""
        self._undone = True
        self._to_do.clear()
        for module in self._modules:
            hooks.forget(module, self._imported)
        self.state = "undone"
        failed: Exception | None = None
        while self._to_undo:
            try:
                self._to_undo.pop()()
            except Exception as error:
                failed = error
        if failed is not None:
            raise failed

    def _imported(self) -> None:
        if self._candidate.module == "opentelemetry.instrumentation.django":
            self.state = "waiting for Django's settings"
            self._to_undo.append(frameworks.after_django_setup(self.run))
        else:
            self.run()

    def _load_and_instrument(self) -> str:
        conflict = None if self._checked else self._conflict()
        if conflict is not None:
            if conflict.found or conflict.found_any:
                warn("instrumentation %s is left out: %s", self.name, conflict)
            return f"left out: {conflict}"
        instrumentor = self._candidate.load()()
        if getattr(instrumentor, "is_instrumented_by_opentelemetry", False):
            return "instrumented by the app"
        if self._candidate.module == "opentelemetry.instrumentation.starlette":
            self._to_undo.append(frameworks.quiet_starlette(instrumentor, self._exclude_spans))
        arguments = defaults.arguments_for(self.name, exclude_spans=self._exclude_spans)
        instrumentor.instrument(**{**arguments, **self._arguments}, skip_dep_check=True)
        if hasattr(instrumentor, "uninstrument"):  # upstream asks for instrument() only
            self._to_undo.append(instrumentor.uninstrument)
        return "instrumented"

    def _conflict(self) -> Any:
        """What is installed and does not go with the instrumentation, as upstream finds it."""
        distribution = self._candidate.distribution()
        if distribution is None or not libraries.libraries_of(self._candidate):
            return None
        from opentelemetry.instrumentation.dependencies import get_dist_dependency_conflicts

        return get_dist_dependency_conflicts(distribution)

    def _say(self, error: Exception) -> None:
        kind = type(error).__name__
        warn("instrumentation %s failed and is left out: %s: %s", self.name, kind, error)
