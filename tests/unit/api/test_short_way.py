"""Which heads are those of plain predictions."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest
from plimsoll.api.short_way import ShortWay
from plimsoll.application import Application
from plimsoll.inference.call import Call
from plimsoll.settings import load_settings

JSON, LENGTH = (b"content-type", b"application/json"), (b"content-length", b"9")
EVENTS = (b"accept", b"text/event-stream")
PATH = "/v1/predict"


@pytest.fixture(scope="module")
def way(tmp_path_factory: pytest.TempPathFactory) -> ShortWay:
    """That of a service at a path prefix, which reads bodies of 2000 bytes."""
    folder: Path = tmp_path_factory.mktemp("models")
    application = Application(load_settings(models_dir=folder, root_path="/team", max_body_bytes=2000))
    assert application.short_way is not None
    return application.short_way


@pytest.mark.parametrize(
    ("path", "template"),
    [
        ("/v1/predict", "/v1/predict"),
        ("/v1/models/a/predict", "/v1/models/{name}/predict"),
        ("/v1/models/a/versions/2/predict", "/v1/models/{name}/versions/{version}/predict"),
        ("/v1/models/a:predict", "/v1/models/{name}:predict"),
        ("/v2/models/a/infer", "/v2/models/{name}/infer"),
    ],
)
def test_a_post_to_a_route_of_the_table_is_plain(way: ShortWay, path: str, template: str) -> None:
    plain = way.plain(path, [JSON, LENGTH])
    assert plain is not None
    call = plain.begin()
    assert (call.route, dict(call.named).get("name")) == (template, "a" if "{name}" in template else None)
    assert call is not plain.begin()
    assert not plain.is_traced(call)


@pytest.mark.parametrize(
    ("path", "fields"),
    [
        ("/v1/models", [JSON, LENGTH]),
        ("/v1/models/a%20b/predict", [JSON, LENGTH]),
        ("/team/v1/predict", [JSON, LENGTH]),
        (PATH, [JSON]),
        (PATH, [JSON, (b"content-length", b"0")]),
        (PATH, [JSON, (b"content-length", b"2001")]),
        (PATH, [JSON, LENGTH, (b"expect", b"100-continue")]),
        (PATH, [JSON, LENGTH, (b"content-encoding", b"gzip")]),
        (PATH, [JSON, (b"transfer-encoding", b"chunked")]),
        (PATH, [JSON, LENGTH, (b"upgrade", b"h2c")]),
        (PATH, [JSON, LENGTH, EVENTS]),
    ],
)
def test_whatever_is_unusual_is_not(way: ShortWay, path: str, fields: list[tuple[bytes, bytes]]) -> None:
    assert way.plain(path, fields) is None


def test_it_can_be_switched_off(tmp_path: Path) -> None:
    assert Application(load_settings(models_dir=tmp_path, short_way=False)).short_way is None


class Sampler:
    """Knows one field that names a trace, and samples every call."""

    def names_trace(self, fields: Mapping[bytes, bytes]) -> bool:
        return b"traceparent" in fields

    def samples(self, call: Call) -> bool:
        call.trace_id = 7
        return True


def test_a_request_in_a_trace_is_not_plain_and_one_that_begins_a_trace_is_told_apart(way: ShortWay) -> None:
    traced = ShortWay(way._routes, way._asks, way._surroundings, 2000, Sampler())  # noqa: SLF001  # the same parts
    assert traced.plain(PATH, [JSON, LENGTH, (b"traceparent", b"00-1-2-01")]) is None
    plain = traced.plain(PATH, [JSON, LENGTH])
    assert plain is not None
    assert plain.is_traced(call := plain.begin())
    assert call.trace_id == 7
