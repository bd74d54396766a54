"""The models of texts in examples/models, asked over HTTP as clients ask them."""

from __future__ import annotations

import json
import shutil
import struct
import subprocess
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from tests.contracts.pages import blocks
from tests.doubles.text_answers import alike, asked, predictions_of
from tests.integration.served_process import ServedProcess
from training.example_bundle import MODELS
from training.f1 import macro_f1, span_f1
from training.sentiment import LABELS
from training.text_bundle import read_held_out

NAMES = ("sentiment", "spam", "tags")
LEAST = {"sentiment": 0.78, "tags": 0.75}
BLANK, ACCENTS = " \t\n", "\u0301\u0302"


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServedProcess]:
    """A server of the three models."""
    folder = tmp_path_factory.mktemp("models")
    for name in NAMES:
        (folder / name).symlink_to(MODELS / name)
    process = ServedProcess(models=folder)
    process.start(PLIMSOLL_READY_WHEN="all")
    process.ready()
    yield process
    process.kill()


@pytest.fixture(scope="module")
def client(served: ServedProcess) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=served.url, timeout=60) as connected:
        yield connected


def figure(client: httpx.Client, model: str, metric: str) -> dict[str, Any]:
    """A metric as the manifest of the served version has it."""
    found: dict[str, Any] = client.get(f"/v1/models/{model}/versions/1").json()["metrics"][metric]
    return found


def test_sentiment_is_as_good_on_held_out_texts_as_its_manifest_says(client: httpx.Client) -> None:
    rows = read_held_out("sentiment")
    given = [each["class"] for each in asked(client, "sentiment", [row["text"] for row in rows])]
    measured = macro_f1(LABELS, [row["class"] for row in rows], given)
    said = figure(client, "sentiment", "macro_f1")
    assert measured.value >= LEAST["sentiment"]
    assert said["low"] < measured.value < said["high"]
    assert measured.value == pytest.approx(said["value"], abs=0.001), "a rounding may turn one text or two"
    assert said["rows"] == len(rows)


def test_tags_agrees_with_its_teacher_on_later_years_as_its_manifest_says(client: httpx.Client) -> None:
    rows = read_held_out("tags")
    given = asked(client, "tags", [row["text"] for row in rows])
    found = [[(each["start"], each["end"], each["entity"]) for each in answer["entities"]] for answer in given]
    measured = span_f1([[tuple(span) for span in row["spans"]] for row in rows], found)
    said = figure(client, "tags", "agreement_with_teacher_span_f1")
    assert measured.value >= LEAST["tags"]
    assert measured.value == pytest.approx(said["value"], abs=0.001)
    for row, answer in zip(rows, given, strict=True):
        assert all(each["text"] == row["text"][each["start"] : each["end"]] for each in answer["entities"])


@pytest.mark.skipif(shutil.which("curl") is None, reason="needs curl: apt install curl")
def test_the_requests_of_the_page_are_answered(served: ServedProcess) -> None:
    (block,) = blocks("text.md", "Ask")
    answers = []
    for command in block.strip().splitlines():
        request = command.replace("http://127.0.0.1:8000", served.url)
        told = subprocess.run(["bash", "-euc", request], capture_output=True, text=True, check=True, timeout=60)
        answers.append(json.loads(told.stdout))
    sentiment, spam, tags, tensors = answers
    assert [each["class"] for each in sentiment["predictions"]] == ["positive"]
    assert [each["class"] for each in spam["predictions"]] == ["spam", "ham"]
    assert ("LOC", "Berlin") in [(each["entity"], each["text"]) for each in tags["predictions"][0]["entities"]]
    assert [each["name"] for each in tensors["outputs"]] == ["probabilities", "tokens", "tokens_cut"]


@pytest.mark.parametrize("model", NAMES)
def test_a_text_alone_is_answered_as_among_others_of_any_length(client: httpx.Client, model: str) -> None:
    words = "Ada Lovelace wrote the finest programs in London, and nobody paid her a penny in 1843 . "
    texts = [(words * 40)[:length] for length in (3, 15, 60, 61, 170, 900, 3000)]
    together = asked(client, model, texts)
    alone = [predictions_of(client, model, {"text": text})[0] for text in texts]
    assert alike(together, alone)
    assert together[-1]["tokens_cut"] > 0


def test_offsets_count_code_points_of_the_text_that_was_sent(client: httpx.Client) -> None:
    plain = "Yesterday President Obama met Chancellor Merkel in Berlin."
    strange = "\U0001f600e\u0301 \u200d" + plain
    (expected,) = predictions_of(client, "tags", {"text": plain})
    (found,) = predictions_of(client, "tags", {"text": strange})
    assert {each["text"] for each in expected["entities"]} >= {"Berlin"}
    for each in found["entities"]:
        assert strange[each["start"] : each["end"]] == each["text"]
    assert "Berlin" in {each["text"] for each in found["entities"]}


