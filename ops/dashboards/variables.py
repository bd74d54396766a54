"""What an operator chooses at the head of a board: from the cluster down to the version, each narrowing the next."""

from __future__ import annotations

from grafana_foundation_sdk.builders import dashboard as building
from grafana_foundation_sdk.cog.builder import Builder
from grafana_foundation_sdk.models import dashboard

from ops.dashboards.promql import series

# Every panel and query asks the data source that is chosen, never one by its id: boards must work in any Grafana.
DATASOURCE = dashboard.DataSourceRef(type_val="prometheus", uid="${datasource}")
ALL = dashboard.VariableOption(selected=True, text=["All"], value=["$__all"])


def variables() -> list[Builder[dashboard.VariableModel]]:
    """The variables of every board, in the order in which they narrow each other."""
    return [
        building.DatasourceVariable("datasource").label("Data source").type("prometheus"),
        _labels("cluster", "plimsoll_build_info"),
        _labels("namespace", 'plimsoll_build_info{cluster=~"$cluster"}'),
        _labels("service", 'plimsoll_build_info{cluster=~"$cluster", namespace=~"$namespace"}'),
        # The state is there for versions that are loading or have failed, too.
        _labels("model", series("plimsoll_model_state")),
        _labels("version", series("plimsoll_model_state", 'model=~"$model"')),
    ]


def _labels(name: str, selector: str) -> building.QueryVariable:
    """The values of a label. All of them match `.*`, which a series without that label does as well."""
    return (
        building.QueryVariable(name)
        .label(name.capitalize())
        .datasource(DATASOURCE)
        .query(f"label_values({selector}, {name})")
        .refresh(dashboard.VariableRefresh.ON_TIME_RANGE_CHANGED)
        .sort(dashboard.VariableSort.ALPHABETICAL_ASC)
        .multi(multi=True)
        .include_all(include_all=True)
        .all_value(".*")
        .current(ALL)
    )
