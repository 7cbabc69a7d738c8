"""Every kind of secret is found wherever a value can be, and ordinary values stay."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pepperpy_otel.redaction import Redactor
from pepperpy_otel.redaction.formats import TOKEN_ROWS
from tests.redaction.corpus import (
    ORDINARY,
    ORDINARY_KEYS,
    SECRET_KEYS,
    TOKENS,
    Secret,
    everything,
)

CORPUS = everything()


def test_the_corpus_has_two_hundred_secrets() -> None:
    """The corpus is as large as it is said to be, and no secret is in it twice."""
    assert len(CORPUS) >= 200
    assert len({secret.text for secret in CORPUS}) >= 200


@pytest.mark.parametrize("secret", CORPUS, ids=lambda secret: f"{secret.kind}-{len(secret.secret)}")
def test_a_secret_in_a_text_is_taken_out(secret: Secret) -> None:
    """No part of a known kind of secret stays in a text, and it is counted."""
    redactor = Redactor()
    assert secret.secret not in redactor.text(secret.text)
    assert sum(redactor.counts().values()) >= 1


@pytest.mark.parametrize("secret", CORPUS, ids=lambda secret: f"{secret.kind}-{len(secret.secret)}")
def test_what_was_redacted_once_stays_as_it_is(secret: Secret) -> None:
    """A second pass, by a sidecar or another redactor, finds nothing more and breaks nothing."""
    once = Redactor().text(secret.text)
    assert Redactor().text(once) == once


def test_a_secret_is_found_between_others_in_a_long_text() -> None:
    """All secrets in one text go, whatever stands around them."""
    text = "\n".join(secret.text for secret in CORPUS if secret.kind != "private-key")
    shown = Redactor().text(text)
    kept = [s.kind for s in CORPUS if s.kind != "private-key" and s.secret in shown]
    assert kept == []


@pytest.mark.parametrize("text", ORDINARY)
def test_an_ordinary_text_stays(text: str) -> None:
    """Ids, times, hashes, versions, addresses and prose are not taken for secrets."""
    redactor = Redactor()
    assert redactor.text(text) is text
    assert redactor.attributes({"x": text}) == {"x": text}
    assert redactor.counts() == {}


@pytest.mark.parametrize("key", ORDINARY_KEYS)
def test_an_ordinary_key_keeps_its_value(key: str) -> None:
    """Keys of the semantic conventions that only sound like secrets keep their values."""
    attributes = {key: "value"}
    assert Redactor().attributes(attributes) is attributes


@pytest.mark.parametrize("key", SECRET_KEYS)
def test_a_secret_key_loses_its_value(key: str) -> None:
    """What is called a secret goes, whatever it looks like; a flag or nothing stays."""
    redactor = Redactor()
    shown = redactor.attributes({key: "plain", "other": 1})
    assert shown == {key: "[redacted:key]", "other": 1}
    assert redactor.attributes({key: 1234})[key] == "[redacted:key]"
    assert redactor.attributes({key: True}) == {key: True}
    assert redactor.attributes({key: None}) == {key: None}
    assert redactor.counts() == {"key": 2}


def test_each_format_has_an_example() -> None:
    """The corpus has a token of the rows that are asked for most; none of the rows is broken."""
    for prefixes, rest in TOKEN_ROWS:
        assert prefixes.split()
        assert rest
    assert len(TOKENS) >= 35


plain_text = st.text(
    st.characters(codec="utf-8", exclude_characters="=:@%'\"-_/\\+.0123456789"), max_size=60
)


@settings(max_examples=300, deadline=None)
@given(st.dictionaries(plain_text, st.one_of(plain_text, st.booleans(), st.floats(), st.none())))
def test_ordinary_attributes_come_back_as_the_same_object(attributes: dict[str, object]) -> None:
    """Texts without any sign of an assignment, an address or a token are never touched."""
    redactor = Redactor(["default", "-key", "email"])
    assert redactor.attributes(attributes) is attributes
    assert redactor.counts() == {}


@settings(max_examples=300, deadline=None)
@given(st.one_of(st.uuids().map(str), st.integers(0, 10**12).map(str), st.datetimes().map(str)))
def test_ids_numbers_and_times_stay(text: str) -> None:
    """What identifies things is no secret."""
    assert Redactor().text(text) == text


json_like = st.recursive(
    st.none() | st.booleans() | st.floats() | st.integers() | st.text() | st.binary(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=20,
)


@settings(max_examples=200, deadline=None)
@given(json_like)
def test_any_value_can_be_looked_through(value: object) -> None:
    """No value raises, and what was looked through once is clean afterwards."""
    once = Redactor().value(value, "x")
    assert repr(Redactor().value(once, "x")) == repr(once)
