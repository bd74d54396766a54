"""What a board is made of: panels that say what they show, in which unit, and which runbook reads them."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import KW_ONLY, dataclass
from string import ascii_uppercase

from grafana_foundation_sdk.builders import common as look
from grafana_foundation_sdk.builders import dashboard as building
from grafana_foundation_sdk.builders import heatmap, prometheus, stat, table, timeseries
from grafana_foundation_sdk.models import common, dashboard
from grafana_foundation_sdk.models.heatmap import HeatmapColorMode
from grafana_foundation_sdk.models.prometheus import PromQueryFormat

from ops.dashboards.variables import DATASOURCE

GOOD, WARN, BAD = "green", "orange", "red"

# What series are called.
SERVICE, MODEL, TRACK, PROCESS = (
    "{{namespace}} {{service}}",
    "{{model}} {{version}}",
    "{{track}}",
    "{{pod}} {{instance}}",
)


@dataclass(frozen=True)
class Query:
    """PromQL, and what its series are called: `{{label}}` stands for the label's value.

    With `exemplars` Grafana marks single requests, whose traces can be opened from there.
    """

    expr: str
    legend: str = ""
    _: KW_ONLY
    exemplars: bool = False

    def target(self, letter: str) -> prometheus.Dataquery:
        """The query as a range, under the letter by which Grafana knows it in its panel."""
        target = prometheus.Dataquery().ref_id(letter).datasource(DATASOURCE).expr(self.expr).range()
        return target.legend_format(self.legend).exemplar(self.exemplars)


@dataclass(frozen=True)
class Panel(ABC):
    """One panel. `says` is for an operator who sees it for the first time; a `runbook` is the name of its alert."""

    title: str
    queries: list[Query]
    _: KW_ONLY
    unit: str
    says: str
    runbooks: tuple[str, ...] = ()
    width: int = 8
    height: int = 8

    @abstractmethod
    def drawn(self) -> dashboard.Panel:
        """How it looks: everything but what all panels have."""

    def built(self, home: str | None, number: int, place: dashboard.GridPos) -> dashboard.Panel:
        """The panel of Grafana. It links to its runbooks where the project has a `home` on the web."""
        pages = [f"ops/runbooks/{name}.md" for name in self.runbooks]
        panel = self.drawn()
        panel.id_val, panel.grid_pos = number, place
        panel.title = self.title
        panel.description = self.says + "".join(f"\n\nRunbook: {page}" for page in pages)
        panel.datasource = DATASOURCE
        panel.targets = [
            self.target(query, letter).build() for query, letter in zip(self.queries, ascii_uppercase, strict=False)
        ]
        if home and pages:
            panel.links = [
                dashboard.DashboardLink(title=name, url=f"{home}/blob/main/{page}", target_blank=True)
                for name, page in zip(self.runbooks, pages, strict=True)
            ]
        return panel

    def target(self, query: Query, letter: str) -> prometheus.Dataquery:
        """The query as this kind of panel wants its data."""
        return query.target(letter)


@dataclass(frozen=True)
class Graph(Panel):
    """Lines over time. `lines` are limits drawn across; `shares` of one whole are stacked from 0 to 100 %.

    A `logarithmic` scale has no zero.
    """

    _: KW_ONLY
    lines: tuple[float, ...] = ()
    shares: bool = False
    from_zero: bool = True
    logarithmic: bool = False

    def drawn(self) -> dashboard.Panel:
        """Lines with their names below, and all values of a moment in one box, the highest first."""
        graph = (
            timeseries.Panel()
            .unit(self.unit)
            .fill_opacity(60 if self.shares else 8)
            .show_points(common.VisibilityMode.NEVER)
            .legend(look.VizLegendOptions().show_legend(show_legend=True).display_mode(common.LegendDisplayMode.LIST))
            .tooltip(look.VizTooltipOptions().mode(common.TooltipDisplayMode.MULTI).sort(common.SortOrder.DESCENDING))
        )
        if self.logarithmic:
            graph.scale_distribution(look.ScaleDistributionConfig().type(common.ScaleDistribution.LOG).log(10))
        elif self.from_zero:
            graph.min(0)
        if self.shares:
            graph.max(1).stacking(look.StackingConfig().mode(common.StackingMode.NORMAL).group("A"))
        if self.lines:
            drawn_across = look.GraphThresholdsStyleConfig().mode(common.GraphTresholdsStyleMode.DASHED)
            graph.thresholds(_steps((None, "transparent"), *((line, BAD) for line in self.lines)))
            graph.thresholds_style(drawn_across)
        return graph.build()


@dataclass(frozen=True)
class Figure(Panel):
    """The latest value, large. `steps` are colours and from which value on they hold; None is from below."""

    _: KW_ONLY
    steps: tuple[tuple[float | None, str], ...] = ((None, GOOD),)
    decimals: int | None = None
    nothing: str = "no data"
    width: int = 4
    height: int = 5

    def drawn(self) -> dashboard.Panel:
        """The value in its colour over a small line of what it was."""
        figure = (
            stat.Panel()
            .unit(self.unit)
            .no_value(self.nothing)
            .thresholds(_steps(*self.steps))
            .color_mode(common.BigValueColorMode.VALUE)
            .graph_mode(common.BigValueGraphMode.AREA)
            .reduce_options(look.ReduceDataOptions().calcs(["lastNotNull"]))
        )
        if self.decimals is not None:
            figure.decimals(self.decimals)
        return figure.build()


@dataclass(frozen=True)
class Heatmap(Panel):
    """How many observations fell into which bucket, over time; its query is by `le`."""

    def drawn(self) -> dashboard.Panel:
        """Darker where there are more; buckets that nothing fell into stay empty."""
        colours = heatmap.HeatmapColorOptions().mode(HeatmapColorMode.SCHEME).scheme("Oranges").exponent(0.5).steps(64)
        return (
            heatmap.Panel()
            .calculate(calculate=False)
            .color(colours)
            .filter_values(heatmap.FilterValueRange().le(1e-9))
            .y_axis(heatmap.YAxisConfig().unit(self.unit))
            .cell_values(heatmap.CellValues().unit("short").decimals(0))
            .unit(self.unit)
            .show_tooltip()
            .build()
        )

    def target(self, query: Query, letter: str) -> prometheus.Dataquery:
        """As buckets, which Grafana turns from cumulative ones into single ones."""
        return query.target(letter).format(PromQueryFormat.HEATMAP)


@dataclass(frozen=True)
class Listing(Panel):
    """A table of what holds now: the labels of a query and, under the name `value`, its value."""

    _: KW_ONLY
    value: str

    def drawn(self) -> dashboard.Panel:
        """One line for each series; when it was asked is no column."""
        columns = dashboard.DataTransformerConfig(
            id_val="organize", options={"excludeByName": {"Time": True}, "renameByName": {"Value": self.value}}
        )
        return table.Panel().unit(self.unit).with_transformation(columns).build()

    def target(self, query: Query, letter: str) -> prometheus.Dataquery:
        """As a table of the present moment."""
        return query.target(letter).instant().format(PromQueryFormat.TABLE)


def _steps(*steps: tuple[float | None, str]) -> building.ThresholdsConfig:
    config = building.ThresholdsConfig().mode(dashboard.ThresholdsMode.ABSOLUTE)
    return config.steps([dashboard.Threshold(value, colour) for value, colour in steps])
