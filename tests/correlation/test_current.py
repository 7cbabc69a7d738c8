"""The correlation id and baggage of a block."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from opentelemetry import baggage
from opentelemetry.context import get_current

from pepperpy_otel import correlation
from pepperpy_otel.correlation import bind, correlation_id, entries, use_correlation_id


def test_there_is_no_id_until_there_is_one() -> None:
    """Outside of everything the answer is None."""
    assert correlation_id() is None


def test_a_block_has_its_id_and_the_next_one_has_not() -> None:
    """It holds within, nested ones come back, and it lies in the baggage."""
    with use_correlation_id("outer") as outer:
        assert (outer, correlation_id()) == ("outer", "outer")
        with use_correlation_id("inner"):
            assert correlation_id() == "inner"
        assert correlation_id() == "outer"
        assert baggage.get_baggage("correlation.id") == "outer"
    assert correlation_id() is None


def test_without_a_value_a_new_id_is_made() -> None:
    """Each time another one."""
    with use_correlation_id() as one, use_correlation_id() as other:
        assert one != other
        assert correlation_id() == other


def test_an_id_that_others_put_into_the_baggage_counts() -> None:
    """Baggage is how it travels; what cannot be an id is none."""
    context = baggage.set_baggage("correlation.id", "from-elsewhere")
    assert correlation_id(context) == "from-elsewhere"
    assert correlation_id(baggage.set_baggage("correlation.id", "a\nb")) is None
    assert correlation_id(baggage.set_baggage("correlation.id", 7)) == "7"


def test_an_exception_leaves_the_block_as_it_was() -> None:
    """The id ends with the block, whichever way that ends."""
    with pytest.raises(KeyError), use_correlation_id("a"):
        raise KeyError
    assert correlation_id() is None


def test_bound_baggage_is_there_in_the_block() -> None:
    """Values become text; keys that are no Python names come in a mapping."""
    with bind({"order.id": 4711}, tenant="acme"):
        assert dict(baggage.get_all()) == {"order.id": "4711", "tenant": "acme"}
        with bind(tenant="other"):
            assert baggage.get_baggage("tenant") == "other"
            assert baggage.get_baggage("order.id") == "4711"
        assert baggage.get_baggage("tenant") == "acme"
    assert not baggage.get_all()


def test_binding_the_correlation_id_sets_one_that_fits() -> None:
    """Whichever way it is set, it is an id."""
    with bind({"correlation.id": "order 7"}):
        assert correlation_id() == "order_7"


class _Unreadable:
    def __str__(self) -> str:
        raise RuntimeError("no")


@pytest.mark.parametrize(
    "refused",
    [
        {"with space": "x"},
        {"line\nend": "x"},
        {"": "x"},
        {7: "x"},
        {"k" * 300: "x"},
        {"value": "x" * 5000},
        {"a=b": "x"},
    ],
)
def test_what_is_no_baggage_is_left_out_and_said(
    refused: dict[Any, Any], capsys: pytest.CaptureFixture[str]
) -> None:
    """One line, nothing raises, the rest is bound."""
    with bind({**refused, "good": "1"}):
        assert dict(baggage.get_all()) == {"good": "1"}
    said = capsys.readouterr().err
    assert said.count("\n") == 1
    assert "bind() leaves out" in said
    with bind(refused):
        pass
    assert capsys.readouterr().err == "", "said once"


def test_a_value_that_cannot_be_read_is_named_by_its_type() -> None:
    """It costs that value's text, not the block."""
    with bind(value=_Unreadable()):
        assert baggage.get_baggage("value") == "<_Unreadable>"


def test_baggage_is_bounded_in_entries_and_bytes() -> None:
    """However much is bound, 64 entries and 8192 bytes are the end of it."""
    with bind({f"k{number}": "v" for number in range(1000)}):
        assert len(baggage.get_all()) == entries.MAX_ENTRIES
    with bind({f"k{number}": "v" * 3000 for number in range(10)}):
        assert len(baggage.get_all()) == 2


def test_bind_survives_what_is_no_mapping(capsys: pytest.CaptureFixture[str]) -> None:
    """It binds what it can and says one line."""
    with bind(7, tenant="acme"):  # type: ignore[arg-type]
        assert dict(baggage.get_all()) == {"tenant": "acme"}
    assert "bind()" in capsys.readouterr().err


def test_bind_goes_on_where_the_present_baggage_cannot_be_read(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The block runs with what there was."""

    def fail(*_: object) -> None:
        raise RuntimeError("broken")

    with bind(kept="1"):
        monkeypatch.setattr(entries, "merged", fail)
        with bind(more="2"):
            assert dict(baggage.get_all()) == {"kept": "1"}
    assert "bind()" in capsys.readouterr().err


def test_a_block_that_is_left_elsewhere_says_nothing(caplog: pytest.LogCaptureFixture) -> None:
    """A generator that is closed in another context is no error."""
    block = use_correlation_id("a")

    async def enter() -> None:
        block.__enter__()

    asyncio.run(enter())
    before = get_current()
    block.__exit__(None, None, None)
    assert get_current() == before
    assert caplog.records == []


def test_a_task_has_the_id_of_who_made_it() -> None:
    """And its own block does not reach the other tasks."""

    async def one(value: str) -> str | None:
        assert correlation_id() == "all"
        with use_correlation_id(value):
            await asyncio.sleep(0)
            return correlation_id()

    async def both() -> list[str | None]:
        with use_correlation_id("all"):
            return await asyncio.gather(one("a"), one("b"))

    assert asyncio.run(both()) == ["a", "b"]


def test_the_package_has_what_it_says() -> None:
    """Every public name can be had, another one cannot."""
    assert dir(correlation) == sorted(correlation.__all__)
    assert all(getattr(correlation, name) is not None for name in correlation.__all__)
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        _ = correlation.nothing  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("raw", "shown"),
    [
        ("plain", "plain"),
        ("a\r\nb", "a\\x0d\\x0ab"),
        ("a\u202eb\u2028", "a\\u202eb\\u2028"),
        ("\x1b[31m\x9b", "\\x1b[31m\\x9b"),
        ("ü", "ü"),
        ("\ud800", "?"),
        ("x" * 5000, "x" * entries.MAX_ATTRIBUTE),
    ],
)
def test_attributes_show_characters_that_would_act(raw: str, shown: str) -> None:
    """Controls, line ends and direction marks are escaped, and long values cut."""
    assert entries.attribute(raw) == shown
