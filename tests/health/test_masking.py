"""Secrets that errors quote are masked, and everything else stays readable."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import pytest

from pepperpy_otel.health import HealthResult, HealthStatus
from pepperpy_otel.health.masking import mask, mask_data

if TYPE_CHECKING:
    from pepperpy_otel.health import HealthChecker

JWT = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2lnbmF0dXJl"


@pytest.mark.parametrize(
    ("text", "masked"),
    [
        ("postgresql://app:s3cret@db:5432/shop", "postgresql://app:***@db:5432/shop"),
        ("redis://:s3cret@cache/0", "redis://:***@cache/0"),
        ("amqp://u:p@ss@mq/vhost refused", "amqp://u:***@mq/vhost refused"),
        ("https://ghp_0123456789abcdefghij@github.com/x", "https://***@github.com/x"),
        ("host=db password=s3cret dbname=shop", "host=db password=*** dbname=shop"),
        ("connect(user='u', passwd='s 3')", "connect(user='u', passwd=***)"),
        ('{"api_key": "abc", "ok": 1}', '{"api_key": ***, "ok": 1}'),
        ('{"api_key": "a\\"bc", "ok": 1}', '{"api_key": ***, "ok": 1}'),
        ("connect(passwd='it\\'s 3')", "connect(passwd=***)"),
        ("?access_token=abc&x=1", "?access_token=***&x=1"),
        ("DB_PASSWORD=s3cret", "DB_PASSWORD=***"),
        ("Authorization: Bearer abcdef123456", "Authorization: *** ***"),
        ("Bearer abcdef123456", "Bearer ***"),
        (f"token was {JWT} today", "token was *** today"),
        ("key AKIAABCDEFGHIJKLMNOP", "key ***"),
        ("sk_live_0123456789abcdef failed", "*** failed"),
        ("-----BEGIN RSA PRIVATE KEY-----\nabc\n-----END RSA PRIVATE KEY-----", "***"),
        ("ConnectionRefusedError: [Errno 111] Connection refused", None),
        ("http://example.com:8080/path?x=1", None),
        ("timed out after 0.05 s", None),
        ("3 tokens left, the author passed", None),
    ],
)
def test_secrets_are_masked_and_nothing_else(text: str, masked: str | None) -> None:
    """Passwords in URLs and settings, tokens and keys."""
    assert mask(text) == (text if masked is None else masked)


class _Unprintable:
    def __str__(self) -> str:
        raise RuntimeError


def test_data_is_masked_at_any_depth() -> None:
    """By the keys, by the texts, and as a whole where it is too deep."""
    deep: dict[str, Any] = {"a": {"b": {"c": {"d": {"e": {"f": {"g": "x"}}}}}}}
    data = {
        "password": "s3cret",
        "DB_PASSWORD": 1,
        "client-secret": ["x"],
        "author": "me",
        "pass_count": 3,
        "url": "redis://:s3cret@cache",
        "bytes": b"redis://:s3cret@cache",
        "list": ["token=abc", 1, None, True, 2.5],
        "set": {"a"},
        "object": _Unprintable(),
        "error": ValueError("password=abc"),
        "deep": deep,
    }
    masked = mask_data(data)
    assert masked == {
        "password": "***",
        "DB_PASSWORD": "***",
        "client-secret": "***",
        "author": "me",
        "pass_count": 3,
        "url": "redis://:***@cache",
        "bytes": "redis://:***@cache",
        "list": ["token=***", 1, None, True, 2.5],
        "set": ["a"],
        "object": "<unprintable _Unprintable>",
        "error": "password=***",
        "deep": {"a": {"b": {"c": {"d": {"e": "***"}}}}},
    }


def test_details_are_masked_unless_asked_otherwise(checker: HealthChecker) -> None:
    """Reason, data, history and traceback of get_details()."""

    def check() -> HealthResult:
        return HealthResult(HealthStatus.UNHEALTHY, "redis://:s3cret@cache", {"password": "s3cret"})

    def raises() -> None:
        raise ConnectionError("postgresql://app:s3cret@db/shop refused")

    checker.register("cache", check)
    checker.register("db", raises)
    checker.run(10)
    assert "s3cret" not in str(checker.get_details("cache"))
    assert "s3cret" in str(checker.get_details("cache", redact=False))
    details = checker.get_details("db")
    assert "postgresql://app:***@db/shop" in details["reason"]
    assert "s3cret" not in details["traceback"]


@pytest.mark.parametrize("again", ["a", "a.", "eyJaaaaaaaa.", "a://b:"])
def test_a_long_text_does_not_take_long(again: str) -> None:
    """An error may quote a whole body; the time grows with its length and no quicker."""
    start = time.thread_time()
    mask(again * (50_000 // len(again)))
    assert time.thread_time() - start < 2.0
