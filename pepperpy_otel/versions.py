"""Names an installation whose OpenTelemetry parts do not fit together.

``pip install pepperpy-otel`` followed by ``pip install opentelemetry-instrumentation-fastapi`` can
leave the API (which contrib pins) older than the SDK; what comes of it is an ImportError deep in
the SDK that names neither. https://github.com/open-telemetry/opentelemetry-python-contrib/issues/4151
"""

from __future__ import annotations


def mismatch(
    *, api: str | None = None, sdk: str | None = None, fix: str = "pip install --upgrade"
) -> str | None:
    """One line when the API is older than the SDK, else ``None``.

    Args:
        api: Version of opentelemetry-api; by default the installed one.
        sdk: Version of opentelemetry-sdk; by default the installed one.
        fix: The command in front of the package names.
    """
    from opentelemetry.sdk.version import __version__ as installed_sdk
    from opentelemetry.version import __version__ as installed_api

    api, sdk = api or installed_api, sdk or installed_sdk
    if _numbers(api) >= _numbers(sdk):
        return None
    return (
        f"opentelemetry-api {api} is older than opentelemetry-sdk {sdk} (installed in two steps?); "
        f"run: {fix} opentelemetry-api opentelemetry-sdk opentelemetry-exporter-otlp "
        "together with the instrumentations in one command"
    )


def _numbers(text: str) -> tuple[int, ...]:
    """``1.45.1`` as numbers; a pre-release counts as its release, it comes with its own SDK."""
    numbers = []
    for part in text.split(".")[:3]:
        digits = ""
        for character in part:
            if not character.isdigit():
                break
            digits += character
        numbers.append(int(digits or 0))
    return tuple(numbers)
