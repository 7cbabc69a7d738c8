"""One run of the demo, from the first process to the verdict."""

from __future__ import annotations

import contextlib
import tempfile
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from pepperpy_otel.delivery.counts import SIGNALS
from pepperpy_otel.demo import layout, report
from pepperpy_otel.demo.services import Services, Target
from pepperpy_otel.demo.text import Line, Part
from pepperpy_otel.demo.traffic import Answer, drive

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from pepperpy_otel.delivery.counts import PipelineStats
    from pepperpy_otel.demo.receiver import Store
    from pepperpy_otel.demo.render import Screen

NEXT = (
    ("your own app, unchanged", "pepperpy-otel run python app.py"),
    ("or one call in its code", 'pepperpy_otel.configure(service_name="shop")'),
    ("a Collector instead", "pepperpy-otel demo --endpoint http://localhost:4318"),
)


@dataclass(frozen=True, slots=True)
class Run:
    """What happened: the answers to the requests, and what the services have to say."""

    answers: Sequence[Answer]
    counts: Mapping[str, PipelineStats | None]
    complaints: Sequence[str]


def show_received(screen: Screen, seconds: float) -> bool:
    """Run the shop into a receiver of our own and show what came; whether all of it did.

    Raises:
        ServiceError: A service did not start.
    """
    from pepperpy_otel.demo.receiver import Receiver

    with Receiver() as receiver:
        run = _run(screen, seconds, Target(receiver.endpoint, "http/protobuf", own=True))
    return _show_report(screen, run, receiver.store)


def show_sent(screen: Screen, seconds: float, target: Target) -> bool:
    """Run the shop into a Collector and say where to look; whether it took everything.

    Raises:
        ServiceError: A service did not start.
    """
    run = _run(screen, seconds, target)
    findings = list(_show_sent(screen, run, target))
    _show_next(screen, _where(run))
    return _verdict(screen, findings, run, f"{target.endpoint} has taken everything.")


def _run(screen: Screen, seconds: float, target: Target) -> Run:
    with contextlib.ExitStack() as stack:
        directory = stack.enter_context(
            tempfile.TemporaryDirectory(prefix="pepperpy-otel-demo-", ignore_cleanup_errors=True)
        )
        services = Services(Path(directory), target)
        with screen.working("Starting two services, each with pepperpy-otel run ..."):
            stack.enter_context(services)
        with screen.working(f"Sending requests for {seconds:g} s ...") as change:
            count = 0

            def on_answer(answer: Answer) -> None:
                nonlocal count
                count += 1
                change(f"Sending requests for {seconds:g} s ... {count} answered")

            answers = drive(services.address, seconds, on_answer)
        screen.show((Part(_summary(answers)),))
        with screen.working("Stopping the services, which send what is left ..."):
            services.stop()
        return Run(answers, services.counts(), services.complaints())


def _summary(answers: Sequence[Answer]) -> str:
    """How many requests got which answer."""
    by_status = sorted(Counter(answer.status for answer in answers).items())
    parts = [f"{count} x {status or 'no answer'}" for status, count in by_status]
    return f"{len(answers)} requests: {', '.join(parts)}."


def _show_report(screen: Screen, run: Run, store: Store) -> bool:
    made = report.build(store, run.counts)
    styles = {name: f"service {position}" for position, name in enumerate(made.services)}
    if made.trace is not None:
        _title(screen, f"One of {made.traces} traces, as it was received")
        _show_all(screen, layout.trace_lines(made.trace, screen.width, screen.symbols, styles))
        _show_all(screen, layout.failed_line(made, screen.symbols))
    if made.metrics:
        _title(screen, "Metrics")
        lines = layout.metric_lines(made.metrics, made.services, screen.width, screen.symbols)
        _show_all(screen, lines)
    _title(screen, f"Sent {screen.symbols.arrow} received")
    _show_all(screen, layout.balance_lines(made.balances, screen.width, screen.symbols, styles))
    _show_next(screen, NEXT)
    return _verdict(
        screen, made.findings, run, "Everything that was sent was received; the trace spans both."
    )


def _show_sent(screen: Screen, run: Run, target: Target) -> Iterator[str]:
    """Show what each service sent; yields what of it was not taken."""
    _title(screen, f"Sent to {target.endpoint} ({target.protocol})")
    for service, stats in run.counts.items():
        sent = report.sent_by(stats)
        if stats is None or sent is None:
            yield f"{service} did not say what it sent"
            continue
        parts = [
            f"{getattr(stats.delivered, signal)} of {getattr(sent, signal)} {report.ITEMS[signal]}"
            for signal in SIGNALS
        ]
        screen.show((Part(f"{service:<12}", "name"), Part(", ".join(parts))))
        if stats.delivered != sent:
            why = f": {stats.last_error}" if stats.last_error else ""
            yield f"{service} could not deliver everything{why}"


def _where(run: Run) -> Iterator[tuple[str, str]]:
    """Where in a usual stack the things are that this run made."""
    for what, status in (("a placed order", 201), ("a failed order", 502)):
        traces = [answer.trace_id for answer in run.answers if answer.status == status]
        if traces:
            yield f"Jaeger, {what}", f"trace {traces[-1]}"
    yield "Prometheus", "shop_orders_total, shop_checkout_duration_seconds"
    yield "the logs", "service_name storefront and inventory, with the same trace ids"


def _title(screen: Screen, text: str) -> None:
    rule = screen.symbols.rule * (screen.width - len(text) - 4)
    screen.show(())
    screen.show(
        (Part(f"{screen.symbols.rule * 2} ", "dim"), Part(text, "title"), Part(f" {rule}", "dim"))
    )


def _show_all(screen: Screen, lines: Iterator[Line]) -> None:
    for line in lines:
        screen.show(line)


def _show_next(screen: Screen, rows: Iterator[tuple[str, str]] | Sequence[tuple[str, str]]) -> None:
    _title(screen, "Where to look next")
    for what, command in rows:
        screen.show((Part(f"{what:<28}"), Part(command, "command")))


def _verdict(screen: Screen, findings: Sequence[str], run: Run, good: str) -> bool:
    """The last lines: what is missing, or that nothing is."""
    screen.show(())
    for complaint in run.complaints:
        screen.show((Part(complaint, "warning"),))
    for finding in findings:
        screen.show((Part(f"{screen.symbols.bad} {finding}", "error"),))
    if not findings:
        screen.show((Part(f"{screen.symbols.good} {good}", "good"),))
    return not findings
