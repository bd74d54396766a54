"""`require_json`: which bodies the routes that change something take."""

from __future__ import annotations

import pytest
from fastapi import Request
from plimsoll.api.json_bodies import require_json
from plimsoll.errors import UnsupportedMediaType

from tests.doubles.asgi import http_scope

V1, V2 = "/v1/models/tiny/weights", "/v2/repository/index"
FORM = "application/x-www-form-urlencoded"


def _require(path: str, **fields: str) -> None:
    require_json(Request(http_scope(path, "POST", {name.replace("_", "-"): value for name, value in fields.items()})))


@pytest.mark.parametrize(
    ("path", "fields"),
    [
        (V1, {"content_type": "application/json; charset=utf-8", "content_length": "2"}),
        (V1, {"content_type": FORM, "content_length": "0"}),
        (V1, {}),
        (V2, {"content_length": "2"}),
        (V2, {"content_type": "application/octet-stream", "transfer_encoding": "chunked"}),
    ],
)
def test_json_passes_and_so_does_a_request_without_a_body(path: str, fields: dict[str, str]) -> None:
    _require(path, **fields)


@pytest.mark.parametrize(
    ("path", "fields"),
    [
        (V1, {"content_type": FORM, "content_length": "2"}),
        (V1, {"content_type": FORM, "transfer_encoding": "chunked"}),
        (V1, {"content_length": "2"}),
        (V2, {"content_type": FORM, "content_length": "2"}),
        (V2, {"content_type": "application/json", "content_encoding": "gzip", "content_length": "2"}),
    ],
)
def test_what_a_page_of_another_site_can_send_is_refused(path: str, fields: dict[str, str]) -> None:
    with pytest.raises(UnsupportedMediaType):
        _require(path, **fields)
