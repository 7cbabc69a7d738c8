"""Secrets by what stands before them in a text: ``password=…``, ``"api_key": "…"``, ``--token …``.

Log lines, exception messages, SQL, command lines, dumped headers and JSON within JSON. What cannot
be told from prose is left: after a word like ``token`` and a colon only what looks like one goes.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from pepperpy_otel.redaction.marks import IN_URL, NOT_YET, mark

if TYPE_CHECKING:
    from collections.abc import Callable

    from pepperpy_otel.redaction.marks import Count

#: After these everything is a secret.
_HARD = (
    r"pass(?:word|wd|phrase|code)s?|pwd|secrets?|(?:api|access|private|secret|account|signing"
    r"|encryption|master)[ _-]?keys?(?:[ _-]?id)?"
)
#: After these it depends.
_SOFT = (
    r"token|credentials?|auth|cookie|session[_-]?(?:id|key)|(?:j?session|phpsess)id|signature|sig|sas"
    r"|csrf|jwt|x-amz-credential|(?<![a-z])(?:pass|pw|sid|otp|pin|cvv|cvc)"
)
_SUFFIX = r"(?:[_-]?(?:value|hash|b64|text))?\d*"
#: A quote, perhaps escaped; of what is JSON within JSON several times.
_QUOTE = r"\\{0,63}['\"]"
#: The closing one: as the opening one, and not escaped once more.
_CLOSE = r"(?:(?<!\\)(?P=open)|$)"
#: Quotes around the name, the brackets of a subscript; the sign.
_SIGN = rf"(?:{_QUOTE})?\]?\s{{0,8}}(?P<sign>=>|:=|[:=])\s{{0,8}}b?"
#: Brackets with others in them, some levels deep; without their end up to that of the line.
_PLAIN = r"[^\[\]{}\n]"
_INNER = rf"[\[{{](?:{_PLAIN}|[\[{{]{_PLAIN}*[\]}}])*[\]}}]"
_GROUP = rf"[\[{{](?:{_PLAIN}|{_INNER})*(?:[\]}}]|[^\n]*)"
#: In quotes to the closing ones, of which a text that was cut off may have none; in brackets,
#: likewise; or to what ends it: a space, or a separator before the next name.
_VALUE = (
    rf"(?:(?P<open>{_QUOTE})(?P<quoted>.*?){_CLOSE}"
    rf"|(?P<group>{_GROUP})"
    rf"|(?P<bare>{NOT_YET}(?:[^\s,;&'\"<>\\]|[,;&](?![\s,;&]|$|[\w.%-]{{1,64}}[=:])|\\(?!n))+))"
)
_ASSIGNED = re.compile(
    rf"(?i:(?P<hard>{_HARD})|(?P<soft>{_SOFT})){_SUFFIX}{_SIGN}{_VALUE}", re.MULTILINE
)
#: Headers whose value goes on to the end of the line; as a pair in a tuple after a comma.
_HEADER = re.compile(
    r"(?i:\b(?:authorization|(?:set[-_])?cookie)s?)"
    rf"(?:{_QUOTE})?\]?\s{{0,8}}(?::|=|=>|(?<=['\"]),)\s{{0,8}}b?"
    rf"(?:(?P<open>{_QUOTE})(?P<quoted>.*?){_CLOSE}"
    rf"|(?P<bare>{NOT_YET}[^\s'\"\[{{][^\n'\"]*))",
    re.MULTILINE,
)
_SCHEME = re.compile(
    r"(?i:\b(?P<scheme>bearer|basic|negotiate|digest|apikey)[ +]\s{0,8})"
    rf"(?P<bare>{NOT_YET}[\w.~+/=:-]{{6,}})"
)
#: A text in quotes as shells, SQL and Python write it; without an end up to that of the line.
_LITERAL = r"'(?:[^'\\]|\\[\s\S]|'')*'|\"(?:[^\"\\]|\\[\s\S]|\"\")*\"|['\"][^\n]*"
#: On a command line, or in the list of arguments that subprocess quotes in its errors.
_OPTION = re.compile(
    rf"--?(?:[a-z0-9]{{1,32}}[-_]){{0,4}}(?:{_HARD}|token|credentials?|auth)"
    r"(?:\s{1,8}|['\"],\s{0,8}b?(?=['\"]))"
    rf"(?P<bare>{NOT_YET}(?!-)[^\s'\"]+|{_LITERAL})",
    re.IGNORECASE,
)
#: A pair in parentheses, as Python shows headers: ``(b'x-api-key', b'…')``.
_PAIR = re.compile(
    rf"\(b?['\"][\w.-]{{0,64}}(?:{_HARD}|{_SOFT}){_SUFFIX}['\"],\s?b?(?P<bare>{_LITERAL})(?=\))",
    re.IGNORECASE,
)
_SQL = re.compile(
    r"\b(?:password|passphrase|identified\s{1,8}by(?:\s{1,8}password)?|pwd)\s{1,8}(?:=\s{0,8})?"
    rf"(?P<bare>{_LITERAL})",
    re.IGNORECASE,
)
#: What stands for a secret and is none: a parameter of SQL, a placeholder, nothing, a mask.
_NOTHING = re.compile(
    r"(?i:none|null|nil|true|false|undefined|\$\d{1,3}|\?|%s|%\(\w{1,64}\)s|:[a-z_]\w{0,63}|@p\d{1,3}"
    r"|\$?\{\{?\s?[\w.]{0,64}\s?\}?\}|\[\]|\*+|x{3,})[,;)]?"
)
#: How long a word in prose is at most; a shorter one, of letters as in prose, is taken for one.
_LONGEST_WORD = 16
_DIGIT = re.compile(r"\d")
#: How long the name of a URL's parameter is at most.
_LONGEST_NAME = 64


def redact_assignments(text: str, count: Count) -> str:
    """``text`` without what is assigned to a telling name."""

    def replaced(match: re.Match[str]) -> str:
        if match["soft"] and match["bare"] and match["sign"] == ":" and _is_prose(match["bare"]):
            return match.group()
        name = "quoted" if match["open"] else "group" if match["group"] else "bare"
        if not match[name] or match[name].startswith("[redacted:"):
            return match.group()
        if _NOTHING.fullmatch(match[name]):
            return match.group()
        count("assignment")
        in_url = match["sign"] == "=" and name == "bare" and _is_in_query(text, match.start())
        return _put(match, name, IN_URL if in_url else mark("assignment"))

    text = _ASSIGNED.sub(replaced, text)
    text = _OPTION.sub(_all("assignment", count), text)
    text = _PAIR.sub(_all("assignment", count), text)
    return _SQL.sub(_all("assignment", count), text)


def redact_authorization(text: str, count: Count) -> str:
    """``text`` without the values of ``Authorization`` and cookies, and what schemes introduce."""

    def header(match: re.Match[str]) -> str:
        name = "quoted" if match["open"] else "bare"
        if not match[name] or match[name].startswith("[redacted:"):
            return match.group()
        count("authorization")
        return _put(match, name, mark("authorization"))

    def scheme(match: re.Match[str]) -> str:
        if _is_prose(match["bare"]):
            return match.group()
        count("authorization")
        return _put(match, "bare", mark("authorization"))

    return _SCHEME.sub(scheme, _HEADER.sub(header, text))


def _all(reason: str, count: Count) -> Callable[[re.Match[str]], str]:
    def replaced(match: re.Match[str]) -> str:
        if match["bare"][1:].startswith("[redacted:"):
            return match.group()
        count(reason)
        return _put(match, "bare", mark(reason))

    return replaced


def _put(match: re.Match[str], name: str, instead: str) -> str:
    """The match with one of its groups exchanged."""
    start, end = match.start(name) - match.start(), match.end(name) - match.start()
    return match.group()[:start] + instead + match.group()[end:]


def _is_prose(word: str) -> bool:
    if len(word) >= _LONGEST_WORD or _DIGIT.search(word):
        return False
    return word.islower() or word.istitle() or word.isupper() or not word.isascii()


def _is_in_query(text: str, start: int) -> bool:
    """Whether a parameter of a URL begins here, or a little before."""
    first = max(0, start - _LONGEST_NAME)
    while start > first and (text[start - 1].isalnum() or text[start - 1] in "_-.%"):
        start -= 1
    return start > 0 and text[start - 1] in "?&"
