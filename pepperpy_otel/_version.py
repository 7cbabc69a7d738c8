"""The one place that states the version; pyproject.toml and the resource read it."""

__version__ = "0.1.0"
