"""Keys and tokens that can be told by their looks: their makers gave them a prefix for that.

Each is ``prefix`` and ``rest``: literal text first, so that a text without any prefix is done
with after one search. A rest is bounded, so that no text takes long.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from pepperpy_otel.redaction.marks import mark

if TYPE_CHECKING:
    from pepperpy_otel.redaction.marks import Count

_WORD = r"[A-Za-z0-9_-]"
#: Prefixes that end in a separator, by what comes after them.
_SEPARATED: tuple[tuple[str, str], ...] = (
    # GitHub, GitLab, Bitbucket and Atlassian
    ("ghp_ gho_ ghu_ ghs_ ghr_", r"[A-Za-z0-9]{20,255}"),
    ("github_pat_", r"\w{20,255}"),
    ("glpat- gldt- glrt- glptt- glcbt- glimt- glagent- glft- glsoat-", rf"{_WORD}{{16,255}}"),
    # Slack, Stripe, Square, Shopify
    ("xoxb- xoxa- xoxp- xoxr- xoxs- xoxe- xoxc- xoxd- xapp-", r"[A-Za-z0-9-]{10,255}"),
    ("sk_live_ sk_test_ rk_live_ rk_test_ pk_live_ pk_test_ whsec_", r"[A-Za-z0-9+/=]{10,255}"),
    ("sq0atp- sq0csp- sq0idp-", rf"{_WORD}{{20,64}}"),
    ("shpat_ shpss_ shpca_ shppa_", r"[a-fA-F0-9]{32}"),
    # Models and their hubs
    ("sk-proj- sk-ant- sk-or-v1- sk-svcacct-", rf"{_WORD}{{16,255}}"),
    ("sk-", r"[A-Za-z0-9]{20,255}"),
    ("hf_ api_org_ gsk_ r8_ pplx- xai-", r"[A-Za-z0-9]{30,255}"),
    # Package registries
    ("npm_", r"[A-Za-z0-9]{36}"),
    ("pypi-", rf"{_WORD}{{16,255}}"),
    ("rubygems_ CLOJARS_ dckr_pat_ dckr_oat_", rf"{_WORD}{{20,255}}"),
    # Clouds and platforms
    ("ya29. GOCSPX- 1//0", rf"{_WORD}{{20,255}}"),
    ("dop_v1_ doo_v1_ dor_v1_", r"[a-f0-9]{64}"),
    ("hvs. hvb. hvr.", rf"{_WORD}{{20,255}}"),
    ("pul- sbp_ tskey- pscale_tkn_ pscale_pw_ HRKU-", rf"{_WORD}{{20,255}}"),
    ("dp.pt. dp.st. dp.ct. dp.sa. dt0c01.", r"[A-Za-z0-9.]{20,255}"),
    ("glsa_ glc_ NRAK- NRJS- NRII- sntrys_ sntryu_ pylf_v1_", r"[A-Za-z0-9_=+/-]{20,255}"),
    # Mail, telephones, work
    ("SG.", rf"{_WORD}{{16,32}}\.{_WORD}{{32,64}}"),
    ("xkeysib- xsmtpsib-", r"[a-f0-9]{64}-[A-Za-z0-9]{16}"),
    ("key-", r"[a-f0-9]{32}"),
    ("lin_api_ ntn_ secret_ figd_ PMAK-", rf"{_WORD}{{32,255}}"),
    ("AGE-SECRET-KEY-1", r"[A-Z0-9]{58}"),
)
#: Those without one.
_JOINED: tuple[tuple[str, str], ...] = (
    ("AKIA ASIA ABIA ACCA", r"[A-Z0-9]{16}"),
    ("AIza", rf"{_WORD}{{35}}"),
    ("dapi", r"[a-f0-9]{32}"),
    ("ATATT3 ATCTT3 ATBB", r"[A-Za-z0-9_=-]{20,255}"),
    ("LTAI AKID", r"[A-Za-z0-9]{16,40}"),
    ("EAAC EAAG", r"[A-Za-z0-9]{40,255}"),
    (":AA", rf"{_WORD}{{33}}"),
    ("hooks.slack.com/services/ hooks.slack.com/workflows/", r"[A-Za-z0-9/]{20,100}"),
    ("discord.com/api/webhooks/ discordapp.com/api/webhooks/", rf"\d{{15,21}}/{_WORD}{{40,100}}"),
)


def _prefixes(rows: tuple[tuple[str, str], ...]) -> list[str]:
    return [prefix for prefixes, _ in rows for prefix in prefixes.split()]


def _after_separator() -> re.Pattern[str]:
    """Finds a separator, which is rare, and looks back for the rest of the prefix.

    By separator, by what is before it and by length, so that the many dashes of a UUID cost little.
    """
    branches = ["1//0", "KEY-1"]
    for separator in "_-.":
        for before in ("[A-Za-z]", "[0-9]"):
            by_length: dict[int, list[str]] = {}
            for prefix in _prefixes(_SEPARATED):
                if prefix[-1] == separator and re.fullmatch(before, prefix[-2]):
                    by_length.setdefault(len(prefix), []).append(re.escape(prefix))
            looks = "|".join(f"(?<={'|'.join(found)})" for found in by_length.values())
            branches.append(rf"{re.escape(separator)}(?<={before}.)(?:{looks})")
    return re.compile("|".join(branches))


def _capitals() -> re.Pattern[str]:
    """Those that begin with a capital, of which texts have few."""
    by_first: dict[str, list[str]] = {}
    for prefix in _prefixes(_JOINED):
        if not prefix[0].islower():
            by_first.setdefault(prefix[0], []).append(re.escape(prefix[1:]))
    return re.compile("|".join(f"{first}(?:{'|'.join(by_first[first])})" for first in by_first))


#: Whether a text has the prefix of any of the first kind, or one of the second with a capital; the
#: others are looked for one by one, which is cheaper.
has_prefix = _after_separator().search
has_capitals = _capitals().search
JOINED = tuple(prefix for prefix in _prefixes(_JOINED) if prefix[0].islower())
TOKEN_ROWS = (*_SEPARATED, *_JOINED)
_ALL = re.compile(
    r"(?<![A-Za-z0-9])(?:"
    + "|".join(
        f"(?:{'|'.join(map(re.escape, prefixes.split()))}){rest}" for prefixes, rest in TOKEN_ROWS
    )
    + rf")|(?<!\d)\d{{8,10}}:AA{_WORD}{{33}}"
)


def redact_tokens(text: str, count: Count) -> str:
    """``text`` without keys and tokens of known formats."""

    def replaced(match: re.Match[str]) -> str:
        count("token")
        return mark("token")

    return _ALL.sub(replaced, text)
