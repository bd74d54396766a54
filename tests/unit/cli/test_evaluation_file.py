from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import typer
from plimsoll.bundle.folder import Bundle
from plimsoll.bundle.task_files import no_file
from plimsoll.cli.evaluation_file import EvaluationRows, read_evaluation
from plimsoll.tasks import bind_task

from tests.conftest import MakeBundle

ROWS = np.random.default_rng(0).random((250, 4), np.float32)
LABELS = ["a", "b"] * 125


def read(bundle: Bundle, file: Path) -> EvaluationRows:
    manifest = bundle.manifest
    return read_evaluation(file, bind_task(manifest, no_file), manifest.line_signature(), ["label", "labels"])


def write_csv(file: Path, rows: list[list[Any]]) -> None:
    file.write_text("\n".join(",".join(map(str, row)) for row in rows) + "\n")


def write_lines(file: Path, documents: list[Any]) -> None:
    file.write_text("\n".join(map(json.dumps, documents)) + "\n")


def test_every_form_of_file_gives_the_same_rows_and_labels(make_tiny_bundle: MakeBundle, tmp_path: Path) -> None:
    bundle = make_tiny_bundle()
    pairs = list(zip(ROWS.tolist(), LABELS, strict=True))
    write_csv(tmp_path / "rows.csv", [["w", "x", "y", "z", "label"], *([*row, label] for row, label in pairs)])
    write_lines(tmp_path / "rows.jsonl", [{"features": row, "label": label} for row, label in pairs])
    np.savez(tmp_path / "rows.npz", input=ROWS.astype(np.float64), label=np.array(LABELS))
    for name in ("rows.csv", "rows.jsonl", "rows.npz"):
        found = read(bundle, tmp_path / name)
        assert list(found.inputs) == ["input"]
        assert found.inputs["input"].dtype == np.float32
        assert np.array_equal(found.inputs["input"], ROWS)
        assert found.labels == {"label": LABELS}
    np.save(tmp_path / "rows.npy", ROWS)
    alone = read(bundle, tmp_path / "rows.npy")
    assert np.array_equal(alone.inputs["input"], ROWS)
    assert alone.labels == {}


def test_whole_numbers_stand_for_floating_point_ones_and_not_the_other_way(
    make_tiny_bundle: MakeBundle, tmp_path: Path
) -> None:
    np.savez(tmp_path / "bits.npz", input=np.eye(4, dtype=np.uint8).repeat(5, axis=0))
    assert read(make_tiny_bundle(), tmp_path / "bits.npz").inputs["input"].dtype == np.float32
    np.savez(tmp_path / "odd.npz", input=np.ones((20, 4), np.complex64))
    with pytest.raises(typer.BadParameter, match="is of complex64, and numbers are expected"):
        read(make_tiny_bundle("other"), tmp_path / "odd.npz")


@pytest.mark.parametrize(
    ("tensors", "sentence"),
    [
        ({"input": ROWS[:1]}, "has 1 row, which would show nothing; give at least 20"),
        ({"input": ROWS[:0]}, "has 0 rows, which would show nothing"),
        ({"pixels": ROWS}, "has the tensors 'pixels', and the model takes 'input'; labels are in 'label', 'labels'"),
        ({"input": ROWS, "more": ROWS}, "has the tensors 'input', 'more', and the model takes 'input'"),
        ({"label": ROWS}, "has the tensors none, and the model takes 'input'"),
        ({"input": ROWS, "label": ROWS[:9, 0]}, "needs as many rows in each tensor, and it has 250 of 'input', 9 of"),
        ({"input": ROWS[:, :3]}, "'input' is of shape [250, 3], and the model takes [-1, 4]"),
        ({"input": ROWS[:, 0]}, "'input' is of shape [250], and the model takes [-1, 4]"),
        ({"input": np.float32(1)}, "'input' is of shape []"),
        ({"input": np.where(np.arange(1000).reshape(250, 4) == 501, 255, ROWS)}, "row 125 of --evaluate rows.npz"),
        ({"input": np.where(ROWS[0, 0] == ROWS, np.nan, ROWS)}, "row 0 of --evaluate rows.npz is not one that"),
        ({"input": np.array([["x"] * 4] * 20)}, "rows.npz: 'input' is of <U1, and numbers are expected"),
    ],
)
def test_tensors_that_the_model_does_not_take_are_refused(
    make_tiny_bundle: MakeBundle, tmp_path: Path, tensors: dict[str, Any], sentence: str
) -> None:
    np.savez(tmp_path / "rows.npz", **tensors)
    with pytest.raises(typer.BadParameter) as caught:
        read(make_tiny_bundle(), tmp_path / "rows.npz")
    assert sentence in caught.value.message


