"""Card numbers: 13 to 19 digits that a card's issuer starts with and whose checksum is right.

Grouped as cards are printed, or in one run. What is next to more digits or letters is part of an
id; timestamps and snowflakes begin with digits that no issuer has.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from pepperpy_otel.redaction.marks import mark

if TYPE_CHECKING:
    from pepperpy_otel.redaction.marks import Count

_SHAPES = re.compile(
    r"(?<![\w.])(?<!\d-)(?:"
    r"[2-6]\d{12,18}"
    r"|[2-6]\d{3}([ -])\d{4}\1\d{4}\1\d{1,4}(?:\1\d{1,3})?"
    r"|3\d{3}([ -])\d{6}\2\d{4,5}"
    r")(?![\w])(?!\.\d)(?!-\d)"
)
#: First digits and lengths: Visa, Mastercard, American Express, Discover, JCB, Diners, UnionPay,
#: Maestro.
_ISSUERS = re.compile(
    r"4(?:\d{12}|\d{15}|\d{18})|(?:5[1-5]\d\d|222[1-9]|22[3-9]\d|2[3-6]\d\d|27[01]\d|2720)\d{12}"
    r"|3[47]\d{13}|(?:6011|64[4-9]\d|65\d\d)\d{12,15}|35(?:2[89]|[3-8]\d)\d{12,15}"
    r"|3(?:0[0-5]|[689]\d)\d{11,16}|62\d{14,17}|(?:5018|5020|5038|5893|6304|67\d\d)\d{9,15}"
)
#: An integer that may be one.
LOWEST, HIGHEST = 10**12, 10**19
_DOUBLED = (0, 2, 4, 6, 8, 1, 3, 5, 7, 9)
_NOT_DIGITS = re.compile(r"\D")


def redact_cards(text: str, count: Count) -> str:
    """``text`` without card numbers."""

    def replaced(match: re.Match[str]) -> str:
        if not is_card(_NOT_DIGITS.sub("", match.group())):
            return match.group()
        count("card")
        return mark("card")

    return _SHAPES.sub(replaced, text)


def is_card(digits: str) -> bool:
    """Whether digits are the number of a card."""
    return _ISSUERS.fullmatch(digits) is not None and _luhn(digits)


def _luhn(digits: str) -> bool:
    numbers = [int(digit) for digit in reversed(digits)]
    return (sum(numbers[::2]) + sum(_DOUBLED[number] for number in numbers[1::2])) % 10 == 0
