"""The rows of the table of settings that speak of what must not leave."""

from __future__ import annotations

from pepperpy_otel._settings_row import argument

#: What looks for secrets when ``redact`` is true, in the order of the documentation.
DEFAULT = ("key", "private-key", "url", "authorization", "jwt", "token", "assignment", "card")
#: What has to be asked for by name.
ON_REQUEST = ("email",)
DETECTORS = (*DEFAULT, *ON_REQUEST)
#: The words of the setting that stand for all of ``DEFAULT``.
ALL = "default"
#: What stands before a pattern of keys: to be redacted, or to be left as they are.
KEY, ALLOW = "key:", "allow:"

REDACTION = (
    argument(
        "redact",
        "redact.redact",
        (),
        "What is taken out of telemetry before it is queued or printed: `true` for secrets and card"
        " numbers, `false` for nothing, or a list of detectors"
        f" ({', '.join(f'`{name}`' for name in DETECTORS)}), `default`, `-name`, `key:pattern`,"
        " `allow:pattern`; as an argument also functions of key and value.",
    ),
)
