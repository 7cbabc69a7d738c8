"""Whatever stands around a secret, it goes: texts, nesting and neighbours of all kinds."""

from __future__ import annotations

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from pepperpy_otel.redaction import Redactor
from tests.redaction.corpus import TOKENS, everything

SECRETS = everything()
ALONE = [s for s in SECRETS if s.kind in TOKENS and s.text == s.secret]
#: What may stand next to a token: no letter or digit, which would make it part of something else,
#: and no sign that tokens have inside.
beside = st.text(st.characters(codec="utf-8", exclude_categories=["L", "N", "M"]), max_size=20)
around = beside.map(lambda text: text.replace("_", " ").replace("-", " "))


@settings(max_examples=400, deadline=None)
@given(st.sampled_from(ALONE), around, around)
def test_a_token_goes_whatever_is_beside_it(secret: Any, before: str, after: str) -> None:
    """Punctuation, control characters, emoji and line breaks hide no token."""
    assert secret.secret not in Redactor().text(f"{before}{secret.text}{after}")


@settings(max_examples=300, deadline=None)
@given(st.sampled_from(SECRETS), st.text(max_size=60), st.text(max_size=60))
def test_a_secret_goes_between_lines_of_anything(secret: Any, before: str, after: str) -> None:
    """What an app says before and after does not matter."""
    assert secret.secret not in Redactor().text(f"{before}\n{secret.text}\n{after}")


nested = st.recursive(
    st.sampled_from([secret.text for secret in SECRETS]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.text(max_size=5), inner, max_size=3)
        | st.tuples(inner, st.integers())
        | inner.map(lambda value: value.encode() if isinstance(value, str) else value)
    ),
    max_leaves=8,
)


@settings(max_examples=200, deadline=None)
@given(nested)
def test_a_secret_goes_however_deep_it_is(value: Any) -> None:
    """Lists, maps, tuples and bytes in each other hold none afterwards."""
    shown = repr(Redactor().attributes({"x": value}))
    assert [secret.secret for secret in SECRETS if secret.secret in shown] == []
