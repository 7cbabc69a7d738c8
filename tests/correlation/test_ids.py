"""What may be a correlation id, from outside and from the app."""

from __future__ import annotations

import uuid

import pytest

from pepperpy_otel.correlation import ids


class _Unreadable:
    def __str__(self) -> str:
        raise RuntimeError("no")


@pytest.mark.parametrize(
    "good",
    [
        "a",
        "f47ac10b-58cc-4372-a567-0e02b2c3d479",
        "01ARZ3NDEKTSV4RRFFQ69G5FAV",
        "order:4711/line=2",
        "c2VjcmV0+/==",
        "x" * ids.MAX_LENGTH,
    ],
)
def test_ids_of_all_the_usual_kinds_are_taken(good: str) -> None:
    """UUIDs, ULIDs, base64 and names with separators are ids as they are."""
    assert ids.valid(good) == good
    assert ids.known(good) == good
    assert ids.cleaned(good) == good


@pytest.mark.parametrize(
    "bad",
    [
        "",
        " ",
        "x" * (ids.MAX_LENGTH + 1),
        "x" * 1_000_000,
        "a\nb",
        "a\r\nSet-Cookie: x=1",
        "a\x1b[31m",
        "a\u202eb",
        "a b",
        "a,b",
        'a"b',
        "a;b",
        "${jndi:ldap://x}",
        "<script>",
        "ä",
        "a\n",
        "\ud800",
        None,
        [],
        _Unreadable(),
    ],
)
def test_what_could_mean_something_elsewhere_is_not_taken(bad: object) -> None:
    """Line ends, controls, quotes, spaces, other alphabets and long values are no ids."""
    assert ids.valid(bad) is None
    assert ids.known(bad) is None


def test_spaces_around_an_id_do_not_count() -> None:
    """As in any header value; bytes are read as headers are."""
    assert ids.valid("  abc\t") == "abc"
    assert ids.valid(b" abc ") == "abc"
    assert ids.valid(b"\xff" * 1000) is None


def test_made_ids_are_ids_and_differ() -> None:
    """Thirty-two hexadecimal digits, never the same twice."""
    made = {ids.made() for _ in range(1000)}
    assert len(made) == 1000
    assert all(ids.known(one) and len(one) == 32 for one in made)


@pytest.mark.parametrize(
    ("given", "expected"),
    [(4711, "4711"), ("order 7\n", "order_7"), ("ü" * 3, "___"), ("x" * 500, "x" * 128)],
)
def test_what_the_app_gives_is_made_to_fit(given: object, expected: str) -> None:
    """Other characters become underscores, what is too long is cut."""
    assert ids.cleaned(given) == expected


@pytest.mark.parametrize("given", ["", "  ", _Unreadable()])
def test_nothing_to_read_gets_a_new_id(given: object) -> None:
    """The app asked for an id, so it gets one."""
    assert len(ids.cleaned(given)) == 32


def test_a_number_or_a_uuid_in_the_baggage_is_an_id() -> None:
    """Sent in a header it would be its text; from a header only text can come."""
    assert ids.known(4711) == "4711"
    assert ids.known(uuid.UUID(int=1)) == str(uuid.UUID(int=1))
    assert ids.valid(4711) is None
