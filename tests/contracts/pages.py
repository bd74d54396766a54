"""Commands of a page, as a test runs them."""

from __future__ import annotations

import re

from tests.contracts.generated import REPOSITORY


def blocks(page: str, heading: str) -> list[str]:
    """The blocks of bash below a heading of a page in docs/, in its order; there is one at least."""
    text = (REPOSITORY / "docs" / page).read_text(encoding="utf-8")
    _, _, section = text.partition(f"\n## {heading}\n")
    found = re.findall(r"^```bash\n(.*?)^```", section.partition("\n## ")[0], re.DOTALL | re.MULTILINE)
    assert found, f"docs/{page} has no commands below '{heading}'"
    return found
