"""One function for each kind of panel: the SDK's builder for what is special of it, and the rest.

Every panel has a title, a description, a unit, and a text for when there is nothing to show: that
is what ``About`` asks for.
"""

from __future__ import annotations

import string
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import grafana_foundation_sdk.builders.common as options
from grafana_foundation_sdk.builders import heatmap, nodegraph, statetimeline, timeseries
from grafana_foundation_sdk.builders.logs import Panel as LogsPanel
from grafana_foundation_sdk.builders.stat import Panel as StatPanel
from grafana_foundation_sdk.builders.table import Panel as TablePanel
from grafana_foundation_sdk.models import common, units
from grafana_foundation_sdk.models import heatmap as heatmap_models
from grafana_foundation_sdk.models.dashboard import (
    DataTransformerConfig,
    FieldColor,
    FieldColorModeId,
)

from . import looks

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from grafana_foundation_sdk.models.dashboard import (
        DashboardFieldConfigSourceOverrides,
        DashboardLink,
        Panel,
        ThresholdsConfig,
    )

    from .sources import Query

#: The release whose options these are. The SDK types those of 11.6, which are the same but for what
#: is taken out below; ``generate.typescript`` has them checked by the types of this release.
PLUGIN_VERSION = "13.2.3"


@dataclass(frozen=True, slots=True)
class About:
    """What a reader is told of a panel, and where it leads.

    Args:
        title: Of the panel.
        description: What is shown, and what to think of it.
        empty: What stands there without data.
        unit: Grafana's id of the unit.
        links: From a series or a value to the next signal.
    """

    title: str
    description: str
    empty: str
    unit: str = units.Short
    links: Sequence[DashboardLink] = ()


@dataclass(frozen=True, slots=True)
class Scale:
    """The range and the limits of what is shown.

    Args:
        thresholds: Colours from a value on.
        min: The axis begins there.
        max: The axis ends there.
        decimals: Digits after the point.
    """

    thresholds: ThresholdsConfig = field(default_factory=lambda: looks.NEUTRAL)
    min: float | None = None
    max: float | None = None
    decimals: int | None = None


def series(
    about: About,
    *queries: Query,
    scale: Scale | None = None,
    stacked: bool = False,
    lines_at_thresholds: bool = False,
    overrides: Sequence[DashboardFieldConfigSourceOverrides] = (),
) -> Panel:
    """Lines over time, with a legend that says the last and the greatest value of each."""
    legend = options.VizLegendOptions()
    legend.display_mode(common.LegendDisplayMode("table"))
    legend.placement(common.LegendPlacement("bottom")).show_legend(True)
    legend.calcs(["lastNotNull", "max"]).sort_by("Last *").sort_desc(True)
    tooltip = options.VizTooltipOptions()
    tooltip.mode(common.TooltipDisplayMode("multi")).sort(common.SortOrder("desc"))
    builder = timeseries.Panel().legend(legend).tooltip(tooltip)
    builder.line_width(1).fill_opacity(30 if stacked else 8)
    builder.show_points(common.VisibilityMode("auto"))
    # A push a minute leaves gaps between points that are no gaps in the data.
    builder.span_nulls(150_000)
    if stacked:
        builder.stacking(options.StackingConfig().mode(common.StackingMode("normal")))
    if lines_at_thresholds:
        style = options.GraphThresholdsStyleConfig()
        builder.thresholds_style(style.mode(common.GraphThresholdsStyleMode("dashed")))
    panel = _finish(builder.build(), about, queries, scale or Scale(min=0))
    _config(panel).overrides = list(overrides)
    _config(panel).defaults.color = FieldColor(mode=FieldColorModeId("palette-classic"))
    return panel


def stat(
    about: About,
    *queries: Query,
    scale: Scale | None = None,
    states: bool = False,
    trend: bool = False,
) -> Panel:
    """One large value, coloured by its thresholds.

    Args:
        about: Title and the like.
        queries: One, as a rule.
        scale: Thresholds.
        states: Whether the value is a code of ``promql.HEALTH_CODES``.
        trend: Whether to draw the values before it; the query has to be over time.
    """
    reduce = options.ReduceDataOptions().calcs(["lastNotNull"]).fields("").values(False)
    builder = StatPanel().reduce_options(reduce)
    builder.color_mode(
        common.BigValueColorMode("background") if states else common.BigValueColorMode("value")
    )
    builder.graph_mode(
        common.BigValueGraphMode("area") if trend else common.BigValueGraphMode("none")
    )
    builder.text_mode(common.BigValueTextMode("auto"))
    panel = _finish(builder.build(), about, queries, scale)
    if states:
        _config(panel).defaults.mappings = looks.health_states()
    _config(panel).defaults.color = FieldColor(mode=FieldColorModeId("thresholds"))
    return panel


def states(about: About, *queries: Query) -> Panel:
    """States of health over time, a row for each series."""
    legend = options.VizLegendOptions().show_legend(True)
    legend.display_mode(common.LegendDisplayMode("list")).placement(
        common.LegendPlacement("bottom")
    )
    tooltip = options.VizTooltipOptions().mode(common.TooltipDisplayMode("multi"))
    builder = statetimeline.Panel().merge_values(True).row_height(0.8).fill_opacity(80)
    builder.show_value(common.VisibilityMode("auto")).legend(legend).tooltip(tooltip)
    panel = _finish(builder.build(), about, queries, None)
    _config(panel).defaults.mappings = looks.health_states()
    _config(panel).defaults.color = FieldColor(mode=FieldColorModeId("thresholds"))
    return panel


