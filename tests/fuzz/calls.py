"""Telemetry calls with arguments that make no sense, by the public API; none may raise.

``python -m tests.fuzz.calls COUNT SEED`` makes COUNT of them in an app of its own and prints
as JSON what went wrong; the tests do the same. A call is told by its number: the same seed makes
the same calls.
"""

from __future__ import annotations

import json
import logging
import sys
import threading
import time
import traceback
from random import Random
from typing import TYPE_CHECKING, Any

from opentelemetry._logs import LogRecord, SeverityNumber
from opentelemetry.trace import SpanKind, Status, StatusCode

import pepperpy_otel
from pepperpy_otel.logging import LogAggregator
from pepperpy_otel.tracing import Tracer
from tests.fuzz.arguments import Arguments
from tests.fuzz.measurements import Measurements

if TYPE_CHECKING:
    from collections.abc import Callable

#: Spans and instruments that the calls choose from.
POOL = 20


class Fuzzer:
    """Makes calls and remembers which of them raised.

    Args:
        seed: Decides about all of them.
    """

    def __init__(self, seed: int) -> None:
        self.random = Random(seed)
        self.failures: list[str] = []
        self.made = 0
        self.slowest = (0.0, "")
        self._tracer = pepperpy_otel.get_tracer("fuzz")
        self._logger = pepperpy_otel.get_logger("fuzz")
        self._facade = Tracer("fuzz")
        self._aggregator = LogAggregator()
        self._stdlib = logging.getLogger("fuzz")
        self._stdlib.setLevel(logging.DEBUG)
        #: What the standard library itself raises for is not ours to mend.
        self._reference = logging.Logger("fuzz.reference", logging.DEBUG)
        self._reference.addHandler(logging.NullHandler())
        self._spans: list[Any] = [self._tracer.start_span("first")]
        self._a = Arguments(self.random, self._spans)
        metrics = Measurements(self._a)
        self._calls: tuple[Callable[[], Any], ...] = (
            *(self._start_span,) * 3,
            *(self._end_span,) * 3,
            *(self._set_attribute,) * 4,
            *(metrics.record,) * 6,
            *(self._log,) * 4,
            *(self._emit,) * 3,
            self._set_attributes,
            self._add_event,
            self._add_link,
            self._record_exception,
            self._set_status,
            self._update_name,
            self._start_current_span,
            self._facade_span,
            self._facade_event,
            self._aggregate,
            metrics.create_instrument,
            self._ask,
        )
        self._rare: tuple[Callable[[], Any], ...] = (
            self._get_others,
            self._decorate,
            metrics.collect,
            metrics.observe,
        )

    def run(self, count: int) -> None:
        """Make ``count`` calls."""
        for number in range(count):
            rare = self.random.random() < 0.001
            call = self.random.choice(self._rare if rare else self._calls)
            started = time.perf_counter()
            try:
                call()
            except Exception:
                self.failures.append(f"call {number}, {call.__name__}:\n{traceback.format_exc()}")
                if len(self.failures) >= 20:
                    return
            self.made += 1
            took = time.perf_counter() - started
            if took > self.slowest[0]:
                self.slowest = (took, f"call {number}, {call.__name__}")
        for span in self._spans:
            span.end()

    # --- spans -------------------------------------------------------------------------------

    def _start_span(self) -> None:
        span = self._tracer.start_span(
            self._a.or_any("work", "GET /"),
            self._a.context(),
            self._a.or_any(*SpanKind),
            self._a.attributes(),
            [self._a.link() for _ in range(self.random.randint(0, 2))]
            if self.random.random() < 0.8
            else self._a.any(),
            self._a.or_any(None, 0, 10**18),
            self._a.or_any(True),
            self._a.or_any(True),
        )
        self._keep(span)

    def _keep(self, span: Any) -> None:
        if len(self._spans) < POOL:
            self._spans.append(span)
        else:
            self._spans[self.random.randrange(POOL)] = span

    def _start_current_span(self) -> None:
        with self._tracer.start_as_current_span(
            self._a.any(), attributes=self._a.attributes(), kind=self._a.or_any(*SpanKind)
        ) as span:
            span.set_attribute(self._a.any(), self._a.any())
            self._through_stdlib(logging.INFO, "inside %s", (self._a.any(),), {})

    def _end_span(self) -> None:
        span = self._a.span()
        if self.random.random() < 0.2:
            span.end(self._a.any())
        span.end()  # often not for the first time

    def _set_attribute(self) -> None:
        self._a.span().set_attribute(self._a.or_any("a", "b", "http.method"), self._a.any())

    def _set_attributes(self) -> None:
        self._a.span().set_attributes(self._a.attributes())

    def _add_event(self) -> None:
        self._a.span().add_event(
            self._a.or_any("event"), self._a.attributes(), self._a.or_any(None, 5)
        )

    def _add_link(self) -> None:
        self._a.span().add_link(self._a.span_context(), self._a.attributes())

    def _record_exception(self) -> None:
        self._a.span().record_exception(
            self._a.exception(),
            self._a.attributes(),
            self._a.or_any(None, 5),
            self._a.or_any(False, True),
        )

    def _set_status(self) -> None:
        status = self._a.or_any(*StatusCode)
        if self.random.random() < 0.3:
            try:
                status = Status(StatusCode.ERROR, self._a.any())
            except Exception:
                status = Status(StatusCode.OK)
        self._a.span().set_status(status, self._a.or_any(None, "why"))

    def _update_name(self) -> None:
        self._a.span().update_name(self._a.any())

    def _facade_span(self) -> None:
        with self._facade.start_span(
            self._a.any(),
            self._a.attributes(),
            kind=self._a.or_any(*SpanKind),
            links=self._a.any(),
        ) as span:
            span.update_name(self._a.any())

    def _facade_event(self) -> None:
        self._facade.add_event(self._a.or_any(self._a.span()), self._a.any(), self._a.attributes())

    def _decorate(self) -> None:
        @self._facade.trace(attributes=self._a.attributes())
        def function(given: Any) -> Any:
            return given

        function(self._a.any())

    # --- logs --------------------------------------------------------------------------------

    def _log(self) -> None:
        extra = {str(key): self._a.any() for key in self.random.choices("abcdef", k=2)}
        if self.random.random() < 0.5:
            extra = {}
        level = self.random.choice((10, 20, 30, 40, 50, 17, 10**9, -5, 0))
        message = self._a.or_any("plain", "%s and %s", "%d", "{}")
        arguments = tuple(self._a.any() for _ in range(self.random.randint(0, 2)))
        options = {
            "extra": extra,
            "exc_info": self._a.or_any(None, None, True, ValueError("x"), (None, None, None)),
            "stack_info": self.random.random() < 0.05,
        }
        self._through_stdlib(level, message, arguments, options)

    def _through_stdlib(
        self, level: int, message: Any, arguments: tuple[Any, ...], options: dict[str, Any]
    ) -> None:
        try:
            self._reference.log(level, message, *arguments, **options)
        except Exception:
            return
        self._stdlib.log(level, message, *arguments, **options)

    def _emit(self) -> None:
        given = {
            "timestamp": self._a.or_any(None, 5),
            "observed_timestamp": self._a.or_any(None, 5),
            "severity_number": self._a.or_any(*SeverityNumber),
            "severity_text": self._a.or_any("INFO", None),
            "body": self._a.any(),
            "attributes": self._a.attributes(),
            "event_name": self._a.or_any("event", None),
        }
        if self.random.random() < 0.3:
            try:
                record: Any = LogRecord(**given)
            except Exception:
                record = self._a.any()
            self._logger.emit(record)
        else:
            self._logger.emit(**given, context=self._a.context(), exception=self._a.exception())

    def _aggregate(self) -> None:
        fields = {
            self.random.choice(("a", "event", "level", "self", "größe")): self._a.any()
            for _ in range(2)
        }
        fields.pop("event" if self.random.random() < 0.9 else "", None)
        self._aggregator.log(self._a.any(), **fields)
        self._aggregator.error(self._a.or_any("failed"), error=self._a.any())
        if self.random.random() < 0.01:
            self._aggregator.aggregate(self._a.any())

    # --- the rest ----------------------------------------------------------------------------

    def _ask(self) -> None:
        span = self._a.span()
        span.is_recording()
        span.get_span_context()
        self._logger.enabled(severity_number=self._a.any(), context=self._a.context())

    def _get_others(self) -> None:
        telemetry: Any = pepperpy_otel.get_telemetry()
        given = (self._a.any(), self._a.any(), self._a.any(), self._a.attributes())
        telemetry.tracer_provider.get_tracer(*given).start_span("of another").end()
        telemetry.meter_provider.get_meter(*given).create_counter("of.another").add(1)
        telemetry.logger_provider.get_logger(*given).emit(body="of another")
        logging.getLogger(f"fuzz.{self.random.randrange(50)}").info("of another")


def main(count: int, seed: int) -> dict[str, Any]:
    """Fuzz an app that was configured like any other; says how it went."""
    # The app's own handlers print what they cannot format, at length; this app has none that does.
    logging.getLogger().addHandler(logging.NullHandler())
    logging.getLogger("opentelemetry").setLevel(logging.CRITICAL)
    before = {thread.name for thread in threading.enumerate()}
    started = time.perf_counter()
    fuzzer = Fuzzer(seed)
    fuzzer.run(count)
    took = time.perf_counter() - started
    with pepperpy_otel.get_tracer("after").start_as_current_span("ordinary"):
        pass
    return {
        "calls": fuzzer.made,
        "seconds": took,
        "slowest": fuzzer.slowest,
        "failures": fuzzer.failures,
        "threads_lost": sorted(before - {thread.name for thread in threading.enumerate()}),
    }


if __name__ == "__main__":
    pepperpy_otel.configure("fuzz", instrument=False)
    outcome = main(int(sys.argv[1]), int(sys.argv[2]))
    pepperpy_otel.shutdown(30_000)
    json.dump(outcome, sys.stdout)
    sys.exit(bool(outcome["failures"]))
