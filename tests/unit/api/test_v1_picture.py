"""Pictures as bodies, as the files of forms and as tensors, as clients see them over HTTP."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Sequence
from typing import Any

import httpx
import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from plimsoll.errors import ClientError
from plimsoll.fronts.v1_form import V1Form
from plimsoll.inference.call import Call
from plimsoll.inference.payloads import Signature
from plimsoll.inference.reading_pool import THREADS
from plimsoll.inference.request_head import RequestHead
from plimsoll.inference.served_version import ServedVersion
from plimsoll.tasks.image_classification import ImageClassification
from plimsoll.tasks.picture_reader import PictureReader
from plimsoll.tasks.picture_rows import PictureRows

from tests.doubles.models import EchoModel
from tests.doubles.pictures import COLOURS, ONE_PIXEL, SVG, animated, base64_of, colour_task, encoded, plain
from tests.unit.api.conftest import Edge
from tests.unit.control.serving import served_version
from tests.unit.eventually import eventually

PATH = "/v1/predict"
RED, BLUE = encoded(plain("red")), encoded(plain("blue"), "WEBP", lossless=True)
FORM = "multipart/form-data; boundary=xyz"


class OffTheLoop(EchoModel):
    """Echoes colours; decoding is what runs elsewhere."""

    def __init__(self) -> None:
        super().__init__(COLOURS)


@pytest.fixture
async def colours(edge: Edge) -> Edge:
    edge.serve("colours", "1", OffTheLoop(), task=colour_task)
    return edge


def classes(reply: httpx.Response) -> list[str]:
    assert reply.status_code == 200, reply.text
    assert reply.headers["x-plimsoll-version"] == "1"
    return [each["class"] for each in reply.json()["predictions"]]


@pytest.mark.parametrize(("content", "kind", "label"), [(RED, "png", "a"), (BLUE, "webp", "c"), (BLUE, "jpeg", "c")])
async def test_a_picture_is_the_whole_body_and_its_content_decides(
    colours: Edge, content: bytes, kind: str, label: str
) -> None:
    reply = await colours.client.post(PATH, content=content, headers={"content-type": f"image/{kind}"})
    assert classes(reply) == [label]
    (prediction,) = reply.json()["predictions"]
    assert prediction["confidence"] == 1
    assert prediction["top"][0]["class"] == label
    assert colours.observer.outcomes[-1].protocol == "v1"


async def test_a_form_has_one_picture_or_many(colours: Edge) -> None:
    one = await colours.client.post(PATH, files={"image": ("red.png", RED)})
    assert classes(one) == ["a"]
    many: list[tuple[str, Any]] = [
        ("image", ("blue.webp", BLUE)),
        ("other", ("red", RED, "image/png")),
        ("image", ("b", BLUE)),
    ]
    assert classes(await colours.client.post(PATH, files=many, data={"user": "ann"})) == ["c", "a", "c"]


async def test_json_carries_base64(colours: Edge) -> None:
    assert classes(await colours.client.post(PATH, json={"image": base64_of(RED)})) == ["a"]
    body = {"instances": [base64_of(RED), base64_of(BLUE)]}
    assert classes(await colours.client.post("/v1/models/colours/predict", json=body)) == ["a", "c"]
    kserve = await colours.client.post("/v1/models/colours:predict", json=body)
    assert [each["class"] for each in kserve.json()["predictions"]] == ["a", "c"]


async def test_tensors_of_bytes_carry_pictures_as_they_are_and_base64_in_json(colours: Edge) -> None:
    described: dict[str, Any] = {"name": "image", "datatype": "BYTES", "shape": [2]}
    in_json = {"inputs": [described | {"data": [base64_of(RED), base64_of(BLUE)]}]}
    path = "/v2/models/colours/infer"
    answer = (await colours.client.post(path, json=in_json)).json()
    assert answer["outputs"] == [{"name": "y", "datatype": "FP32", "shape": [2, 3], "data": [1, 0, 0, 0, 0, 1]}]
    raw = b"".join(len(each).to_bytes(4, "little") + each for each in (RED, BLUE))
    head = orjson.dumps({"inputs": [described | {"parameters": {"binary_data_size": len(raw)}}]})
    headers = {"inference-header-content-length": str(len(head))}
    assert (await colours.client.post(path, content=head + raw, headers=headers)).json()["outputs"] == answer["outputs"]


async def test_pictures_stream_row_by_row(colours: Edge) -> None:
    body = {"instances": [base64_of(RED), base64_of(BLUE)]}
    reply = await colours.client.post(PATH, json=body, headers={"accept": "text/event-stream"})
    assert reply.text.count("event: prediction") == 2
    assert '"rows":2,"failed":0' in reply.text


async def test_a_table_cannot_hold_the_answer_so_it_comes_in_json(colours: Edge) -> None:
    reply = await colours.client.post(PATH, content=RED, headers={"content-type": "image/png", "accept": "text/csv"})
    assert reply.headers["content-type"] == "application/json"
    assert classes(reply) == ["a"]


async def test_a_picture_is_decoded_off_the_event_loop(colours: Edge, monkeypatch: pytest.MonkeyPatch) -> None:
    threads: list[str] = []
    whole = PictureReader.of_pictures

    def of_pictures(self: PictureReader, *contents: Any, **options: Any) -> Any:
        threads.append(threading.current_thread().name)
        return whole(self, *contents, **options)

    monkeypatch.setattr(PictureReader, "of_pictures", of_pictures)
    await colours.client.post(PATH, content=RED, headers={"content-type": "image/png"})
    await colours.client.post(PATH, json={"image": base64_of(RED)})
    await colours.client.post(PATH, files={"image": ("red.png", RED)})
    tensor = {"name": "image", "datatype": "BYTES", "shape": [1], "data": [base64_of(RED)]}
    await colours.client.post("/v2/models/colours/infer", json={"inputs": [tensor]})
    assert len(threads) == 4
    assert all(name.startswith("reading") for name in threads)


class HeldTask(ImageClassification):
    """Reads pictures only once it is released; `peak` is the most that were read at once."""

    def __init__(self, signature: Signature) -> None:
        super().__init__(signature, {"picture": ONE_PIXEL})
        self.release, self._lock = threading.Event(), threading.Lock()
        self.active = self.peak = 0

    def of_pictures(self, contents: Sequence[bytes], user: str | None = None, *, single: bool) -> PictureRows:
        """The same, later."""
        with self._lock:
            self.active += 1
            self.peak = max(self.peak, self.active)
        assert self.release.wait(timeout=30), "nobody released the task"
        with self._lock:
            self.active -= 1
        return super().of_pictures(contents, user, single=single)


async def test_few_pictures_are_decoded_at_once_and_one_that_waits_keeps_its_deadline(edge: Edge) -> None:
    task = HeldTask(COLOURS)
    edge.serve("colours", "1", OffTheLoop(), task=lambda _: task)
    headers = {"content-type": "image/png"}
    asking = [asyncio.ensure_future(edge.client.post(PATH, content=RED, headers=headers)) for _ in range(5)]
    await eventually(lambda: task.active == THREADS)
    late = await edge.client.post(PATH, content=RED, headers=headers | {"x-request-timeout-ms": "20"})
    assert (late.status_code, (await edge.client.get("/livez")).status_code) == (504, 200)
    task.release.set()
    assert [classes(reply) for reply in await asyncio.gather(*asking)] == [["a"]] * 5
    assert task.peak == THREADS


def form(*parts: str, end: str = "--xyz--\r\n") -> bytes:
    return "".join(f"--xyz\r\n{part}\r\n" for part in parts).encode() + end.encode()


def field(name: str, value: str) -> str:
    return f'Content-Disposition: form-data; name="{name}"\r\n\r\n{value}'


@pytest.mark.parametrize(
    ("content", "media_type", "status", "code", "sentence"),
    [
        (b"", "image/png", 400, "empty_body", "the body is empty"),
        (SVG, "image/png", 415, "unsupported_media_type", "this is not a picture that can be read"),
        (SVG, "image/svg+xml", 415, "unsupported_media_type", "the body has the wrong type"),
        (b"%PDF-1.7", "image/jpeg", 415, "unsupported_media_type", "this is not a picture that can be read"),
        (animated(), "image/gif", 422, "invalid_input", "the picture is animated"),
        (RED[:50], "image/png", 422, "invalid_input", "the picture is damaged, or ends early"),
        (b"", FORM, 400, "empty_body", "the body is empty"),
        (form(field("a", "b")), "multipart/form-data", 400, "not_multipart", "the form has no boundary"),
        (b"nonsense", FORM, 400, "not_multipart", "the body is no form that can be read"),
        (form(field("user", "ann"), end=""), FORM, 400, "not_multipart", "the form ends before its last boundary"),
        (form(), FORM, 422, "invalid_input", "the form has no file"),
        (form(field("user", "ann")), FORM, 422, "invalid_input", "the form has no file"),
        (form(field("user", "")), FORM, 422, "invalid_input", "'user' has the wrong form"),
        (form(field("image", "red.png")), FORM, 422, "invalid_input", "the field 'image' is no file"),
        (form(*["X: y\r\n\r\n"] * 102)[:1990], FORM, 422, "invalid_input", "the form has too many parts"),
    ],
)
async def test_what_is_wrong_has_a_sentence_of_its_own(
    colours: Edge, content: bytes, media_type: str, status: int, code: str, sentence: str
) -> None:
    reply = await colours.client.post(PATH, content=content, headers={"content-type": media_type})
    error = reply.json()["error"]
    assert (reply.status_code, error["code"], error["message"]) == (status, code, sentence)


async def test_the_picture_at_fault_is_named(colours: Edge) -> None:
    files = [("image", ("red.png", RED)), ("image", ("animated.gif", animated()))]
    error = (await colours.client.post(PATH, files=files)).json()["error"]
    assert (error["message"], error["index"]) == ("the picture is animated", 1)


async def test_a_model_of_numbers_takes_no_pictures(edge: Edge) -> None:
    edge.serve("echo", "1", EchoModel())
    for reply in (
        await edge.client.post(PATH, content=RED, headers={"content-type": "image/png"}),
        await edge.client.post(PATH, files={"image": RED}),
    ):
        error = reply.json()["error"]
        assert (reply.status_code, error["message"]) == (415, "this model takes no pictures")
        assert error["expected"] == "Content-Type: application/json, with 'features'"


async def test_a_form_of_a_page_of_another_site_is_refused(colours: Edge) -> None:
    reply = await colours.client.post(PATH, files={"image": RED}, headers={"origin": "https://evil.example"})
    assert (reply.status_code, reply.json()["error"]["code"]) == (403, "origin_not_allowed")


async def test_only_a_model_of_pictures_is_described_with_them(edge: Edge) -> None:
    edge.serve("echo", "1", EchoModel())
    edge.serve("colours", "1", OffTheLoop(), task=colour_task)
    document = (await edge.client.get("/openapi.json")).json()
    bodies = {name: set(each["content"]) for name, each in document["components"]["requestBodies"].items()}
    assert bodies["echo.1"] == {"application/json", "text/csv"}
    assert bodies["colours.1"] == {"application/json", "image/jpeg", "multipart/form-data"}
    example = document["components"]["examples"]["colours.1.one-row"]["value"]
    assert classes(await edge.client.post("/v1/models/colours/predict", json=example)) == ["a"]


VERSION = served_version("colours", "1")
SERVED = ServedVersion("colours", "1", VERSION.signature, colour_task(), VERSION.lane)
PIECES = [b"--xyz", b"--xyz--", b"\r\n", b"\n", b"--", b'Content-Disposition: form-data; name="a"; filename="b"', b":",
          b"Content-Type: image/png", b"\r\n\r\n", RED, b"\0", b'name="user"', b"x" * 300]  # fmt: skip


@settings(max_examples=300)
@given(
    body=st.lists(st.sampled_from(PIECES) | st.binary(max_size=6), max_size=14).map(b"".join),
    boundary=st.sampled_from(["xyz", '"xyz"', "", "x" * 300, "xyz; charset=utf-8"]),
)
def test_every_form_is_read_or_refused(body: bytes, boundary: str) -> None:
    head = RequestHead([(b"content-type", f"multipart/form-data; boundary={boundary}".encode())])
    try:
        assert V1Form().read(Call(head), body, SERVED).rows >= 1
    except ClientError as error:
        assert error.status in (400, 415, 422)  # noqa: PT017  # most are refused
