"""The entry points through which ``opentelemetry-instrument`` reaches ``configure()``.

``opentelemetry-instrument`` loads a distro first, then a configurator, then every instrumentor
through the distro. Which distro it takes when several are installed is the order of the file
system unless ``OTEL_PYTHON_DISTRO`` names one (``pepperpy-otel run`` does); from there on nothing
is left to chance: our distro names our configurator before the configurators are looked up.
"""

from __future__ import annotations

import logging
import os
from typing import TYPE_CHECKING, Any

from opentelemetry.instrumentation.distro import BaseDistro  # type: ignore[attr-defined]

from pepperpy_otel.errors import report_internal

if TYPE_CHECKING:
    from opentelemetry.util._importlib_metadata import EntryPoint

NAME = "pepperpy_otel"
DISTRO = "OTEL_PYTHON_DISTRO"
CONFIGURATOR = "OTEL_PYTHON_CONFIGURATOR"
#: The logger of upstream's loader.
LOADER = "opentelemetry.instrumentation.auto_instrumentation._load"


class PepperpyDistro(BaseDistro):  # type: ignore[misc]
    """Entry point ``opentelemetry_distro: pepperpy_otel``."""

    def _configure(self, **kwargs: Any) -> None:
        # The loader reads this variable after us; another installed configurator would otherwise
        # come first by chance.
        if os.environ.setdefault(CONFIGURATOR, NAME) == NAME:
            # For each other one it names this variable, which the user has never set.
            logging.getLogger(LOADER).addFilter(_is_news)

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
        other = os.environ.get(DISTRO, NAME)
        if other != NAME and os.environ.get(CONFIGURATOR) != NAME:
            # The user has chosen another distro, and the loader took us because we came first.
            _configure_with(other, auto_instrumentation_version=auto_instrumentation_version)
            return
        from pepperpy_otel import bootstrap

        telemetry = bootstrap.configure_for_launcher(auto_instrumentation_version)
        telemetry.ledger.record(
            "filter on OpenTelemetry's loader",
            lambda: logging.getLogger(LOADER).removeFilter(_is_news),
        )


def _is_news(record: logging.LogRecord) -> bool:
    return not record.getMessage().endswith(f"because {NAME} is set by {CONFIGURATOR}")


def _configure_with(distro: str, **kwargs: Any) -> None:
    """Call the configurator that comes with the distro of this name, if it has one."""
    from importlib.metadata import entry_points

    distros = entry_points(group="opentelemetry_distro", name=distro)
    packages = {chosen.dist.name for chosen in distros if chosen.dist}
    configurators = entry_points(group="opentelemetry_configurator")
    theirs = [point for point in configurators if point.dist and point.dist.name in packages]
    for point in theirs[:1]:
        point.load()().configure(**kwargs)
