"""Plain values become OTLP log records and are the same when they come back."""

from __future__ import annotations

import math
from datetime import datetime
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from pepperpy_otel.backup.records import Record, nanos, records_in, request, requests

_SCALARS = (
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**63 - 1)
    | st.floats(allow_nan=False)
    | st.text(st.characters(codec="utf-8"))
)
_VALUES = st.recursive(
    _SCALARS,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.text(st.characters(codec="utf-8"), max_size=5), inner, max_size=3)
    ),
    max_leaves=8,
)


@given(st.dictionaries(st.text(st.characters(codec="utf-8"), max_size=5), _VALUES, max_size=4))
def test_what_goes_in_comes_out(attributes: dict[str, Any]) -> None:
    """Every value that JSON has, nested too."""
    record = Record(
        1_790_000_000.5, "event", "body", "INFO", 9, attributes=attributes, trace_id="ab" * 16
    )
    assert list(records_in(request([record], "scope", {}))) == [record]


def test_what_otlp_cannot_hold_becomes_text() -> None:
    """Large numbers, other objects, lone surrogates; times that are none are nothing."""
    record = Record(
        math.nan,
        body="\ud800",
        attributes={"large": 2**70, "date": datetime(2026, 1, 1), "pair": (1, 2)},
    )
    (found,) = records_in(request([record], "scope", {"service.name": "shop"}))
    assert found.body == "?"
    assert found.time == 0
    assert found.attributes == {"large": str(2**70), "date": "2026-01-01 00:00:00", "pair": [1, 2]}
    assert nanos(-1) == nanos(1e300) == 0


def test_many_records_are_several_requests() -> None:
    """So that none of them is too large."""
    bodies = list(requests([Record(1.0)] * 1025, "scope", {}))
    assert [len(list(records_in(body))) for body in bodies] == [512, 512, 1]
