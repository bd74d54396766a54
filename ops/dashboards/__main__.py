"""`python -m ops.dashboards` writes every board, and the chart's copies of the boards and of the rules."""

from __future__ import annotations

from ops.chart_files import write_rules
from ops.dashboards.files import write

if __name__ == "__main__":
    write()
    write_rules()
