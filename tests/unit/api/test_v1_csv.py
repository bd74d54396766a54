from __future__ import annotations

import csv
import io
from typing import Any

import numpy as np
import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st
from plimsoll.errors import ClientError, InvalidInput, MalformedBody, UnsupportedMediaType
from plimsoll.fronts import V1
from plimsoll.fronts.v1_csv import V1Csv
from plimsoll.inference.call import Call
from plimsoll.inference.payloads import Answer, Signature, TensorSpec
from plimsoll.inference.ports import Json, Reply, Task
from plimsoll.inference.request_head import RequestHead
from plimsoll.inference.served_version import ServedVersion
from plimsoll.inference.task_threads import TaskThreads, UnobservedTask
from plimsoll.tasks.tabular_classification import TabularClassification
from plimsoll.tasks.tabular_regression import TabularRegression
from plimsoll.tasks.tensors import TensorTask

from tests.doubles.models import EchoModel, flat_signature
from tests.doubles.pictures import colour_task
from tests.doubles.questions import QUESTION
from tests.unit.api.conftest import Edge
from tests.unit.control.serving import served_version

CSV = {"content-type": "text/csv"}


def serving(task: Task) -> ServedVersion:
    version = served_version("echo", "1")
    return ServedVersion("echo", "1", version.signature, task, version.lane)


CALL = Call(RequestHead())
SERVED = serving(TabularClassification(flat_signature(2)))


def rows_of(body: bytes) -> list[list[float]]:
    question = V1Csv().read(CALL, body, SERVED)
    tensor = np.empty((question.rows, 2), np.float32)
    question.write({"x": tensor})
    return tensor.tolist()


@pytest.mark.parametrize(
    "body",
    [
        b"1,2\n3,4\n", b"1,2\r\n3,4", b"\xef\xbb\xbf1,2\n3,4", b' 1 , 2\n"3","4"\n\n', b"width,height\n1,2\n3,4",
        b'"a","b, c"\r\n1,2\r\n3e0,4.0\r\n',
    ],
)  # fmt: skip
def test_rows_are_read_however_csv_spells_them(body: bytes) -> None:
    assert rows_of(body) == [[1, 2], [3, 4]]


@given(rows=st.lists(st.lists(st.floats(-1e30, 1e30), min_size=2, max_size=2), min_size=1, max_size=8))
def test_what_a_writer_of_csv_wrote_is_read(rows: list[list[float]]) -> None:
    text = io.StringIO()
    csv.writer(text).writerows(rows)
    assert rows_of(text.getvalue().encode()) == np.array(rows, np.float32).tolist()


@given(body=st.binary(max_size=60) | st.text('0123456789.,-+e_"\n\r a', max_size=60).map(str.encode))
def test_any_bytes_at_all_are_read_or_get_a_4xx(body: bytes) -> None:
    try:
        assert rows_of(body)
    except ClientError as error:
        if not 400 <= error.status < 500:
            raise AssertionError(f"not fit for a client: {error!r}") from error


@pytest.mark.parametrize(
    ("body", "message", "given", "index"),
    [
        (b"1,2\n3\n", "row 1 of instances has the wrong length", "1 numbers", 1),
        (b"a,b\n1,2,3\n", "row 0 of instances has the wrong length", "3 numbers", 0),
        (b"1,2\n3,x\n", "row 1 holds something else than a number at position 1", "'x'", 1),
        (b"1,x\n3,4\n", "row 0 holds something else than a number at position 1", "'x'", 0),
        (b"1,\n", "row 0 holds something else than a number at position 1", "''", 0),
        (b"1_0,2\n", "row 0 holds something else than a number at position 0", "'1_0'", 0),
        (b"1,nan\n", "the number at position 1 does not fit FP32", "a number beyond its range", 0),
        (b"1,1e400\n", "the number at position 1 does not fit FP32", "a number beyond its range", 0),
        (b"a,b\n", "the number of rows is out of range", "0 rows", None),
        (b"1,2\n" * 101, "the number of rows is out of range", "101 rows", None),
        (b"\n" * 5000 + b"1,2", "the number of rows is out of range", "more lines or numbers", None),
        (b"1\r" * 5000, "the number of rows is out of range", "more lines or numbers", None),
        (b"," * 5000, "the number of rows is out of range", "more lines or numbers", None),
        (b",\n1,2\n", "row 0 holds something else than a number at position 0", "''", 0),
        (b"1_0,n/a\n1,2\n", "row 0 holds something else than a number at position 0", "'1_0'", 0),
    ],
)
def test_what_is_wrong_is_named_with_its_row(body: bytes, message: str, given: str, index: int | None) -> None:
    with pytest.raises(InvalidInput) as caught:
        rows_of(body)
    assert (caught.value.message, caught.value.given, caught.value.index) == (message, given, index)


