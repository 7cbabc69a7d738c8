"""Names of what health emits; there is no semantic convention for health checks to follow
(https://github.com/open-telemetry/semantic-conventions/issues/1106), only one for status metrics
(https://opentelemetry.io/docs/specs/semconv/how-to-write-conventions/status-metrics/).
"""  # noqa: D205

from __future__ import annotations

SCOPE = "pepperpy_otel.health"

CHECK_STATUS = "health.check.status"
GROUP_STATUS = "health.group.status"
CHECK_AGE = "health.check.age"
CHECK_DURATION = "health.check.duration"
CHECK_TRANSITIONS = "health.check.transitions"
PROCESS_STALL = "health.process.stall"
#: The log event of a change, and the span of a run that failed or changed something.
TRANSITION_EVENT = "health.check.transition"
RUN_SPAN = "health.check.run"

CHECK_NAME = "health.check.name"
CHECK_STATE = "health.check.state"
CHECK_CRITICAL = "health.check.critical"
CHECK_RESULT = "health.check.result"
CHECK_REASON = "health.check.reason"
STATE_FROM = "health.check.state.from"
STATE_TO = "health.check.state.to"
GROUP_NAME = "health.group.name"
STALL_KIND = "health.stall.kind"
ERROR_TYPE = "error.type"
