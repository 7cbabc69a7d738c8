"""The entry points through which ``opentelemetry-instrument`` reaches ``configure()``.

``opentelemetry-instrument`` loads a distro first, then a configurator, then every instrumentor
through the distro. Which distro it takes when several are installed is the order of the file
system unless ``OTEL_PYTHON_DISTRO`` names one (``pepperpy-otel run`` does); from there on nothing
is left to chance: our distro names our configurator before the configurators are looked up.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from opentelemetry.instrumentation.distro import BaseDistro  # type: ignore[attr-defined]

from pepperpy_otel.errors import report_internal

if TYPE_CHECKING:
    from opentelemetry.util._importlib_metadata import EntryPoint

NAME = "pepperpy_otel"
CONFIGURATOR = "OTEL_PYTHON_CONFIGURATOR"


class PepperpyDistro(BaseDistro):  # type: ignore[misc]
    """Entry point ``opentelemetry_distro: pepperpy_otel``."""

    def _configure(self, **kwargs: Any) -> None:
        # The loader reads this variable after us; another installed configurator would otherwise
        # come first by chance.
        os.environ.setdefault(CONFIGURATOR, NAME)

    def load_instrumentor(self, entry_point: EntryPoint, **kwargs: Any) -> None:
        """Take an instrumentor, to be loaded when its library is first imported.

        Args:
            entry_point: One of the group ``opentelemetry_instrumentor``.
            **kwargs: What upstream's loader passes on to ``instrument()``.
        """
        from pepperpy_otel import bootstrap

        try:
            bootstrap.defer_instrumentor(entry_point, **kwargs)
        except Exception as error:  # one instrumentor must not cost the others
            report_internal(f"instrumentation {entry_point.name}", error)


class PepperpyConfigurator:
    """Entry point ``opentelemetry_configurator: pepperpy_otel``."""

    def configure(self, *, auto_instrumentation_version: str | None = None, **kwargs: Any) -> None:
        """Set everything up, exactly as ``pepperpy_otel.configure()`` does."""
        from pepperpy_otel import bootstrap

        bootstrap.configure_for_launcher(auto_instrumentation_version)