@pytest.mark.parametrize(
    ("body", "code"), [(b"", "empty_body"), (b" \n", "empty_body"), (b'"1,2', "not_csv"), (b"\xff", "not_csv")]
)
def test_what_is_no_csv_is_400(body: bytes, code: str) -> None:
    with pytest.raises(MalformedBody) as caught:
        rows_of(body)
    assert caught.value.code == code


def test_a_model_that_takes_no_rows_says_so() -> None:
    tensors = TensorTask(Signature((TensorSpec("a", "FP32", (-1, 2)),), (TensorSpec("b", "FP32", (-1,)),)))
    with pytest.raises(UnsupportedMediaType, match="takes named tensors"):
        V1Csv().read(CALL, b"1,2", serving(tensors))


def test_a_model_of_pictures_says_so_and_repeats_none_of_the_lines() -> None:
    with pytest.raises(UnsupportedMediaType, match="takes pictures, not rows of numbers") as caught:
        V1Csv().read(CALL, b"Dear diary, today", serving(colour_task()))
    assert caught.value.given == "1 rows"


@pytest.mark.parametrize(("row", "described"), [({"type": "string"}, False), ({"type": "array"}, True)])
def test_the_document_has_csv_only_for_rows_that_are_no_texts_or_pictures(row: Json, described: bool) -> None:
    assert bool(V1Csv().body_content("row", row, {})) == described


def test_the_formats_of_a_protocol_share_its_label_and_have_a_type_each() -> None:
    assert {front.protocol for front in V1} == {"v1"}
    types = [media_type for front in V1 for media_type in front.media_types]
    assert types[:2] == ["application/json", "text/csv"]
    assert len(set(types)) == len(types)


async def test_csv_is_answered_in_csv_and_counted_like_any_other(edge: Edge) -> None:
    edge.serve("echo", "7", EchoModel())
    reply = await edge.client.post("/v1/predict", content=b"0.25,0.75\n1,0\n", headers=CSV)
    assert (reply.status_code, reply.headers["x-plimsoll-version"]) == (200, "7")
    assert reply.headers["content-type"] == "text/csv; charset=utf-8; header=present"
    assert reply.text == "class,probabilities.0,probabilities.1\r\nb,0.25,0.75\r\na,1.0,0.0\r\n"
    assert edge.observer.last == ("echo", "7", 200)
    assert edge.observer.outcomes[-1].protocol == "v1"


@pytest.mark.parametrize(
    ("sent", "accept", "given"),
    [
        ("text/csv", "*/*", "text/csv"),
        ("text/csv; charset=utf-8", "application/json", "application/json"),
        ("application/json", "text/csv", "text/csv"),
        ("application/json", "text/html, Text/CSV;q=0.5, */*", "text/csv"),
        ("application/json", "application/json, text/plain, */*", "application/json"),
        ("application/json", "image/png", "application/json"),
        ("application/json", "text/csv;q=0, application/json", "application/json"),
        ("application/json", "application/json;q=0.1, text/csv", "text/csv"),
        ("application/json", "text/csv;q=nonsense", "application/json"),
    ],
)
async def test_the_body_and_accept_choose_the_formats(edge: Edge, sent: str, accept: str, given: str) -> None:
    edge.serve("echo", "7", EchoModel(), task=TabularRegression)
    body = b"1,2" if "csv" in sent else b'{"features": [1, 2]}'
    headers = {"content-type": sent, "accept": accept}
    reply = await edge.client.post("/v1/models/echo/predict", content=body, headers=headers)
    assert reply.headers["content-type"].startswith(given)
    assert ("values.a,values.b\r\n1.0,2.0" in reply.text) == (given == "text/csv")