@pytest.mark.parametrize("model", NAMES)
def test_a_bad_text_is_named_by_its_index_and_never_fails_its_neighbours(client: httpx.Client, model: str) -> None:
    good = {"text": "The film was wonderful."}
    expected = predictions_of(client, model, good)
    bad: list[dict[str, Any]] = [
        {"instances": ["fine", BLANK]},
        {"instances": ["fine", ""]},
        {"instances": ["fine", 3]},
    ]

    def ask(place: int) -> httpx.Response:
        body = good if place % 2 else bad[place // 2 % len(bad)]
        return client.post(f"/v1/models/{model}/predict", json=body)

    with ThreadPoolExecutor(8) as threads:
        replies = list(threads.map(ask, range(48), timeout=60))
    for reply in replies[::2]:
        assert (reply.status_code, reply.json()["error"]["index"]) == (422, 1)
    for reply in replies[1::2]:
        assert reply.status_code == 200
        assert alike(reply.json()["predictions"], expected)


def test_texts_stream_one_by_one(client: httpx.Client) -> None:
    body = {"instances": ["A lovely film.", "An awful film.", "x " * 500]}
    headers = {"accept": "text/event-stream"}
    with client.stream("POST", "/v1/models/sentiment/predict", json=body, headers=headers) as reply:
        events = [json.loads(line[6:]) for line in reply.iter_lines() if line.startswith("data: ")]
    found = {each["index"]: each["prediction"] for each in events if "prediction" in each}
    assert alike([found[row] for row in range(3)], asked(client, "sentiment", body["instances"]))


@pytest.mark.parametrize("binary", [False, True])
def test_the_open_inference_protocol_takes_texts_as_bytes(client: httpx.Client, binary: bool) -> None:
    texts = ["A lovely film, nai\u0308ve \U0001f600", "President Obama met the press in Berlin."]
    raw = b"".join(struct.pack("<I", len(each.encode())) + each.encode() for each in texts) if binary else b""
    data: dict[str, Any] = {"parameters": {"binary_data_size": len(raw)}} if binary else {"data": texts}
    head = json.dumps({"inputs": [{"name": "text", "datatype": "BYTES", "shape": [2], **data}]}).encode()
    headers = {"inference-header-content-length": str(len(head))} if binary else {}
    outputs = {}
    for model in NAMES:
        reply = client.post(f"/v2/models/{model}/infer", content=head + raw, headers=headers)
        assert reply.status_code == 200, reply.text
        outputs[model] = {each["name"]: each["data"] for each in reply.json()["outputs"]}
    for model in ("sentiment", "spam"):
        flat = [score for each in asked(client, model, texts) for score in each["probabilities"]]
        assert outputs[model]["probabilities"] == pytest.approx(flat, abs=1e-4)
    found = asked(client, "tags", texts)
    assert alike([json.loads(each) for each in outputs["tags"]["entities"]], [each["entities"] for each in found])
    assert outputs["tags"]["tokens"] == [each["tokens"] for each in found]


def test_openapi_shows_a_text_of_the_bundle(client: httpx.Client) -> None:
    document = client.get("/openapi.json").json()
    for name in NAMES:
        (route,) = (path for path in document["paths"] if path.endswith(f"/models/{name}/predict"))
        reference = document["paths"][route]["post"]["requestBody"]["$ref"].removeprefix("#/").split("/")
        body: Any = document
        for part in reference:
            body = body[part]
        content = body["content"]["application/json"]
        assert content["schema"]["oneOf"][0]["properties"]["text"]["type"] == "string"
        (example_name, *_) = content["examples"]
        shown = document["components"]["examples"][f"{name}.1.{example_name}"]["value"]
        assert len(shown["text"]) > 10, shown
        assert client.post(f"/v1/models/{name}/predict", json=shown).status_code == 200


TEXTS = st.text(max_size=60) | st.text(st.characters(categories=["Cs", "Mn", "Zs", "Cc", "So"]), max_size=12)
BODIES = st.fixed_dictionaries(
    {}, optional={"text": TEXTS | st.integers(), "instances": st.lists(TEXTS | st.none(), max_size=5), "user": TEXTS}
)


@settings(max_examples=80, deadline=None, derandomize=True)
@given(body=BODIES, model=st.sampled_from(NAMES), ascii_only=st.booleans())
@example(body={"text": "\ud800"}, model="tags", ascii_only=True)
@example(body={"text": "a" * 3_000_000}, model="spam", ascii_only=True)
@example(body={"text": "\0\x1b\ufffe"}, model="sentiment", ascii_only=True)
def test_no_body_is_the_fault_of_the_server(
    client: httpx.Client, body: dict[str, Any], model: str, ascii_only: bool
) -> None:
    content = json.dumps(body, ensure_ascii=ascii_only).encode(errors="surrogatepass")
    headers = {"content-type": "application/json"}
    reply = client.post(f"/v1/models/{model}/predict", content=content, headers=headers)
    assert reply.status_code in (200, 400, 422), reply.text
    if reply.status_code != httpx.codes.OK:
        assert reply.json()["error"]["expected"]


@pytest.mark.parametrize(
    ("body", "status", "message"),
    [
        ({"text": ""}, 422, "the text is empty"),
        ({"text": BLANK}, 422, "the tokenizer of this model leaves nothing of the text"),
        ({"text": ACCENTS}, 422, "the tokenizer of this model leaves nothing of the text"),
        ({"text": "pale blue diary \ud800"}, 422, "the text holds half a character"),
        ({"text": "pale blue diary " * 100_000}, 422, "the text is too long"),
        ({"text": "pale blue diary " * 700_000}, 413, "the body is too long"),
        ({"text": ["pale blue diary"]}, 422, "the text has the wrong type"),
        ({"instances": ["pale blue diary"] * 101}, 422, "the number of rows is out of range"),
    ],
)
def test_each_bad_text_has_a_sentence_and_none_is_logged(
    served: ServedProcess, client: httpx.Client, body: dict[str, Any], status: int, message: str
) -> None:
    content = json.dumps(body).encode()
    reply = client.post("/v1/models/sentiment/predict", content=content, headers={"content-type": "application/json"})
    assert (reply.status_code, reply.json()["error"]["message"]) == (status, message)
    predictions_of(client, "tags", {"text": "Here is my pale blue diary of Berlin."})
    assert "pale blue" not in reply.text
    assert "pale blue" not in served.log()
    assert "Berlin" not in served.log()