def heat(about: About, query: Query) -> Panel:
    """A heat map of a histogram, with the exemplars on it."""
    builder = heatmap.Panel().calculate(False).cell_gap(1).show_legend()
    builder.mode(common.TooltipDisplayMode("single")).show_y_histogram().exemplars_color("blue")
    builder.y_axis(
        heatmap.YAxisConfig().unit(about.unit).axis_placement(common.AxisPlacement("left"))
    )
    colors = heatmap.HeatmapColorOptions().mode(heatmap_models.HeatmapColorMode("scheme"))
    builder.color(colors.scheme("Oranges").fill("dark-orange").exponent(0.5).steps(64))
    return _finish(builder.build(), about, [query], None)


def table(
    about: About,
    *queries: Query,
    columns: Mapping[str, str],
    merge: bool = True,
    sort: str | None = None,
    scale: Scale | None = None,
    overrides: Sequence[DashboardFieldConfigSourceOverrides] = (),
) -> Panel:
    """Rows of labels and values.

    Args:
        about: Title and the like.
        queries: By ``sources.rows``; joined where their labels agree.
        columns: Field to heading, in their order; what is not named is left out.
        merge: Whether there is more than one query to join.
        sort: Heading to sort by, the greatest first.
        scale: Of all columns without one of their own.
        overrides: For single columns.
    """
    builder = TablePanel().show_header(True).cell_height(common.TableCellHeight("sm"))
    builder.filterable(True)
    if sort is not None:
        builder.sort_by([options.TableSortByFieldState().display_name(sort).desc(True)])
    panel = _finish(_without_footer(builder.build()), about, queries, scale)
    panel.transformations = [_merge()] if merge else []
    panel.transformations += [_only(list(columns)), _named(columns)]
    _config(panel).overrides = list(overrides)
    return panel


def search_results(about: About, query: Query) -> Panel:
    """What a search in Jaeger found; the data source makes links of the trace ids."""
    builder = TablePanel().show_header(True).cell_height(common.TableCellHeight("sm"))
    return _finish(_without_footer(builder.build()), about, [query], None)


def log_lines(about: About, query: Query) -> Panel:
    """Log lines, the newest first; their details lead to the trace."""
    builder = LogsPanel().show_time(True).wrap_log_message(True).enable_log_details(True)
    builder.sort_order(common.LogsSortOrder("Descending"))
    builder.dedup_strategy(common.LogsDedupStrategy("none"))
    return _finish(builder.build(), about, [query], None)


def graph_of_calls(about: About, *queries: Query) -> Panel:
    """Who calls whom, drawn from edges alone: Grafana makes the nodes from their ends.

    Args:
        about: Title and the like.
        queries: By ``sources.rows``, with labels ``id``, ``client`` and ``server``: calls a second,
            and the share of them that failed.
    """
    edges = nodegraph.EdgeOptions().main_stat_unit(about.unit)
    edges.secondary_stat_unit(units.PercentUnit)
    builder = nodegraph.Panel().edges(edges)
    panel = _finish(builder.build(), about, queries, None)
    columns = {
        "id": "id",
        "client": "source",
        "server": "target",
        "Value #A": "mainstat",
        "Value #B": "secondarystat",
    }
    panel.transformations = [_merge(), _only(list(columns)), _named(columns)]
    return panel


def _finish(panel: Panel, about: About, queries: Sequence[Query], scale: Scale | None) -> Panel:
    scale = scale or Scale()
    for letter, query in zip(string.ascii_uppercase, queries, strict=False):
        query.ref_id = letter
    panel.title, panel.description = about.title, about.description
    panel.plugin_version = PLUGIN_VERSION
    panel.targets = list(queries)
    panel.datasource = queries[0].datasource
    defaults = _config(panel).defaults
    defaults.unit, defaults.no_value = about.unit, about.empty
    defaults.links = list(about.links)
    defaults.min_val, defaults.max_val, defaults.decimals = scale.min, scale.max, scale.decimals
    defaults.thresholds = scale.thresholds
    return panel


def _without_footer(panel: Panel) -> Panel:
    # Since Grafana 12.2 a column's footer is an option of the column.
    options: Any = panel.options
    options.footer = None
    return panel


def _config(panel: Panel) -> Any:
    from grafana_foundation_sdk.models.dashboard import FieldConfigSource

    if panel.field_config is None:
        panel.field_config = FieldConfigSource()
    return panel.field_config


def _merge() -> DataTransformerConfig:
    return DataTransformerConfig(id_val="merge", options={})


def _only(fields: list[str]) -> DataTransformerConfig:
    return DataTransformerConfig(
        id_val="filterFieldsByName", options={"include": {"names": fields}}
    )


def _named(columns: Mapping[str, str]) -> DataTransformerConfig:
    order = {
        "indexByName": {name: index for index, name in enumerate(columns)},
        "renameByName": {name: heading for name, heading in columns.items() if name != heading},
        "excludeByName": {},
    }
    return DataTransformerConfig(id_val="organize", options=order)
