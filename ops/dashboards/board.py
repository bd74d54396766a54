"""A board: sections of panels, placed on Grafana's grid of 24 columns, as JSON."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import count

from grafana_foundation_sdk.builders import dashboard as building
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.models import dashboard

from ops.dashboards.panels import Panel
from ops.dashboards.variables import variables

_SCHEMA_VERSION = 38  # Grafana 10.1, for which the SDK builds; later ones read it as it is
_COLUMNS = 24
_TAGS = ["plimsoll", "pytorch", "model-serving"]


@dataclass(frozen=True)
class Section:
    """Panels under a heading, in reading order. A closed one asks nothing of Prometheus until it is opened."""

    title: str
    panels: Sequence[Panel]
    closed: bool = False


@dataclass(frozen=True)
class Board:
    """What one file holds. `name` is the file's, and stays: links and bookmarks lead to `plimsoll-<name>`."""

    name: str
    title: str
    says: str
    sections: Sequence[Section]

    def document(self, home: str | None) -> str:
        """The board as Grafana reads it; the same text each time. Runbooks are linked where there is a `home`."""
        board = (
            building.Dashboard(self.title)
            .uid(f"plimsoll-{self.name}")
            .description(self.says)
            .tags(_TAGS)
            .readonly()
            .timezone("browser")
            .refresh("30s")
            .time("now-1h", "now")
            .tooltip(dashboard.DashboardCursorSync.CROSSHAIR)
            .variables(variables())
            .link(_other_boards())
            .build()
        )
        board.schema_version = _SCHEMA_VERSION
        board.panels = list(self._placed(home))
        return JSONEncoder(indent=2, sort_keys=True, ensure_ascii=False).encode(board) + "\n"

    def _placed(self, home: str | None) -> Iterator[dashboard.Panel | dashboard.RowPanel]:
        numbers, top = count(1), 0
        for section in self.sections:
            heading = dashboard.GridPos(x=0, y=top, w=_COLUMNS, h=1)
            row = dashboard.RowPanel(section.closed, section.title, grid_pos=heading, id_val=next(numbers))
            yield row
            places = _places(section.panels, top + 1)
            panels = [
                panel.built(home, next(numbers), place) for panel, place in zip(section.panels, places, strict=True)
            ]
            if section.closed:
                row.panels, top = panels, top + 1  # Grafana moves what lies below when it opens the row
            else:
                top = max(place.y + place.h for place in places)
                yield from panels


def _places(panels: Sequence[Panel], top: int) -> list[dashboard.GridPos]:
    """Side by side from the left, and in a new line where one does not fit."""
    places: list[dashboard.GridPos] = []
    left, bottom = 0, top
    for panel in panels:
        if left + panel.width > _COLUMNS:
            left, top = 0, bottom
        places.append(dashboard.GridPos(x=left, y=top, w=panel.width, h=panel.height))
        left, bottom = left + panel.width, max(bottom, top + panel.height)
    return places


def _other_boards() -> building.DashboardLink:
    """Leads to the boards with the same tag, which keep what is chosen and the time."""
    return (
        building.DashboardLink("Plimsoll")
        .type(dashboard.DashboardLinkType.DASHBOARDS)
        .tags(["plimsoll"])
        .include_vars(include_vars=True)
        .keep_time(keep_time=True)
    )
