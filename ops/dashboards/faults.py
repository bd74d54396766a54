"""What should not happen: files that cannot be used, background tasks that end, clients that are turned away."""

from __future__ import annotations

from ops.dashboards.panels import PROCESS, Graph, Query
from ops.dashboards.promql import POD, highest, increase, rate, series, total

FAULTS = [
    Graph(
        "Files that cannot be used",
        [Query(highest(series("plimsoll_file_broken"), f"{POD}, file"), f"{PROCESS} {{{{file}}}}")],
        unit="none",
        says="1 where a pod follows a file that is broken or gone, and goes by what it said before.",
        runbooks=("PlimsollFileBroken",),
    ),
    Graph(
        "Background tasks that ended",
        [Query(total(increase(series("plimsoll_background_task_restarts_total")), "task"), "{{task}}")],
        unit="none",
        says="How often a task that follows a file ended and was started again.",
        runbooks=("PlimsollBackgroundTaskEnded",),
    ),
    Graph(
        "Connections refused or closed",
        [Query(total(rate(series("plimsoll_connections_refused_total")), "reason"), "{{reason}}")],
        unit="cps",
        says="Connections of clients that sent too much, too slowly or no HTTP, and those that made room at the cap: "
        "too_many_connections, too_many_from_address.",
        runbooks=("PlimsollConnectionsRefused",),
    ),
]
