"""Parsers of settings that speak of correlation: headers, keys of baggage, hosts, patches."""

from __future__ import annotations

import ipaddress
import re
from typing import TYPE_CHECKING

from pepperpy_otel._settings_given import Rejected, one_of, quoted
from pepperpy_otel._settings_names import words

if TYPE_CHECKING:
    from collections.abc import Callable

    from pepperpy_otel._settings_given import Given

_TOKEN = re.compile(r"[A-Za-z0-9!#$%&'*+\-.^_`|~]+").fullmatch
_HOST = re.compile(
    r"(?:\*\.)?(?:[A-Za-z0-9_](?:[A-Za-z0-9_-]*[A-Za-z0-9_])?)"
    r"(?:\.[A-Za-z0-9_](?:[A-Za-z0-9_-]*[A-Za-z0-9_])?)*\.?(?::[0-9]{1,5})?"
).fullmatch
_MESSAGING = "@messaging"
PATCHES = ("threads", "processes")


def headers(given: Given) -> tuple[str, ...]:
    """Names of headers, in lower case."""
    return _each(given, words(given), _TOKEN, "is no name of a header", str.lower)


def keys(given: Given) -> tuple[str, ...]:
    """Keys of baggage."""
    return _each(given, words(given), _TOKEN, "is no key of baggage", str)


def hosts(given: Given) -> tuple[str, ...] | None:
    """Hosts, in lower case; ``none`` is nobody, ``*`` everybody (``None``).

    A list of which nothing can be used is nobody, too: an error must not open the door.
    """
    try:
        names = words(given)
        if names == ("*",):
            return None
        if [name.lower() for name in names] == ["none"]:
            return ()
        return _each(given, names, _is_host, "is no host", str.lower)
    except Rejected:
        return ()


def patches(given: Given) -> tuple[str, ...]:
    """What is to be patched; ``none`` is nothing."""
    names = tuple(name.lower() for name in words(given))
    if names == ("none",):
        return ()
    found = []
    for name in names:
        if name in PATCHES:
            found.append(name)
        else:
            given.complain(
                f"names {quoted(name)}, which cannot be patched", f"use {one_of(PATCHES, name)}"
            )
    if names and not found:
        raise Rejected
    return tuple(found)


def _each(
    given: Given,
    names: tuple[str, ...],
    sound: Callable[[str], object],
    what: str,
    change: Callable[[str], str],
) -> tuple[str, ...]:
    found = []
    for name in names:
        if sound(name):
            found.append(change(name))
        else:
            given.complain(f"names {quoted(name)}, which {what}", "correct it or leave it out")
    if names and not found:
        raise Rejected
    return tuple(dict.fromkeys(found))


def _is_host(name: str) -> bool:
    if name.lower() == _MESSAGING:
        return True
    if "/" in name or name.count(":") > 1 or name.startswith("["):
        return _is_address(name)
    return _HOST(name) is not None


def _is_address(name: str) -> bool:
    """A network, or an IPv6 address, perhaps in brackets and with a port."""
    if name.startswith("["):
        name, bracket, port = name[1:].partition("]")
        if not bracket or (port and not re.fullmatch(r":[0-9]{1,5}", port)):
            return False
    try:
        ipaddress.ip_network(name, strict=False)
    except ValueError:
        return False
    return True
