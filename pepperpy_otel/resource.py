"""Who is speaking: the resource that every span, metric and log record carries.

The SDK's ``Resource.create()`` runs its detectors in a thread pool and parses the environment
again, with warnings of its own; here the values come parsed and checked from the settings, and the
usual case (no extra detector) starts no thread at all.
"""

from __future__ import annotations

import threading
import time
import uuid
from typing import TYPE_CHECKING

from opentelemetry.sdk.resources import Resource, ServiceInstanceIdResourceDetector
from opentelemetry.sdk.version import __version__ as sdk_version

from pepperpy_otel._version import __version__
from pepperpy_otel.errors import warn

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from opentelemetry.sdk.resources import ResourceDetector
    from opentelemetry.util.types import AttributeValue

DISTRO_NAME = "pepperpy-otel"
DETECTOR_GROUP = "opentelemetry_resource_detector"
#: Seconds that all extra detectors together may take: a metadata server that does not answer must
#: not hold up the start of the service.
DETECTION_TIMEOUT = 5.0


def build_resource(
    attributes: Mapping[str, AttributeValue],
    *,
    detectors: Sequence[str] = (),
    auto_version: str | None = None,
) -> Resource:
    """Build the resource.

    Args:
        attributes: What the user set by argument, environment or pyproject, already merged by
            precedence. Beats everything that is detected.
        detectors: Names of further resource detectors (entry points), in order.
        auto_version: Version of opentelemetry-instrument, when it started us.
    """
    found: dict[str, AttributeValue] = {
        "telemetry.sdk.language": "python",
        "telemetry.sdk.name": "opentelemetry",
        "telemetry.sdk.version": sdk_version,
        "telemetry.distro.name": DISTRO_NAME,
        "telemetry.distro.version": __version__,
    }
    if auto_version:
        found["telemetry.auto.version"] = auto_version
    resource = Resource(found).merge(ServiceInstanceIdResourceDetector().detect())
    for detected in _detect(detectors):
        resource = resource.merge(detected)
    resource = resource.merge(Resource(dict(attributes)))
    if not resource.attributes.get("service.name"):
        resource = resource.merge(Resource({"service.name": _unknown_service()}))
    return resource


def another_instance(resource: Resource) -> Resource:
    """The same service as another instance: what a forked child is."""
    return resource.merge(Resource({"service.instance.id": str(uuid.uuid4())}))


def _unknown_service() -> str:
    import sys
    from pathlib import PurePath

    # The specification's fallback: unknown_service, and the executable where it is known.
    return (
        f"unknown_service:{PurePath(sys.executable).name}" if sys.executable else "unknown_service"
    )


def _detect(names: Sequence[str]) -> list[Resource]:
    wanted = [name for name in names if name not in ("otel", "service_instance")]
    if not wanted:
        return []
    deadline = time.monotonic() + DETECTION_TIMEOUT
    runs = [(name, _Run(name, detector)) for name, detector in _load(wanted)]
    resources = []
    for name, run in runs:
        run.join(max(0.0, deadline - time.monotonic()))
        if run.resource is None:
            reason = run.error or f"no answer within {DETECTION_TIMEOUT:g} s"
            warn("resource detector %r is left out: %s", name, reason)
        else:
            resources.append(run.resource)
    return resources


def _load(names: Sequence[str]) -> Iterator[tuple[str, ResourceDetector]]:
    from importlib.metadata import entry_points

    group = {point.name: point for point in entry_points(group=DETECTOR_GROUP)}
    if "*" in names:
        listed = [name for name in names if name != "*"]
        rest = sorted(set(group) - set(listed) - {"otel", "service_instance"})
        at = names.index("*")
        names = [*names[:at], *rest, *names[at + 1 :]]
    for name in names:
        point = group.get(name)
        if point is None:
            continue  # the settings have said so already
        try:
            yield name, point.load()()
        except Exception as error:
            warn("resource detector %r is left out: %s: %s", name, type(error).__name__, error)


class _Run(threading.Thread):
    """One detector in a daemon thread: one that never answers is left behind."""

    def __init__(self, name: str, detector: ResourceDetector) -> None:
        super().__init__(name=f"pepperpy-otel-detect-{name}", daemon=True)
        self._detector = detector
        self.resource: Resource | None = None
        self.error: str | None = None
        self.start()

    def run(self) -> None:
        try:
            self.resource = self._detector.detect()
        except Exception as error:
            self.error = f"{type(error).__name__}: {error}"
