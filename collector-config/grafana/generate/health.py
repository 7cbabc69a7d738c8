"""Health: every component of every service over time, and how much of it is known."""

from __future__ import annotations

from typing import TYPE_CHECKING

from grafana_foundation_sdk.models import units

from . import links, looks
from .frame import Place, Row, Sheet, choice, dashboard_of, services
from .panels import About, Scale, log_lines, series, stat, states, table
from .promql import SERVICE, components, quantile, rate, worst
from .sources import logs, now, prom, rows

if TYPE_CHECKING:
    from grafana_foundation_sdk.models.dashboard import Dashboard, DashboardLink, Panel

NONE = "No health checks are reported"
THESE = f'{SERVICE}, health_check_name=~"$component"'
BY = "service_name, health_check_name"
NAMED = "{{service_name}} {{health_check_name}}"
#: More than the usual interval of checks, and where the alert HealthStale begins.
EXPIRED = looks.steps((45, "yellow"), (900, "red"))


def build() -> Dashboard:
    """All components of the selected services."""
    return dashboard_of(
        Sheet(
            uid="pepperpy-health",
            description="Health checks: which component is in which state since when, how old "
            "that verdict is, how often it changes its mind, and how many have one at all.",
            variables=[
                services(of="health_check_status"),
                choice(
                    "component",
                    "Component",
                    "health_check_name",
                    f"health_check_status{{{SERVICE}}}",
                ),
            ],
            rows=[
                Row("Now", _numbers()),
                Row("States", [Place(_states(), 24, 11), Place(_groups(), 24, 7)]),
                Row(
                    "Verdicts", [Place(_ages(), 8, 8), Place(_flaps(), 8, 8), Place(_share(), 8, 8)]
                ),
                Row("Runs", [Place(_durations(), 12, 8), Place(_results(), 12, 8)]),
                Row("Changes", [Place(_changes(), 24, 9)]),
            ],
        )
    )


def _numbers() -> list[Place]:
    def known(states: str) -> str:
        return components(f"{THESE}, health_check_state{states}")

    # One-hot gauges: the unknown ones are counted as 0 or 1 each, so their complement is k.
    declared = f"count(max by ({BY}) (health_check_status{{{THESE}}}))"
    blind = known('="unknown"')
    panels = [
        stat(
            About(
                "With a verdict",
                "Components whose state is known: k of the n declared.",
                NONE,
            ),
            now(f"{declared} - {blind}", "known"),
            now(declared, "declared"),
        ),
        stat(
            About(
                "Coverage",
                "Share of the declared components whose state is known.",
                NONE,
                units.PercentUnit,
            ),
            now(f"1 - {blind} / {declared}"),
            scale=Scale(looks.steps((0.5, "yellow"), (1, "green"), base="red"), min=0, max=1),
        ),
        stat(
            About("Healthy", "Components that are healthy in some instance.", NONE),
            now(known('="healthy"')),
            scale=Scale(looks.steps(base="green")),
        ),
        stat(
            About("Degraded", "Suspect after a first failure, or limping.", NONE),
            now(known('="degraded"')),
            scale=Scale(looks.steps((1, "yellow"))),
        ),
        stat(
            About("Unhealthy", "Unhealthy in some instance.", NONE),
            now(known('="unhealthy"')),
            scale=Scale(looks.NONE_WANTED),
        ),
        stat(
            About("Unknown", "Not run yet, expired, or declared and missing.", NONE),
            now(blind),
            scale=Scale(looks.steps((1, "purple"))),
        ),
    ]
    return [Place(each, 4, 4) for each in panels]


def _onwards() -> tuple[DashboardLink, ...]:
    return (
        links.to_logs(
            filters=' | health_check_name="${__field.labels.health_check_name}"',
            title="Changes of this component",
        ),
        links.to_traces(
            operation="health.check.run ${__field.labels.health_check_name}",
            title="Failed runs of this component",
        ),
        links.to_dashboard("pepperpy-service"),
    )


def _states() -> Panel:
    return states(
        About(
            "States of components",
            "The state of each component; with several instances the worst of them.",
            NONE,
            links=_onwards(),
        ),
        prom(worst("health_check_status", THESE, BY), NAMED),
    )


def _groups() -> Panel:
    return states(
        About(
            "States of groups",
            "What /livez, /readyz and /startupz answer: the worst instance's.",
            NONE,
            links=[links.to_logs(), links.to_dashboard("pepperpy-service")],
        ),
        prom(
            worst("health_group_status", SERVICE, "service_name, health_group_name"),
            "{{service_name}} {{health_group_name}}",
        ),
    )


def _ages() -> Panel:
    return series(
        About(
            "Age of verdicts",
            "Time since the last run that ended, of the instance that is furthest behind. A "
            "check that hangs climbs without end.",
            NONE,
            units.Seconds,
            _onwards(),
        ),
        prom(f"max by ({BY}) (health_check_age_seconds{{{THESE}}})", NAMED),
        scale=Scale(EXPIRED, min=0),
        lines_at_thresholds=True,
    )


def _flaps() -> Panel:
    return series(
        About(
            "Changes in 15 minutes",
            "How often the state changed. Six are flapping.",
            NONE,
            links=_onwards(),
        ),
        prom(f"sum by ({BY}) (increase(health_check_transitions_total{{{THESE}}}[15m]))", NAMED),
        scale=Scale(looks.steps((6, "red")), min=0),
        lines_at_thresholds=True,
    )


def _share() -> Panel:
    return table(
        About(
            "Healthy share",
            "Share of the time range in which each component was healthy, over all instances.",
            NONE,
        ),
        rows(
            f"avg by ({BY}) (avg_over_time(health_check_status{{{THESE}, "
            'health_check_state="healthy"}[$__range]))'
        ),
        columns={
            "service_name": "Service",
            "health_check_name": "Component",
            "Value": "Healthy",
        },
        merge=False,
        overrides=[
            looks.by_name(
                "Healthy",
                unit=units.PercentUnit,
                decimals=2,
                thresholds=looks.steps((0.99, "yellow"), (0.999, "green"), base="red"),
                custom__cellOptions=looks.COLORED_TEXT,
            ),
            looks.by_name(
                "Service",
                links=[links.to_dashboard("pepperpy-service", "${__data.fields.Service}")],
            ),
        ],
    )


def _durations() -> Panel:
    return series(
        About(
            "Runs: 95 % within",
            "Time in which 95 % of the runs of a check ended, timeouts included.",
            NONE,
            units.Seconds,
            _onwards(),
        ),
        prom(quantile(0.95, "health_check_duration_seconds", THESE, BY), NAMED),
    )


def _results() -> Panel:
    return series(
        About(
            "Runs by result",
            "Runs a second, by what came of them.",
            NONE,
            units.OpsPerSecond,
            [links.to_logs(links.SELECTED), links.to_dashboard("pepperpy-service", links.SELECTED)],
        ),
        prom(
            rate("health_check_duration_seconds_count", THESE, "health_check_result"),
            "{{health_check_result}}",
        ),
        stacked=True,
    )


def _changes() -> Panel:
    return log_lines(
        About(
            "Changes",
            "Every change of a state with its reason; open a line for the trace of the run that "
            "brought it.",
            "No component changed its state in this time",
        ),
        logs(
            '{service_name=~"$service"} | health_check_state_to != "" '
            '| health_check_name =~ "$component"'
        ),
    )
