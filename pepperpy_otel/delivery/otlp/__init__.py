"""OTLP requests for spans and log records, written by hand from the SDK's records.

The stock encoder builds a protobuf message for each attribute and then serialises the tree, which
costs more than making the span did. Here the bytes are put together directly, and what comes again
and again (keys, short values, names, resources, scopes) is kept ready. No protobuf is imported.
"""

from __future__ import annotations

from pepperpy_otel.delivery.otlp.answers import read_answer
from pepperpy_otel.delivery.otlp.request import RequestEncoder

__all__ = ["RequestEncoder", "read_answer"]
