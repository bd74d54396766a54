"""The random texts and pictures of the benchmark of memory."""

from __future__ import annotations

import base64
import io
import itertools
import json
import random

from PIL import Image

from benchmarks.input_memory import ROWS, out_of_many, random_picture, random_text, requests


def test_texts_are_of_very_different_lengths_and_the_same_in_every_run() -> None:
    chance, again = (random.Random(seed) for seed in (1, 1))  # noqa: S311  # the same rows in every run
    texts = [random_text(chance) for _ in range(100)]
    assert texts == [random_text(again) for _ in range(100)]
    assert min(map(len, texts)) < 20
    assert max(map(len, texts)) > 2000
    assert all(text.encode() for text in texts)


def test_pictures_are_of_different_sizes_kinds_and_colours() -> None:
    chance = random.Random(1)  # noqa: S311  # the same pictures in every run
    pictures = [Image.open(io.BytesIO(base64.b64decode(random_picture(chance)))) for _ in range(40)]
    assert {each.format for each in pictures} == {"PNG", "JPEG", "WEBP"}
    assert len({each.size for each in pictures}) > 30
    assert {"L", "RGB", "RGBA", "P", "CMYK"} >= {each.mode for each in pictures} > {"L", "RGB"}


def test_a_row_is_chosen_out_of_many() -> None:
    chance = random.Random(1)  # noqa: S311  # the same rows in every run
    made = list[int]()

    def make(_: random.Random) -> str:
        made.append(len(made))
        return str(made[-1])

    row = out_of_many(make, 5)
    assert {row(chance) for _ in range(200)} == {"0", "1", "2", "3", "4"}
    assert len(made) == 5


def test_each_model_is_asked_in_turn() -> None:
    asked = list(itertools.islice(requests({"tags": "token-classification", "shop": "image-classification"}, 1), 6))
    assert [name for name, _ in asked] == ["tags", "shop"] * 3
    for name, request in asked:
        head, _, body = request.partition(b"\r\n\r\n")
        assert head.startswith(f"POST /v1/models/{name}/predict ".encode())
        assert 1 <= len(json.loads(body)["instances"]) <= 4


def test_every_task_of_texts_and_pictures_has_random_rows() -> None:
    assert set(ROWS) == {
        "text-classification", "token-classification", "embeddings", "image-classification", "object-detection",
    }  # fmt: skip
