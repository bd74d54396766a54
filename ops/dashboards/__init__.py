"""Grafana's boards as code; `python -m ops.dashboards` writes their JSON here and into the chart."""
