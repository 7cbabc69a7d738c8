"""Baggage on the wire, beside what OpenTelemetry's own propagator makes of it."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from opentelemetry import baggage
from opentelemetry.baggage.propagation import W3CBaggagePropagator
from opentelemetry.context import Context
from opentelemetry.propagators.textmap import Getter

from pepperpy_otel.correlation import entries
from pepperpy_otel.correlation.wire import BoundedBaggagePropagator

KEYS = st.from_regex(r"[A-Za-z0-9!#$%&'*+\-.^_`|~]{1,12}", fullmatch=True).filter(
    lambda key: "%" not in key and "+" not in key  # upstream decodes keys, which W3C does not
)


def _extracted(header: Any) -> dict[str, object]:
    return dict(baggage.get_all(BoundedBaggagePropagator().extract({"baggage": header}, Context())))


def _injected(values: dict[str, object]) -> str | None:
    carrier: dict[str, str] = {}
    BoundedBaggagePropagator().inject(carrier, _context(values))
    return carrier.get("baggage")


def _context(values: dict[str, object]) -> Context:
    return entries.replaced(values, Context())


@given(st.dictionaries(KEYS, st.text(max_size=20).map(str.strip), max_size=8))
def test_what_is_written_is_read_by_both(values: dict[str, object]) -> None:
    """Ours and OpenTelemetry's read our header, and we read theirs."""
    header = _injected(values)
    sent = {key: str(value).encode("utf-8", "replace").decode() for key, value in values.items()}
    if header is None:
        assert not values
        return
    theirs = W3CBaggagePropagator().extract({"baggage": header}, Context())
    assert _extracted(header) == sent
    assert dict(baggage.get_all(theirs)) == sent
    carrier: dict[str, str] = {}
    W3CBaggagePropagator().inject(carrier, _context(sent))
    assert _extracted(carrier["baggage"]) == sent


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        ("a=1,b=2", {"a": "1", "b": "2"}),
        (" a = 1 , b = 2 ", {"a": "1", "b": "2"}),
        ("a=1;property=x;flag,b=2", {"a": "1", "b": "2"}),
        ("a=x%0Ay", {"a": "x\ny"}),
        ("a=x+y%2B", {"a": "x y+"}),
        ("a=", {"a": ""}),
        ("a=1=2", {"a": "1=2"}),
        ([b"a=1"], {"a": "1"}),
        ("no-value,a=1", {"a": "1"}),
        ("=1,a=1", {"a": "1"}),
        ("sp ace=1,a=1", {"a": "1"}),
        ('a="1",b=2', {"b": "2"}),
        ("ä=1,a=ü,b=2", {"b": "2"}),
        ("a=1\nb,c=2", {"c": "2"}),
        ("", {}),
        (",,,", {}),
        ("%FF=1", {"%FF": "1"}),
        ("a%7Cb=1", {"a|b": "1"}),
        ("a=%FF", {"a": "\ufffd"}),
    ],
)
def test_sound_entries_are_read_and_others_left_out(
    header: Any, expected: dict[str, str], caplog: pytest.LogCaptureFixture
) -> None:
    """And nobody is told about them, or a stranger writes our log."""
    assert _extracted(header) == expected
    assert caplog.records == []


def test_what_is_too_much_is_not_read() -> None:
    """Neither a header that is too long nor more than 64 entries; a long entry is left out."""
    assert _extracted("a=" + "x" * entries.MAX_BYTES) == {}
    assert len(_extracted(",".join(f"k{n}=1" for n in range(500)))) == entries.MAX_ENTRIES
    assert _extracted("a=" + "x" * (entries.MAX_VALUE + 1) + ",b=1") == {"b": "1"}
    assert _extracted("k" * 300 + "=1,b=1") == {"b": "1"}
    assert _extracted(7) == {}


def test_what_is_too_much_is_not_written() -> None:
    """The header stays within the limits of the recommendation."""
    header = _injected({f"k{number}": "v" for number in range(500)})
    assert header is not None
    assert header.count(",") == entries.MAX_ENTRIES - 1
    header = _injected({"a": "x" * 5000, "b": "1"})
    assert header == "b=1"
    header = _injected({f"k{number}": "v" * 3000 for number in range(5)})
    assert header is not None
    assert len(header) <= entries.MAX_BYTES
    assert _injected({"no key": "1"}) is None


def test_what_was_there_stays_beside_what_is_read() -> None:
    """As OpenTelemetry's propagator does it, also with the current context."""
    before = _context({"old": "1", "both": "old"})
    after = BoundedBaggagePropagator().extract({"baggage": "both=new"}, before)
    assert dict(baggage.get_all(after)) == {"old": "1", "both": "new"}
    assert BoundedBaggagePropagator().extract({}, before) is before
    assert dict(baggage.get_all(BoundedBaggagePropagator().extract({"baggage": "a=1"}))) == {
        "a": "1"
    }


class _Broken(Getter[Any]):
    def get(self, carrier: Any, key: str) -> list[str]:
        raise RuntimeError("broken")

    def keys(self, carrier: Any) -> list[str]:
        return []


def test_a_broken_getter_costs_nothing_but_the_baggage(capsys: pytest.CaptureFixture[str]) -> None:
    """The request goes on."""
    context = Context()
    assert BoundedBaggagePropagator().extract({}, context, getter=_Broken()) is context
    assert "extracting baggage" in capsys.readouterr().err
