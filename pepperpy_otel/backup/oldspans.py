"""Spans in JSON, one a line, as OTLP: what the SDK's ``to_json()`` writes, and what is like it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from pepperpy_otel.backup.oldlogs import seconds
from pepperpy_otel.backup.reading import MAX_LINE
from pepperpy_otel.backup.records import nanos, put_attributes, said
from pepperpy_otel.delivery.files.fields import message_class
from pepperpy_otel.delivery.files.replay import UnreadableLine, request_of

if TYPE_CHECKING:
    from pathlib import Path

    from pepperpy_otel.backup.writing import Writer

NAME = "before-traces"
SCOPE = "pepperpy_otel.backup.before"
_KINDS = {"INTERNAL": 1, "SERVER": 2, "CLIENT": 3, "PRODUCER": 4, "CONSUMER": 5}
_STATUS = {"OK": 1, "ERROR": 2}


def add(writer: Writer, path: Path) -> None:
    """Add the spans of a file: lines of OTLP as they are, others made into OTLP.

    Raises:
        OSError: It cannot be read, or the backup not be written.
    """
    unreadable = 0
    with path.open("rb") as file:
        while line := file.readline(MAX_LINE):
            if not line.strip():
                continue
            try:
                try:
                    signal, body = request_of(line)
                except UnreadableLine:
                    signal, body = "traces", _request(json.loads(line))
            except Exception:  # whatever stands there, and numbers that protobuf cannot hold
                unreadable += 1
            else:
                writer.add(signal, body, name=NAME if signal == "traces" else f"before-{signal}")
    if unreadable:
        writer.complaints.append(f"{path}: {unreadable} lines are no spans")


def _request(given: Any) -> bytes:
    """A request with one span in it.

    Raises:
        Exception: Of any type: it is no span.
    """
    message = message_class("traces")()
    resource_spans = message.resource_spans.add()
    resource = given.get("resource") or {}
    put_attributes(resource_spans.resource.attributes, resource.get("attributes") or resource)
    scope_spans = resource_spans.scope_spans.add()
    scope_spans.scope.name = SCOPE
    _fill(scope_spans.spans.add(), given)
    body: bytes = message.SerializeToString()
    return body


def _fill(span: Any, given: Any) -> None:
    context = given.get("context") or given
    span.trace_id, span.span_id = _id(context["trace_id"], 16), _id(context["span_id"], 8)
    parent = given.get("parent_id") or given.get("parent_span_id")
    if parent:
        span.parent_span_id = _id(parent, 8)
    span.name = said(str(given["name"]))
    span.kind = _KINDS.get(str(given.get("kind", "")).rpartition(".")[2].upper(), 1)
    span.start_time_unix_nano = _nanos(given.get("start_time", given.get("start")))
    span.end_time_unix_nano = _nanos(given.get("end_time", given.get("end")))
    status = given.get("status") or {}
    if isinstance(status, dict):
        span.status.message = said(str(status.get("description") or ""))
        status = status.get("status_code", "")
    span.status.code = _STATUS.get(str(status).upper(), 0)
    put_attributes(span.attributes, given.get("attributes") or {})
    for event in given.get("events") or ():
        added = span.events.add()
        added.name, added.time_unix_nano = said(str(event["name"])), _nanos(event.get("timestamp"))
        put_attributes(added.attributes, event.get("attributes") or {})
    for link in given.get("links") or ():
        added = span.links.add()
        added.trace_id = _id(link["context"]["trace_id"], 16)
        added.span_id = _id(link["context"]["span_id"], 8)
        put_attributes(added.attributes, link.get("attributes") or {})


def _id(given: Any, size: int) -> bytes:
    """An id of so many bytes, from hexadecimal digits with or without ``0x``, or a number."""
    if isinstance(given, int):
        return given.to_bytes(size, "big")
    raw = bytes.fromhex(str(given).removeprefix("0x").zfill(2 * size))
    if len(raw) != size:
        raise ValueError(f"{given!r} is no id")
    return raw


def _nanos(given: Any) -> int:
    return given if isinstance(given, int) and given > 1e17 else nanos(seconds(given))
