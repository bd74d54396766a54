"""The page of the example, in a browser."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.integration.headless_browser import INSTALL, Page, headless_page, installed
from tests.semantic_search.search_process import EXAMPLE, SearchProcess

STATE = "document.getElementById('state')?.textContent"


@pytest.fixture
def page(tmp_path: Path) -> Iterator[Page]:
    """An empty page."""
    with headless_page(tmp_path) as page:
        yield page


def test_the_page_runs_no_script_but_its_own(on_sqlite: SearchProcess) -> None:
    reply = httpx.get(on_sqlite.url)
    assert reply.text == (EXAMPLE / "semantic_search" / "page.html").read_text()
    policy = reply.headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "unsafe-inline" not in policy
    assert policy.count("'sha256-") == 2


@pytest.mark.skipif(not installed(), reason=f"needs Chromium: {INSTALL}")
def test_the_page_shows_results_and_errors_and_never_runs_a_text(on_sqlite: SearchProcess, page: Page) -> None:
    text = "<img src=x onerror=alert(1)> quartz"
    on_sqlite.add({"text": text, "metadata": {"test": "page"}})
    page.open(on_sqlite.url)
    page.wait_for(f"{STATE}?.includes('documents, model letters')")
    page.evaluate("document.getElementById('filter').value = '{\"test\": \"page\"}'")
    page.evaluate("document.getElementById('query').value = 'quartz'")
    page.evaluate("document.querySelector('button').click()")
    page.wait_for(f"{STATE} === '1 results'")
    assert page.evaluate("document.querySelector('.text').textContent") == text
    assert page.evaluate("document.querySelector('.metadata').textContent") == "test: page"
    assert page.evaluate("document.images.length") == 0
    page.evaluate("document.getElementById('filter').value = '{'; document.querySelector('button').click()")
    page.wait_for(f"{STATE} === 'The filter is not JSON.'")
    assert {url for url in page.requests if not url.startswith(on_sqlite.url)} == set()
    assert [each for each in page.complaints if "favicon" not in each] == []
