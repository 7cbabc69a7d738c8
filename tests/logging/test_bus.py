"""Every aggregator that is alive hears everything, and none is kept alive by it."""

from __future__ import annotations

import gc
from typing import TYPE_CHECKING

from pepperpy_otel.logging import bus
from pepperpy_otel.logging.events import Event, make_event

if TYPE_CHECKING:
    import pytest


class Ear:
    def __init__(self) -> None:
        self.heard: list[str] = []

    def hear(self, event: Event) -> None:
        self.heard.append(event.event)

    def after_fork(self) -> None:
        self.heard.clear()


class Deaf(Ear):
    def hear(self, event: Event) -> None:
        raise RuntimeError("deaf")


def _say(name: str) -> None:
    bus.publish(
        make_event(level="INFO", is_error=False, logger="l", event=name, message=name, fields={})
    )


def test_all_hear_until_they_are_gone() -> None:
    """The bus keeps nobody alive."""
    first, last = Ear(), Ear()
    bus.add(first)
    bus.add(last)
    _say("one")
    del first
    gc.collect()
    _say("two")
    assert last.heard == ["one", "two"]
    assert len(bus.listeners) == 1
    del last
    gc.collect()
    assert bus.listeners == ()


def test_one_that_raises_hurts_nobody(capsys: pytest.CaptureFixture[str]) -> None:
    """Neither the others nor who speaks; it is told once."""
    ears = [Ear(), Deaf(), Ear()]
    for ear in ears:
        bus.add(ear)
    _say("one")
    _say("two")
    assert [ear.heard for ear in ears] == [["one", "two"], [], ["one", "two"]]
    assert capsys.readouterr().err.count("internal error in LogAggregator") == 1


def test_a_listener_that_is_gone_but_not_yet_collected_is_skipped() -> None:
    """A reference may die between the look at the list and the call."""
    ear = Ear()
    bus.add(ear)
    before = bus.listeners
    del ear
    gc.collect()
    bus.listeners = before
    _say("one")
    bus._after_fork()
    assert bus.listeners == before
