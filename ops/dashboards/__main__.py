"""`python -m ops.dashboards` writes every board."""

from __future__ import annotations

from ops.dashboards.files import write

if __name__ == "__main__":
    write()
