"""Rows of the workloads that a whole task serves: other ones each, with the answers of the model alone."""

from __future__ import annotations

import io
import json

import numpy as np
import pytest
from PIL import Image

from benchmarks.bench.task_rows import probe
from benchmarks.bench.wires import PICTURE, TEXT, Row, picture_wire
from benchmarks.bench.workloads import GARMENTS, SENTIMENT, Rows, Workload, rows_of


@pytest.fixture(scope="module", params=[SENTIMENT, GARMENTS], ids=lambda workload: workload.name)
def asked(request: pytest.FixtureRequest) -> tuple[Workload, Rows]:
    return request.param, rows_of(request.param)


def test_there_are_64_rows_and_no_two_have_one_answer(asked: tuple[Workload, Rows]) -> None:
    _, rows = asked
    assert len(rows.rows) == len(rows.expected) == 64
    assert rows.expected.sum(axis=1) == pytest.approx(1, abs=1e-5)
    apart = np.abs(rows.expected[:, np.newaxis] - rows.expected).max(axis=2)
    assert apart[~np.eye(64, dtype=bool)].min() > 1e-4


def test_texts_are_of_all_lengths_and_pictures_are_png(asked: tuple[Workload, Rows]) -> None:
    workload, rows = asked
    if workload.wire == TEXT:
        lengths = sorted(len(json.loads(row.text).split()) for row in rows.rows)
        assert lengths[0] < 15
        assert lengths[-1] > 85
    else:
        sizes = {Image.open(io.BytesIO(row.values.tobytes())).size for row in rows.rows}
        assert sizes == {(224, 224)}


def test_a_picture_is_one_file_of_a_form() -> None:
    wire = picture_wire("/v1/predict", "picture", lambda document: document["probabilities"])
    body = wire.body(Row("", np.frombuffer(b"\x89PNG", np.uint8)))
    boundary = wire.headers["Content-Type"].partition("boundary=")[2]
    assert body.startswith(f'--{boundary}\r\nContent-Disposition: form-data; name="picture"; filename='.encode())
    assert body.endswith(f"\r\n\r\n\x89PNG\r\n--{boundary}--\r\n".encode("latin-1"))
    assert wire.read(b'{"probabilities": [0.5]}') == [0.5]


def test_a_probe_is_a_row_of_its_wire() -> None:
    assert json.loads(probe(TEXT).text)
    assert Image.open(io.BytesIO(probe(PICTURE).values.tobytes())).format == "PNG"
