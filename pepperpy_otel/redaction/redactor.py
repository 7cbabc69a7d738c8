"""``Redactor``: takes secrets out of texts, values and attributes, and counts what it took.

Nothing that it is given is changed: where nothing is found the very same object comes back, else a
copy. It fails closed: what cannot be looked through is withheld, and what the user's own function
raises for is too. No lock, so that no thread and no fork waits here.
"""

from __future__ import annotations

import threading
from functools import cached_property
from typing import TYPE_CHECKING, Any

from pepperpy_otel._settings_redaction import ALL, ALLOW, DEFAULT, KEY
from pepperpy_otel.delivery.tally import Tally
from pepperpy_otel.errors import report_internal
from pepperpy_otel.redaction.cards import LOWEST
from pepperpy_otel.redaction.detectors import DETECTORS
from pepperpy_otel.redaction.keys import KeyRules, Verdict
from pepperpy_otel.redaction.marks import BY_CALLBACK, BY_ERROR, mark
from pepperpy_otel.redaction.prefilter import SHORTEST, is_suspicious
from pepperpy_otel.redaction.urls import redact_encoded
from pepperpy_otel.redaction.walk import Walk

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from pepperpy_otel.redaction.logs import LogRedactor
    from pepperpy_otel.redaction.metrics import MetricRedactor
    from pepperpy_otel.redaction.spans import SpanRedactor

    Callback = Callable[[str, Any], Any]

#: Sets of keys, and texts without a secret, that are remembered; of texts short ones only.
_KEPT = 1024
_KEPT_TEXTS = 4096
_LONGEST_KEPT = 256
#: Characters that the keys of a set have together that is remembered, and keys in it.
_LONGEST_SET = 4096
_LARGEST_SET = 128
#: What has no text in it.
_SILENT = frozenset((bool, float, type(None)))


class _Calling(threading.local):
    on = False


#: Whether this thread is in a function of the user's. What that logs or traces itself would be
#: shown to it again, without end.
_calling = _Calling()


class Withheld(Exception):
    """Stands for an error in a warning: the error's own text may quote what must not leave."""


class Redactor:
    """Looks for what a setting names.

    Args:
        items: As ``configure(redact=…)`` takes them: names of detectors, ``default``, ``-name``,
            ``key:pattern``, ``allow:pattern`` and functions of key and value. Without any name
            of a detector all the default ones are on.
    """

    def __init__(self, items: Iterable[Any] = (ALL,)) -> None:
        given = list(items)
        words = [item for item in given if isinstance(item, str)]
        names = [item for item in words if not item.startswith(("-", KEY, ALLOW))]
        wanted = {name for name in names or [ALL] if name != ALL}
        if not names or ALL in names:
            wanted |= set(DEFAULT)
        wanted -= {item.removeprefix("-") for item in words if item.startswith("-")}
        self._detectors = [find for name, find in DETECTORS.items() if name in wanted]
        self.cards = "card" in wanted
        self._rules = KeyRules(
            by_name="key" in wanted,
            patterns=[item.removeprefix(KEY) for item in words if item.startswith(KEY)],
            allowed=[item.removeprefix(ALLOW) for item in words if item.startswith(ALLOW)],
        )
        self._callbacks: list[Callback] = [item for item in given if not isinstance(item, str)]
        self._tallies: dict[str, Tally] = {}
        self._keys: dict[str, tuple[Verdict, str]] = {}
        self._key_sets: set[tuple[str, ...]] = set()
        self._clean: set[str] = set()

    # --- what was found ------------------------------------------------------------------------

    def counts(self) -> dict[str, int]:
        """How much was taken out since the start, by reason."""
        return {reason: tally.value() for reason, tally in list(self._tallies.items())}

    def after_fork(self) -> None:
        """Count from zero: what the parent has taken out is the parent's."""
        self._tallies = {}

    def count(self, reason: str) -> None:
        """Count one more."""
        tally = self._tallies.get(reason)
        if tally is None:
            tally = self._tallies.setdefault(reason, Tally())
        tally.increment()

    def failed(self, what: str, error: Exception) -> None:
        """Count what is withheld, and say so once, without a word of what was in it."""
        self.count(BY_ERROR)
        _say(what, error)

    # --- for each signal -----------------------------------------------------------------------

    @cached_property
    def spans(self) -> SpanRedactor:
        """Makes spans fit to leave."""
        from pepperpy_otel.redaction.spans import SpanRedactor

        return SpanRedactor(self)

    @cached_property
    def logs(self) -> LogRedactor:
        """Makes log records fit to leave."""
        from pepperpy_otel.redaction.logs import LogRedactor

        return LogRedactor(self)

    @cached_property
    def metrics(self) -> MetricRedactor:
        """Makes collected metrics fit to leave."""
        from pepperpy_otel.redaction.metrics import MetricRedactor

        return MetricRedactor(self)

    # --- texts ---------------------------------------------------------------------------------

    def text(self, text: str, key: str = "") -> str:
        """``text`` without secrets; never raises.

        Args:
            text: Any.
            key: What it is called, for the user's function.
        """
        try:
            if not self._callbacks and (len(text) < SHORTEST or text in self._clean):
                return text
            value = self.called(key, text) if self._callbacks else text
            return self.look(value if type(value) is str else str(value))
        except Exception:
            return self.withheld(BY_ERROR)

    def withheld(self, reason: str) -> str:
        """Count something that is not let through; what stands for it."""
        self.count(reason)
        return mark(reason)

    def look(self, text: str) -> str:
        """``text`` without what the detectors find in it."""
        if not is_suspicious(text):
            self._remember(text)
            return text
        found = self._detect(text, self.count)
        if found is text or found == text:
            self._remember(text)
            return text
        return found

    def _detect(self, text: str, count: Callable[[str], object]) -> str:
        for detect in self._detectors:
            text = detect(text, count)
        return redact_encoded(text, self._finds)

    def _finds(self, decoded: str) -> bool:
        if not is_suspicious(decoded):
            return False
        found: list[str] = []
        for detect in self._detectors:
            detect(decoded, found.append)
            if found:
                self.count(found[0])
                return True
        return False

    def _remember(self, text: str) -> None:
        if len(text) <= _LONGEST_KEPT:
            if len(self._clean) >= _KEPT_TEXTS:
                self._clean.clear()
            self._clean.add(text)

    # --- attributes ----------------------------------------------------------------------------

    def attributes(self, attributes: Mapping[Any, Any]) -> Mapping[Any, Any]:
        """The same attributes if there is nothing to take out, else a copy; never raises."""
        try:
            if not self._callbacks and self._are_clean(attributes):
                return attributes
            return Walk(self).mapping(attributes, 0)
        except Exception:
            return {"redacted": self.withheld(BY_ERROR)}

    def _are_clean(self, attributes: Mapping[Any, Any]) -> bool:  # noqa: C901 (a call costs)
        """The quick way, for what almost all attributes are."""
        if not attributes:
            return True
        if tuple(attributes) not in self._key_sets and not self._check_keys(tuple(attributes)):
            return False
        clean = self._clean
        fresh = []
        for value in attributes.values():
            kind = type(value)
            if kind is str:
                if value not in clean:
                    fresh.append(value)
            elif kind is int:
                if value >= LOWEST:
                    return False
            elif kind not in _SILENT:
                return False
        if not fresh:
            return True
        if is_suspicious("\n".join(fresh)):
            return False
        if len(clean) >= _KEPT_TEXTS:
            clean.clear()
        clean.update([text for text in fresh if len(text) <= _LONGEST_KEPT])
        return True

    def _check_keys(self, keys: tuple[Any, ...]) -> bool:
        if any(type(key) is not str or self.key(key)[0] is not Verdict.ORDINARY for key in keys):
            return False
        if len(keys) <= _LARGEST_SET and sum(map(len, keys)) <= _LONGEST_SET:
            if len(self._key_sets) >= _KEPT:
                self._key_sets.clear()
            self._key_sets.add(keys)
        return True

    def key(self, key: str) -> tuple[Verdict, str]:
        """What is to be done with the value of that key, and the key as it may be shown."""
        known = self._keys.get(key)
        if known is None:
            verdict = self._rules.verdict(key)
            known = (verdict, key if verdict is Verdict.ALLOWED else self.look(key))
            if known[1] != key:  # one that is a secret itself is not kept
                return (Verdict.SECRET if verdict is Verdict.SECRET else Verdict.TELLING, known[1])
            if len(key) <= _LONGEST_KEPT:
                if len(self._keys) >= _KEPT:
                    self._keys.clear()
                self._keys[key] = known
        return known

    def value(self, value: Any, key: str = "") -> Any:
        """Any value: the same one if there is nothing to take out, else a copy; never raises."""
        try:
            return Walk(self).member(key, value, 0)[1]
        except Exception:
            return self.withheld(BY_ERROR)

    def called(self, key: str, value: Any) -> Any:
        """What the user's functions make of a value; withheld if one raises or says nothing."""
        if not self._callbacks:
            return value
        if _calling.on:
            return self.withheld(BY_CALLBACK)
        _calling.on = True
        try:
            for callback in self._callbacks:
                value = callback(key, value)
                if value is None:
                    return self.withheld(BY_CALLBACK)
        except Exception as error:
            _say("the value for which a function given as redact= raised", error)
            return self.withheld(BY_CALLBACK)
        finally:
            _calling.on = False
        return value


def _say(what: str, error: Exception) -> None:
    report_internal(f"redaction, {what} is withheld", Withheld(type(error).__name__))
