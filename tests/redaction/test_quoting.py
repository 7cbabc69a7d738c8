"""A secret goes whole, however the text around it is quoted; no text takes long."""

from __future__ import annotations

import itertools
import json
import subprocess
import time
from typing import Any, NamedTuple

import pytest

from pepperpy_otel.redaction import Redactor
from pepperpy_otel.redaction.prefilter import is_suspicious

SECRET = "hunter2zYx9Q"
#: Characters of a hostile text, and seconds of one core that it may take: what grows with the
#: square of the length takes more than ten times that.
LENGTH, SECONDS = 200_000, 3.0


@pytest.mark.parametrize(
    "text",
    [
        json.dumps({"password": f'a"{SECRET}'}),
        json.dumps({"body": json.dumps({"password": f'a"{SECRET}'})}),
        repr({"password": f"it's \"{SECRET}"}),
        f"connect(password='a\\'{SECRET}')",
        f"ALTER USER u IDENTIFIED BY 'a''{SECRET}'",
        f"--password 'a\\'{SECRET}'",
        str(subprocess.CalledProcessError(1, ["mysql", "--password", SECRET])),
        str(subprocess.CalledProcessError(1, [b"curl", b"--auth-token", SECRET.encode()])),
        f"os.environ['DB_PASSWORD'] = '{SECRET}'",
        f"user[password]={SECRET}",
        f"/form?user%5Bpassword%5D={SECRET}",
        str({"credentials": {"a": {"b": 1}, "c": SECRET}}),
        str({"secrets": [[1, [2, [3]]], SECRET]}),
        f"secrets: [[1], {SECRET}",
        f"PHPSESSID={SECRET}",
        f"amqp://user:p@{SECRET}@mq/vhost",
        str([(b"host", b"shop"), (b"x-api-key", SECRET.encode())]),
        str([("user", "bob"), ("password", f"it's{SECRET}")]),
    ],
)
def test_nothing_of_a_secret_is_left(text: str) -> None:
    """Not what stands behind a quote or a bracket that belongs to it."""
    found = Redactor().text(text)
    assert SECRET not in found
    assert "[redacted:" in found or "REDACTED" in found


@pytest.mark.parametrize(
    "text",
    [
        f"pin  = {SECRET}",
        f'"sig" : "{SECRET}"',
        f"'otp' => '{SECRET}'",
        f"otp1={SECRET}",
        f"cvv_value={SECRET}",
        f"sid_hash={SECRET}",
        f"conf['pwd'] = '{SECRET}'",
        f"pin   = {SECRET}",
        rf"\\\"pwd\\\" : \\\"{SECRET}\\\"",
        f"Digest {SECRET}",
    ],
)
def test_what_the_detectors_find_the_first_look_lets_through(text: str) -> None:
    """Short words count with a suffix, a quote and a space before the sign as well."""
    assert is_suspicious(text)
    assert SECRET not in Redactor().text(text)


def test_the_first_look_misses_nothing_that_is_assigned() -> None:
    """Every name with every suffix, quote and space before the sign."""
    names = ("pwd", "sig", "sas", "csrf", "jwt", "pass", "pw", "sid", "otp", "pin", "cvv", "token")
    suffixes = ("", "_value", "-hash", "b64", "_text", "1", "_value2")
    quotes = ("", "'", '\\"', '\\\\\\"', "']", "]")
    for parts in itertools.product(names, suffixes, quotes, ("", " ", "   ", "\n"), "=:"):
        text = f"{''.join(parts)}'{SECRET}'"
        assert SECRET not in Redactor().text(text), text


class _Login(NamedTuple):
    user: str
    password: str


def test_the_fields_of_a_named_tuple_have_names() -> None:
    """Encoded it is a list without them."""
    shown: Any = Redactor().attributes({"login": _Login("bob", SECRET), "other": (1, 2)})
    assert shown == {"login": ("bob", "[redacted:key]"), "other": (1, 2)}


def test_a_view_of_bytes_is_looked_through() -> None:
    """It counts as a list of numbers otherwise."""
    shown = Redactor().attributes({"body": memoryview(f"password={SECRET}".encode())})
    assert shown == {"body": b"password=[redacted:assignment]"}


@pytest.mark.parametrize(
    ("before", "again", "after"),
    [
        ("password=" + "\\" * (LENGTH // 2) + '"', "\\", ""),
        ("authorization: " + "\\" * (LENGTH // 2) + '"', "\\", ""),
        ("", "token=[ ", ""),
        ("", "token={ ", ""),
        ("token=[", "[{[ ]} ", "[[["),
        ("", "://:", "@"),
        ("", "a:", "@"),
        ("", "--token '\\", ""),
        ("", "%a&", ""),
    ],
)
def test_no_text_takes_long(before: str, again: str, after: str) -> None:
    """Whoever can have a text logged would else stop the thread that logs it."""
    text = before + again * ((LENGTH - min(LENGTH, len(before))) // len(again) or 1) + after
    text = text if len(text) > LENGTH // 2 + 50 else text + again * (LENGTH // 2)
    start = time.thread_time()
    Redactor().text(text)
    assert time.thread_time() - start < SECONDS


def test_what_is_remembered_of_keys_is_bounded() -> None:
    """Names of a stranger's choice, long ones or many, are looked at anew each time."""
    redactor = Redactor()
    redactor.attributes({"a" * 5000: 1})
    redactor.attributes({f"name{number}": number for number in range(1000)})
    redactor.attributes({"usual": 1})
    assert redactor._key_sets == {("usual",)}
    assert max(map(len, redactor._keys)) < 300