async def test_an_error_of_csv_is_that_of_v1_and_another_type_names_both(edge: Edge) -> None:
    edge.serve("echo", "7", EchoModel())
    wrong = await edge.client.post("/v1/predict", content=b"1,2,3", headers=CSV)
    assert (wrong.status_code, wrong.json()["error"]["given"]) == (422, "3 numbers")
    other = await edge.client.post("/v1/predict", content=b"1,2", headers={"content-type": "text/plain"})
    assert other.status_code == 415
    assert other.json()["error"]["expected"].startswith("Content-Type: application/json or text/csv or image/jpeg")
    assert [outcome.status for outcome in edge.observer.outcomes] == [422, 415]


async def test_the_document_describes_both_formats(edge: Edge) -> None:
    edge.serve("echo", "7", EchoModel())
    operation = edge.app.openapi()["paths"]["/v1/predict"]["post"]
    assert set(operation["requestBody"]["content"]) == {"application/json", "text/csv"}
    assert set(operation["responses"]["200"]["content"]) == {"application/json", "text/csv", "text/event-stream"}


def test_every_cell_of_an_answer_is_there_also_where_names_collide() -> None:
    outputs = (TensorSpec("a", "FP32", (-1, 2)), TensorSpec("a.0", "FP32", (-1,)), TensorSpec("b", "BOOL", (-1,)))
    task = TensorTask(Signature((TensorSpec("x", "FP32", (-1, 2)),), outputs))
    answer = Answer("m", "1", {
        "a": np.array([[0.1, 2]], np.float32), "a.0": np.array([3], np.float32), "b": np.array([True]),
    })  # fmt: skip
    reply = V1Csv().reply(Call(RequestHead()), serving(task), QUESTION, answer)
    assert reply.content == b"outputs.a.0,outputs.a.1,outputs.a.0,outputs.b\r\n0.1,2.0,3.0,true\r\n"


THREADS = TaskThreads(UnobservedTask())
VALUES = st.integers(-99, 99) | st.text(st.characters(categories=("L", "N", "P")), max_size=4)


class Written(TensorTask):
    """A task whose results are given."""

    def __init__(self, results: list[Any]) -> None:
        super().__init__(flat_signature(2))
        self._results = results

    def results(self, question: Any, outputs: Any) -> list[Any]:
        """Those."""
        del question, outputs
        return self._results


def replied(results: list[Any]) -> Reply:
    """What `V1Csv` answers for the results of a task of one's own."""
    served = ServedVersion("echo", "1", SERVED.signature, Written(results), SERVED.lane, threads=THREADS)
    return V1Csv().reply(Call(RequestHead()), served, QUESTION, Answer("echo", "1", {}))


@given(data=st.data(), names=st.lists(st.text("abc", max_size=2), min_size=1, max_size=4, unique=True))
def test_each_value_stands_under_its_name_in_whatever_order_a_row_has_them(
    data: st.DataObject, names: list[str]
) -> None:
    rows = [
        {name: data.draw(VALUES) for name in data.draw(st.permutations(names))}
        for _ in range(data.draw(st.integers(1, 4)))
    ]
    text = bytes(replied(rows).content).decode()
    assert "" not in text.removesuffix("\r\n").split("\r\n")
    read = list(csv.DictReader(io.StringIO(text, newline="")))
    assert read == [{name: str(value) for name, value in row.items()} for row in rows]


@pytest.mark.parametrize("results", [[{}], [{}, {}], [{"a": 1}, {}], [{"a": 1}, {"b": 1}], [{"a": [1]}], [1]])
def test_results_that_are_no_lines_are_answered_in_json(results: list[Any]) -> None:
    reply = replied(results)
    assert (b"content-type", b"application/json") in reply.headers
    assert orjson.loads(reply.content)["predictions"] == results


def test_labels_are_quoted_where_csv_needs_it() -> None:
    output = TensorSpec("y", "FP32", (-1, 2), labels=('say "a", b', "c"))
    task = TabularClassification(Signature(flat_signature(2).inputs, (output,)))
    answer = Answer("m", "1", {"y": np.array([[1, 0]], np.float32)})
    reply = V1Csv().reply(Call(RequestHead()), serving(task), QUESTION, answer)
    assert list(csv.reader(io.StringIO(reply.content.decode())))[1] == ['say "a", b', "1.0", "0.0"]