@pytest.mark.parametrize(
    ("lines", "sentence"),
    [
        ("", "--evaluate rows.jsonl has 0 rows"),
        ("[1, 2]", "line 1 of --evaluate rows.jsonl should be an object, a request of one row"),
        ('{"features": [1, 2', "line 1 of --evaluate rows.jsonl is not JSON"),
        (
            '{"features": [1, 1, 1, 1], "label": "a"}\n{"features": [1, 1, 1, 1]}',
            "line 2 of --evaluate rows.jsonl has no",
        ),
        ('{"features": [1, 1]}', "line 1 of --evaluate rows.jsonl is not one that the model takes"),
        ('{"features": [1, 1, 1, "x"]}', "line 1 of --evaluate rows.jsonl is not one that the model takes"),
        ('{"rows": 1}', "line 1 of --evaluate rows.jsonl is not one that the model takes"),
        ('{"instances": [[1, 1, 1, 1], [1, 1, 1, 1]]}', "holds 2 rows; give each row a line of its own"),
    ],
)
def test_lines_that_are_no_requests_of_one_row_are_refused(
    make_tiny_bundle: MakeBundle, tmp_path: Path, lines: str, sentence: str
) -> None:
    (tmp_path / "rows.jsonl").write_text(lines)
    with pytest.raises(typer.BadParameter) as caught:
        read(make_tiny_bundle(), tmp_path / "rows.jsonl")
    assert sentence in caught.value.message


def test_no_file_another_ending_and_too_many_bytes_are_refused(
    make_tiny_bundle: MakeBundle, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bundle = make_tiny_bundle()
    with pytest.raises(typer.BadParameter, match="is no file"):
        read(bundle, tmp_path / "none.csv")
    (tmp_path / "rows.parquet").write_bytes(b"PAR1")
    with pytest.raises(typer.BadParameter, match="has another ending than"):
        read(bundle, tmp_path / "rows.parquet")
    monkeypatch.setattr("plimsoll.cli.example_files.MAX_BYTES", 3)
    with pytest.raises(typer.BadParameter, match="has more than 3 bytes, which is the most"):
        read(bundle, tmp_path / "rows.parquet")


def test_csv_is_for_one_input_of_numbers_and_rows_have_one_length(make_tiny_bundle: MakeBundle, tmp_path: Path) -> None:
    bundle = make_tiny_bundle()
    manifest = bundle.manifest.model_dump(mode="json", exclude_none=True)
    manifest |= {"schema_version": 2, "task": "tensors"}
    manifest["signature"]["inputs"][0]["shape"] = [-1, -1]
    opened = Bundle(bundle.path, type(bundle.manifest).model_validate(manifest), "")
    write_csv(tmp_path / "rows.csv", [["w", "x", "y", "z"], *ROWS.tolist()])
    with pytest.raises(typer.BadParameter, match=r"is CSV, which is for models of one input of numbers, \[-1, N\]"):
        read(opened, tmp_path / "rows.csv")
    write_lines(tmp_path / "rows.jsonl", [{"inputs": {"input": [0.5] * length}} for length in (3, 3, 4)])
    with pytest.raises(typer.BadParameter, match="has rows of different lengths"):
        read(opened, tmp_path / "rows.jsonl")
    write_lines(tmp_path / "rows.jsonl", [{"inputs": {"input": [0.5] * 3}}] * 20)
    assert read(opened, tmp_path / "rows.jsonl").inputs["input"].shape == (20, 3)


COLUMNS = [
    {"name": "age", "kind": "number"},
    {"name": "home", "kind": "category", "values": ["rent", "own"], "missing": "own"},
    {"name": "size", "kind": "number"},
]


def test_the_columns_of_a_model_stand_in_any_order_and_a_wrong_one_names_its_row(
    make_tiny_bundle: MakeBundle, tmp_path: Path
) -> None:
    bundle = make_tiny_bundle()
    manifest = bundle.manifest.model_copy(update={"options": {"columns": COLUMNS}})
    task, signature = bind_task(manifest, no_file), manifest.line_signature()
    file = tmp_path / "rows.csv"
    lines: list[list[Any]] = [[at / 256, "a", "rent" if at % 2 else "", 1 - at / 256] for at in range(150)]
    write_csv(file, [["size", "label", "home", "age"], *lines])
    found = read_evaluation(file, task, signature, ["label"])
    assert found.inputs["input"].tolist() == [[1 - at / 256, at % 2, 1 - at % 2, at / 256] for at in range(150)]
    assert found.labels == {"label": ["a"] * 150}
    lines[120][2] = "boat"
    write_csv(file, [["size", "label", "home", "age"], *lines])
    with pytest.raises(typer.BadParameter, match=r"row 120 of --evaluate rows.csv .*'home' has a category .*'boat'"):
        read_evaluation(file, task, signature, ["label"])
    write_csv(file, [["w", "x", "y", "z"], *([1, 0, 1, 0.5] for _ in range(20))])
    assert read_evaluation(file, task, signature, ["label"]).inputs["input"][0].tolist() == [1, 0, 1, 0.5]
