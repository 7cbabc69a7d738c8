"""OTLP in files: one JSON line a request, one file a signal.

By the OpenTelemetry file exporter specification and OTLP's JSON encoding
(https://opentelemetry.io/docs/specs/otel/protocol/file-exporter/,
https://opentelemetry.io/docs/specs/otlp/#json-protobuf-encoding). ``sender`` is what the exporter
``otlp-file`` delivers through, ``store`` writes and rotates, ``lines`` and ``replay`` go from
request bytes to a line and back.
"""

from __future__ import annotations
