"""/docs and /redoc in a real browser: whole, quiet, and from this server alone, however it is reached."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from plimsoll.access.keys import new_key

from tests.integration.headless_browser import INSTALL, Page, headless_page, installed
from tests.integration.published import WAYS, published

pytestmark = pytest.mark.skipif(not installed(), reason=f"needs chromium: {INSTALL}")

OF_DIGITS = "/v1/models/digits/versions/2/predict"
_STATUS = "document.querySelector('.live-responses-table tbody .response-col_status')?.textContent.trim()"


@pytest.fixture(scope="module", params=WAYS)
def url(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with published(WAYS[request.param], tmp_path_factory.mktemp("nginx")) as url:
        yield url


@pytest.fixture
def page(tmp_path: Path) -> Iterator[Page]:
    with headless_page(tmp_path) as page:
        yield page


def click(page: Page, selector: str) -> None:
    page.wait_for(f"document.querySelector(`{selector}`) !== null")
    page.evaluate(f"document.querySelector(`{selector}`).click()")


def try_out(page: Page, path: str) -> str:
    """The status of what a route of Swagger UI is answered, its example taken as it stands."""
    click(page, f'.opblock:has([data-path="{path}"]) .opblock-summary-control')
    click(page, ".try-out__btn")
    click(page, ".execute")
    status = page.wait_for(_STATUS)
    assert isinstance(status, str)
    return status


def assert_quiet(page: Page, url: str) -> None:
    """The browser has nothing to complain of, and the page has asked nobody but its server."""
    page.evaluate("new Promise(done => setTimeout(done, 500))")
    assert page.complaints == []
    assert [each for each in page.requests if not each.startswith((url, "data:"))] == []


def test_a_model_can_be_tried_out_at_once(url: str, page: Page) -> None:
    page.open(f"{url}/docs")
    assert try_out(page, OF_DIGITS) == "200"
    assert page.requests[-1] == url + OF_DIGITS
    assert_quiet(page, url)


def test_redoc_shows_every_model(url: str, page: Page) -> None:
    page.open(f"{url}/redoc")
    assert page.wait_for("document.querySelector('h1')?.textContent").startswith("Plimsoll")
    assert "model digits" in page.evaluate("document.body.textContent")
    assert page.evaluate("getComputedStyle(document.querySelector('.menu-content')).position") == "sticky"
    assert page.evaluate("[...document.images].every(each => new URL(each.src).protocol === 'data:')")
    assert_quiet(page, url)


def test_with_keys_the_models_appear_once_a_key_is_shown(page: Page, tmp_path: Path) -> None:
    key, sha256 = new_key()
    keys = tmp_path / "keys.yaml"
    keys.write_text(f"keys: [{{label: reader, sha256: {sha256}, scopes: [predict]}}]")
    with published(WAYS["its own port"], tmp_path, PLIMSOLL_KEYS_FILE=str(keys)) as url:
        page.open(f"{url}/docs")
        page.wait_for("document.querySelector('.opblock') !== null")
        assert not page.evaluate(f"document.querySelector('[data-path=\"{OF_DIGITS}\"]') !== null")
        click(page, ".auth-wrapper .authorize")
        page.wait_for("document.querySelector('.auth-container input') !== null")
        page.evaluate(
            "(input => {"
            f" Object.getOwnPropertyDescriptor(HTMLInputElement.prototype, 'value').set.call(input, '{key}');"
            " input.dispatchEvent(new Event('input', {bubbles: true}));"
            "})(document.querySelector('.auth-container input'))"
        )
        click(page, ".auth-container .authorize")
        click(page, ".auth-container .btn-done")
        assert try_out(page, OF_DIGITS) == "200"
        assert_quiet(page, url)
