from __future__ import annotations

import threading
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from opentelemetry.proto.resource.v1.resource_pb2 import Resource

from pepperpy_otel.delivery.otlp import memo
from pepperpy_otel.delivery.otlp.memo import AttributeTable, TextTable
from tests.delivery.otlp.strategies import PATIENT, SCALARS, TEXT


def parsed(fields: list[bytes]) -> Any:
    """As the attributes of a resource, which are its field 1."""
    return Resource.FromString(b"".join(fields)).attributes


@PATIENT
@given(st.lists(st.dictionaries(TEXT, SCALARS, max_size=5), max_size=20))
def test_what_was_seen_before_does_not_change_what_is_said(batches: list[dict[str, Any]]) -> None:
    """A table that has seen much says the same as a new one."""
    used = AttributeTable(1, limit=3)
    for attributes in batches + batches:
        assert used.fields(attributes) == AttributeTable(1).fields(attributes)


def entries(table: AttributeTable) -> int:
    """Everything that is kept below a table."""
    parts = [getattr(each, slot) for each in table.values() for slot in type(each).__slots__]
    dictionaries = [part for part in parts if type(part) is dict]
    return len(table) + sum(map(len, table.values())) + sum(map(len, dictionaries))


def test_what_comes_often_is_kept() -> None:
    """Then it costs a look-up, and its bytes are the very same object."""
    table = AttributeTable(1)
    attributes = {"s": "text", "i": 200}
    for _ in range(200):
        fields = table.fields(attributes)
    again = table.fields(dict(attributes))
    assert all(one is other for one, other in zip(fields, again, strict=True))
    assert entries(table) == 2 + 2 + 2  # keys, values, and what stands before values of their size


def test_what_is_long_is_not_kept() -> None:
    """Memory is bounded in bytes, not only in entries."""
    table = AttributeTable(1)
    for _ in range(200):
        table.fields({"long": "x" * 200, "k" * 300: "v", "big": 10**300, "bytes": b"x" * 200})
    assert set(table) == {"long", "big", "bytes"}
    assert entries(table) == 3


def test_values_of_other_types_are_not_kept() -> None:
    """0.0 equals -0.0, and a container changes."""
    table = AttributeTable(1)
    for _ in range(200):
        table.fields({"f": 0.5, "n": None, "t": (1, 2), "b": True, "y": b"x"})
    assert entries(table) == 5 + 5  # keys, and what stands before values of their size


def test_a_full_table_starts_anew() -> None:
    """However many different things come, and however many keys and lengths they have."""
    table = AttributeTable(1, limit=10)
    texts = TextTable(1, limit=10)
    for number in range(2000):
        text = "x" * (number % 50)
        (field,) = parsed(table.fields({f"key-{number % 40}": f"{number}{text}"}))
        assert field.value.string_value == f"{number}{text}"
        assert texts.of(f"{number}").endswith(str(number).encode())
        table.fields({f"{number}": number, f"f{number}": 0.5})
        assert entries(table) <= 10
        assert len(texts) <= 10


def test_long_texts_are_not_kept() -> None:
    """A name may be a megabyte."""
    texts = TextTable(1)
    assert len(texts.of("x" * 1_000_000)) > 1_000_000
    assert len(texts) == 0


def test_text_of_any_object_is_a_field() -> None:
    """And nothing is none."""
    texts = TextTable(1)
    assert (texts.of(None), texts.of(5), texts.of(b"\xff")) == (
        b"",
        b"\x0a\x015",
        b"\x0a\x03\xef\xbf\xbd",
    )


def test_a_key_that_is_no_string_is_not_taken_for_one_that_equals_it() -> None:
    """Nor is it kept: what it says of itself may change."""

    class Key(str):
        __slots__ = ()

        def __eq__(self, other: object) -> bool:
            return True

        def __hash__(self) -> int:
            return hash("other")

    table = AttributeTable(1)
    for _ in range(100):
        (field,) = parsed(table.fields({Key("mine"): 1}))
        assert field.key == "mine"
    (field,) = parsed(table.fields({"other": 1}))
    assert field.key == "other"
    assert all(type(key) is str for key in table)


def test_many_members_are_cut_off(monkeypatch: Any) -> None:
    """Of a mapping that is none of the usual ones, and may go on for ever."""
    monkeypatch.setattr(memo, "MAX_MEMBERS", 10)

    class Endless(dict[str, int]):
        def copy(self) -> Any:
            raise AttributeError

        def items(self) -> Any:
            return ((str(number), number) for number in range(10**9))

    assert len(AttributeTable(1).fields(Endless())) == 10


def test_threads_may_share_a_table() -> None:
    """Each gets what it asked for, while the table is filled and emptied."""
    table = AttributeTable(1, limit=4)
    wrong: list[Any] = []

    def work(seed: int) -> None:
        for number in range(3000):
            attributes = {"k": f"v{(number * seed) % 9}", "n": number % 7}
            fields = parsed(table.fields(attributes))
            if (fields[0].value.string_value, fields[1].value.int_value) != (*attributes.values(),):
                wrong.append(attributes)

    threads = [threading.Thread(target=work, args=(seed,)) for seed in (1, 2, 5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []
