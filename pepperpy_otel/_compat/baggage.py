"""Baggage: where it lies in a context."""

from __future__ import annotations


def baggage_key() -> str:
    """The key of the baggage in a context (private: ``opentelemetry.baggage._BAGGAGE_KEY``).

    The public ``get_all()`` costs three calls more for each span and each log record of a process,
    most of which have no baggage at all.
    """
    from opentelemetry.baggage import _BAGGAGE_KEY

    return _BAGGAGE_KEY
