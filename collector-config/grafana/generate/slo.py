"""SLO: what was promised, how fast the error budget burns, and how much of it is left.

Everything comes from the recording rules in ../../rules.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from grafana_foundation_sdk.models import units

from . import links, looks
from .frame import Place, Row, Sheet, choice, dashboard_of, services
from .panels import About, Scale, series, stat, table
from .promql import SERVICE
from .sources import now, prom, rows
from .traffic import SEVERE

if TYPE_CHECKING:
    from grafana_foundation_sdk.models.dashboard import Dashboard, Panel

BURN = "slo:current_burn_rate:ratio"
LEFT = "slo:period_error_budget_remaining:ratio"
ERRORS = "slo:sli_error:ratio_rate"
WINDOWS = ("5m", "30m", "1h", "2h", "6h", "1d", "3d")
THESE = f'{SERVICE}, slo=~"$slo"'
NAMED = "{{service_name}} {{slo}}"
QUIET = "No requests to judge by: the rules need traffic, and a minute to run"
ONWARDS = (
    links.to_dashboard("pepperpy-service"),
    links.to_traces(tags="error=true", title="Failed traces of this"),
    links.to_logs(filters=SEVERE, title="Error logs of this"),
)
#: Burn rates that the alerts page for, over an hour and over six (docs/runbooks.md).
BURNING = looks.steps((1, "yellow"), (6, "orange"), (14.4, "red"))


def build() -> Dashboard:
    """Objectives of the selected services."""
    return dashboard_of(
        Sheet(
            uid="pepperpy-slo",
            description="Objectives: the share of requests that may fail or be slow, how fast "
            "that budget burns, and what is left of it.",
            variables=[
                services(of=BURN),
                choice("slo", "Objective", "slo", f"{BURN}{{{SERVICE}}}"),
            ],
            rows=[
                Row("Now", _numbers()),
                Row("Objectives", [Place(_table(), 24, 8)]),
                Row("Over time", [Place(_burn(), 12, 9), Place(_left(), 12, 9)]),
                Row("Windows", [Place(_windows(), 24, 10)]),
            ],
            since="now-6h",
        )
    )


def _numbers() -> list[Place]:
    panels = [
        stat(
            About(
                "Least budget left",
                "Of all objectives that are selected: 100 % is untouched, below 0 it is overspent.",
                QUIET,
                units.PercentUnit,
            ),
            now(f"min({LEFT}{{{THESE}}})"),
            scale=Scale(looks.BUDGET, decimals=1),
        ),
        stat(
            About(
                "Fastest burn",
                "1 spends the budget exactly in its period; 14.4 spends a fiftieth an hour.",
                QUIET,
            ),
            prom(f"max({BURN}{{{THESE}}})"),
            scale=Scale(BURNING, decimals=2),
            trend=True,
        ),
        stat(
            About("Judged", "Objectives of the services that are selected.", QUIET),
            now(f"count({BURN}{{{THESE}}})"),
        ),
        stat(
            About(
                "Overspent",
                "Objectives of which no budget is left.",
                QUIET,
                links=[links.to_logs(links.SELECTED, SEVERE, "Error logs")],
            ),
            now(f"sum({LEFT}{{{THESE}}} <= bool 0)"),
            scale=Scale(looks.NONE_WANTED),
        ),
    ]
    return [Place(each, 6, 4) for each in panels]


def _table() -> Panel:
    by = "service_name, slo"
    return table(
        About(
            "Objectives",
            "What was promised, what may fail, how fast that burns and what is left. Click a "
            "service for its requests.",
            QUIET,
        ),
        rows(f"max by ({by}) (slo:objective:ratio{{{THESE}}})"),
        rows(f"max by ({by}) (slo:error_budget:ratio{{{THESE}}})"),
        rows(f"max by ({by}) ({ERRORS}1h{{{THESE}}})"),
        rows(f"max by ({by}) ({BURN}{{{THESE}}})"),
        rows(f"min by ({by}) ({LEFT}{{{THESE}}})"),
        columns={
            "service_name": "Service",
            "slo": "Objective",
            "Value #A": "Promised",
            "Value #B": "May fail",
            "Value #C": "Failed, last hour",
            "Value #D": "Burn rate",
            "Value #E": "Budget left",
        },
        overrides=[
            looks.by_name(
                "Service",
                links=[links.to_dashboard("pepperpy-service", "${__data.fields.Service}")],
            ),
            looks.by_regexp("Promised|May fail|Failed.*", unit=units.PercentUnit, decimals=3),
            looks.by_name(
                "Burn rate",
                decimals=2,
                thresholds=BURNING,
                custom__cellOptions=looks.COLORED_TEXT,
            ),
            looks.by_name(
                "Budget left",
                unit=units.PercentUnit,
                decimals=1,
                thresholds=looks.BUDGET,
                custom__cellOptions=looks.COLORED_TEXT,
            ),
        ],
    )


def _burn() -> Panel:
    return series(
        About(
            "Burn rate",
            "1 spends the budget exactly in its period. The alerts page at 14.4 over an hour and "
            "at 6 over six hours.",
            QUIET,
            units.Short,
            ONWARDS,
        ),
        prom(f"max by (service_name, slo) ({BURN}{{{THESE}}})", NAMED),
        scale=Scale(BURNING, min=0),
        lines_at_thresholds=True,
    )


def _left() -> Panel:
    return series(
        About(
            "Error budget left",
            "Of the period. It comes back as old failures fall out of it.",
            QUIET,
            units.PercentUnit,
            ONWARDS,
        ),
        prom(f"min by (service_name, slo) ({LEFT}{{{THESE}}})", NAMED),
        scale=Scale(looks.BUDGET, max=1),
    )


def _windows() -> Panel:
    return series(
        About(
            "Failed share by window",
            "The worst service's, over the windows that the alerts look at: a short one alone is "
            "a spike, a long one alone is over.",
            QUIET,
            units.PercentUnit,
            [links.to_logs(links.SELECTED, SEVERE, "Error logs")],
        ),
        *(
            prom(f"max by (slo) ({ERRORS}{window}{{{THESE}}})", f"{{{{slo}}}} {window}")
            for window in WINDOWS
        ),
    )
