"""What a pipeline holds is found once, and stays where it is."""

from __future__ import annotations

from typing import Any

from pepperpy_otel.delivery.cargo import Cargo
from pepperpy_otel.delivery.queue import Entry, QueueLimits, RecordQueue
from pepperpy_otel.delivery.splitting import Part
from pepperpy_otel.delivery.spool.values import SpooledBatch
from pepperpy_otel.delivery.waiting import waiting_in


class Lane:
    def __init__(self, items: list[Any], cargoes: list[Cargo]) -> None:
        self.queue = RecordQueue(QueueLimits(), lambda: None)
        for item in items:
            self.queue.append(item, 1)
        self._cargoes = cargoes

    def inventory(self) -> Any:
        return self.queue.waiting(), self._cargoes


def test_lanes_share_what_waits_for_several_destinations() -> None:
    """In order; requests of what is encoded; what lies on disk is somebody else's to tell."""
    first, second, third = "first", "second", "third"
    batch = SpooledBatch("traces", b"disk", 1, True, (1, 2), 0.0)
    flight = Cargo([Entry(first, 1, 1)], [Part(b"encoded with its entries", 1)])
    held = Cargo(parts=[Part(b"held", 2)])
    lanes = [
        Lane([second, third], [flight]),
        Lane([third], [held, Cargo(parts=[Part(b"disk", 1)], batch=batch)]),
    ]
    waiting = waiting_in(lanes)  # type: ignore[arg-type]
    assert waiting.items == [first, second, third]
    assert waiting.parts == [Part(b"held", 2)]
    assert len(lanes[0].queue) == 2
