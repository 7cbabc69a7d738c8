"""Any order of calls, ends and deaths: first in is first out, and the sums are right."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path
from random import Random

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from pepperpy_otel.delivery.counts import SIGNALS, Signal
from pepperpy_otel.delivery.spool import Spool, SpooledBatch, SpoolLimits
from tests.delivery.fakes import ManualClock
from tests.delivery.spool.conftest import NOW

MOST = 12_000
AGE = 500.0


class Model(RuleBasedStateMachine):
    """Two processes on one directory that write, deliver, end, die and wait."""

    def __init__(self) -> None:
        super().__init__()
        self.directory = Path(tempfile.mkdtemp())
        self.clock = ManualClock()
        self.clock.now = NOW
        self.number = 0
        self.total = 0
        #: Numbers of the batches that were not delivered, with their items.
        self.inside: dict[int, int] = {}
        self.written = {"a": 0, "b": 0}
        self.lost = 0
        self.lost_own = {"a": 0, "b": 0}
        self.delivered = 0
        self.delivered_own = {"a": 0, "b": 0}
        self.said: list[str] = []
        self.spools = {name: self.open(name) for name in "ab"}
        self.given: dict[str, SpooledBatch] = {}

    def open(self, name: str) -> Spool:
        self.written[name] = self.lost_own[name] = self.delivered_own[name] = 0

        def lost(signal: Signal, items: int, own: bool, reason: str) -> None:
            assert reason in ("spool_full", "spool_expired")
            self.lost += items
            self.lost_own[name] += items if own else 0

        return Spool(
            self.directory,
            "model",
            limits=SpoolLimits(max_bytes=MOST, max_age=AGE, segment_bytes=1000),
            warn=lambda message, *args: self.said.append(message % args),
            clock=self.clock,
            on_lost=lost,
        )

    @rule(
        name=st.sampled_from("ab"),
        signal=st.sampled_from(SIGNALS),
        size=st.integers(0, 700),
        items=st.integers(0, 9),
    )
    def append(self, name: str, signal: Signal, size: int, items: int) -> None:
        self.number += 1
        # Nothing by chance, or a failure could not be shown again: no two at the same time either.
        self.clock.advance(0.001)
        body = f"{self.number} ".encode() + Random(self.number).randbytes(size)
        if self.spools[name].append(signal, body, items):
            self.inside[self.number] = items
            self.written[name] += items
            self.total += items

    @rule(name=st.sampled_from("ab"), exclude=st.sets(st.sampled_from(SIGNALS), max_size=2))
    def oldest(self, name: str, exclude: set[Signal]) -> None:
        before = self.given.get(name)
        batch = self.spools[name].oldest(exclude)
        if batch is None:
            if before is not None and before.signal not in exclude:
                assert self.clock.now - before.written_at > AGE
                del self.given[name]
            return
        number = int(batch.body.split(b" ", 1)[0])
        assert self.inside[number] == batch.items
        assert batch.signal not in exclude
        assert self.clock.now - batch.written_at <= AGE
        if before is not None and before.signal not in exclude:
            assert batch == before or self.clock.now - before.written_at > AGE
        self.given[name] = batch

    @precondition(lambda self: self.given)
    @rule()
    def done(self) -> None:
        name, batch = self.given.popitem()
        before = sum(self.spools[name].waiting().values())
        self.spools[name].done(batch)
        self.take(batch)
        if batch.own:
            self.delivered_own[name] += batch.items
            assert sum(self.spools[name].waiting().values()) == before - batch.items
        assert self.spools[name].oldest() != batch
        # Asking was a call like any other.
        self.given.pop(name, None)

    @rule(name=st.sampled_from("ab"), kindly=st.booleans())
    def restart(self, name: str, kindly: bool) -> None:
        self.given.pop(name, None)
        if kindly:
            self.spools[name].close()
        else:
            self.spools[name].after_fork()  # closes the files, and that is all
        self.clock.advance(0.001)
        self.spools[name] = self.open(name)

    @rule(seconds=st.sampled_from([0.001, 1.0, 20.0, 100.0]))
    def wait(self, seconds: float) -> None:
        # What is under way does not expire, so nothing is under way over a long time.
        if seconds > 20:
            self.given.clear()
            for spool in self.spools.values():
                spool.oldest()
        self.clock.advance(seconds)

    @invariant()
    def sums_are_right(self) -> None:
        for name, spool in self.spools.items():
            left = self.written[name] - self.lost_own[name] - self.delivered_own[name]
            assert sum(spool.waiting().values()) == left
            assert min(spool.waiting().values()) >= 0
        # What the other one wrote is seen within a second, and time hardly passes here.
        size = sum(path.stat().st_size for path in self.directory.rglob("*.spool1"))
        assert size <= 2 * MOST

    def teardown(self) -> None:
        try:
            self.spools["a"].close()
            self.clock.advance(20)
            while (batch := self.spools["b"].oldest()) is not None:
                self.take(batch)
                self.spools["b"].done(batch)
            assert self.delivered + self.lost == self.total
            assert self.said == [line for line in self.said if line.endswith("(said once)")]
            assert list(self.directory.rglob("*.spool1")) == []
        finally:
            for spool in self.spools.values():
                spool.close()
            shutil.rmtree(self.directory)

    def take(self, batch: SpooledBatch) -> None:
        """It is delivered: it was written, and comes once."""
        assert self.inside.pop(int(batch.body.split(b" ", 1)[0])) == batch.items
        self.delivered += batch.items


Model.TestCase.settings = settings(max_examples=60, stateful_step_count=40, deadline=None)
TestModel = Model.TestCase
