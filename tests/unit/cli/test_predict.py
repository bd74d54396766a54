from __future__ import annotations

import io
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image, ImageDraw
from plimsoll.application import Application
from plimsoll.runtime.pytorch.module_building import build_architecture
from plimsoll.settings import load_settings
from safetensors.torch import save

from tests.doubles.servers import CannedServer, served
from tests.doubles.torch_bundles import make_torch_bundle
from tests.unit.cli.conftest import RunPlimsoll

SIDE = 4
GLYPH = {"kind": "glyph", "width": SIDE, "height": SIDE, "box": 3, "ink": "light"}


def make(folder: Path, name: str, version: str, **about: Any) -> None:
    """A model of 16 pixels and 3 classes."""
    torch.manual_seed(int(version))
    parameters = {"sizes": [SIDE * SIDE, 3]}
    make_torch_bundle(
        folder,
        name=name,
        version=version,
        architecture="digits-mlp",
        parameters=parameters,
        weights=save(build_architecture("digits-mlp", parameters).state_dict()),
        example=np.zeros((1, SIDE * SIDE), np.float32),
        labels=["zero", "one", "two"],
        minimum=0,
        maximum=1,
        about=about,
    )


def desired(folder: Path, **versions: list[str]) -> Path:
    models = [{"name": name, "versions": [{"version": each} for each in listed]} for name, listed in versions.items()]
    file = folder / "desired.yaml"
    file.write_text(json.dumps({"models": models}))
    return file


@pytest.fixture(scope="module")
def one(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The URL of a server of one model of pictures, in versions 1 and 2."""
    folder = tmp_path_factory.mktemp("one")
    for version in ("1", "2"):
        make(folder / "models", "glyphs", version, preprocessing=GLYPH)
    chosen = load_settings(models_dir=folder / "models", desired_state=desired(folder, glyphs=["1", "2"]))
    with served(Application(chosen).app) as url:
        yield url


@pytest.fixture(scope="module")
def several(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The URL of a server of two models, one of pictures and one of numbers."""
    folder = tmp_path_factory.mktemp("several")
    make(folder / "models", "glyphs", "1", preprocessing=GLYPH)
    make(folder / "models", "numbers", "1")
    with served(Application(load_settings(models_dir=folder / "models")).app) as url:
        yield url


@pytest.fixture
def picture(tmp_path: Path) -> str:
    """A file with a drawing."""
    drawn = Image.new("L", (40, 40), 255)
    ImageDraw.Draw(drawn).ellipse((8, 8, 30, 30), outline=0, width=5)
    drawn.save(tmp_path / "digit.png")
    return str(tmp_path / "digit.png")


ROW = json.dumps([0.5] * SIDE * SIDE)


def predicted(out: str) -> tuple[str, str, str]:
    """Model, version and class of an answer."""
    answer = json.loads(out)
    assert len(answer["predictions"]) == 1
    assert len(answer["predictions"][0]["probabilities"]) == 3
    return answer["model"], answer["version"], answer["predictions"][0]["class"]


def test_a_row_is_answered_by_the_highest_version(plimsoll: RunPlimsoll, one: str) -> None:
    ran = plimsoll("predict", "--row", ROW, "--url", one)
    assert (ran.code, ran.err) == (0, "")
    assert predicted(ran.out)[:2] == ("glyphs", "2")


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
def test_this_machine_is_asked_without_the_proxy_of_the_environment(
    plimsoll: RunPlimsoll, one: str, host: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    ran = plimsoll("predict", "--row", ROW, "--url", one.replace("127.0.0.1", host))
    assert (ran.code, ran.err) == (0, "")
    assert predicted(ran.out)[:2] == ("glyphs", "2")


@pytest.mark.parametrize("version", ["1", "2"])
def test_a_version_can_be_asked_for(plimsoll: RunPlimsoll, one: str, version: str) -> None:
    ran = plimsoll("predict", "--row", ROW, "--url", one, "--model", "glyphs", "--version", version)
    assert predicted(ran.out)[:2] == ("glyphs", version)


@pytest.mark.parametrize("options", [[], ["--model", "glyphs"], ["--model", "glyphs", "--version", "1"]])
def test_a_picture_becomes_the_row_that_the_model_wants(
    plimsoll: RunPlimsoll, one: str, picture: str, options: list[str]
) -> None:
    ran = plimsoll("predict", "--image", picture, "--url", one, *options)
    assert (ran.code, ran.err) == (0, "")
    assert predicted(ran.out)[0] == "glyphs"


@pytest.mark.parametrize("content", [ROW, json.dumps({"features": json.loads(ROW)}), f"\n  {ROW}\n"])
def test_a_row_may_come_from_a_file_or_from_standard_input(plimsoll: RunPlimsoll, one: str, content: str) -> None:
    Path("row.json").write_text(content)
    from_file = plimsoll("predict", "--row", "row.json", "--url", one)
    from_stdin = plimsoll("predict", "--row", "-", "--url", one, stdin=content)
    assert predicted(from_file.out) == predicted(from_stdin.out)


def test_the_expected_class_is_exit_code_0_and_another_is_1(plimsoll: RunPlimsoll, one: str) -> None:
    given = predicted(plimsoll("predict", "--row", ROW, "--url", one).out)[2]
    (other,) = {"zero", "one", "two"} - {given, "two" if given != "two" else "one"}
    assert plimsoll("predict", "--row", ROW, "--url", one, "--expect", given).code == 0
    ran = plimsoll("predict", "--row", ROW, "--url", one, "--expect", other)
    assert ran.code == 1
    assert ran.err == f"error: the class is {given}, expected: {other}\n"
    assert predicted(ran.out)[2] == given


def test_several_models_need_a_name(plimsoll: RunPlimsoll, several: str, picture: str) -> None:
    for_picture = plimsoll("predict", "--image", picture, "--url", several)
    assert for_picture.code == 2
    assert "--image needs --model, one of: glyphs, numbers" in for_picture.err
    for_row = plimsoll("predict", "--row", ROW, "--url", several)
    assert for_row.code == 1
    assert "404 model_not_found: /v1/predict needs exactly one loaded model" in for_row.err
    assert "expected: one of: glyphs, numbers" in for_row.err
    assert plimsoll("predict", "--image", picture, "--url", several, "--model", "glyphs").code == 0


def test_a_model_of_numbers_takes_no_picture(plimsoll: RunPlimsoll, several: str, picture: str) -> None:
    ran = plimsoll("predict", "--image", picture, "--url", several, "--model", "numbers")
    assert ran.code == 1
    assert ran.err == "error: model numbers does not say how a picture becomes a row; use --row\n"


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (
            ["--row", "[0.5]"],
            "422 invalid_input: features has the wrong length; expected: 16 numbers; given: 1 numbers",
        ),
        (["--row", '["x"]'], "given: the string 'x'"),
        (["--row", '["[/x]"]'], "given: the string '[/x]'"),
        (
            ["--row", ROW, "--model", "ghost"],
            "404 model_not_found: there is no model 'ghost'; expected: one of: glyphs",
        ),
        (["--row", ROW, "--model", "glyphs", "--version", "9"], "404 version_not_found: "),
        (["--row", ROW, "--model", "[bold]"], "there is no model '[bold]'"),
    ],
)
def test_what_the_server_refuses_is_told_word_for_word_and_exit_code_1(
    plimsoll: RunPlimsoll, one: str, options: list[str], sentence: str
) -> None:
    ran = plimsoll("predict", "--url", one, *options)
    assert (ran.code, ran.out) == (1, "")
    assert sentence in ran.err
    assert ran.err.startswith("error: ")
    assert ran.err.count("\n") == 1


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ([], "give one of --text, --image, --row, --column, --file and --golden"),
        (["--row", ROW, "--image", "digit.png"], "and --golden, not --image and --row"),
        (["--row", ROW, "--version", "1"], "--version needs --model"),
        (["--image", "none.png"], "'none.png' does not exist"),
        (["--image", "."], "directory"),
        (["--row", "none.json"], "--row names a file that cannot be read"),
        (["--row", "."], "--row names a file that cannot be read"),
        (["--row", "x" * 5000], "--row names a file that cannot be read"),
        (["--row", "digit.png"], "--row names a file that cannot be read"),
        (["--row", "[0.5,"], "--row is not JSON"),
        (
            ["--row", r'["\ud800"]'],
            "/v1/predict cannot be asked for this: 'utf-8' codec can't encode",
        ),
        (["--row", "[1e999]"], "cannot be asked for this: Out of range float values are not JSON compliant"),
        (["--row", "[1]", "--model", "\udcff"], "cannot be asked for this: 'utf-8' codec can't encode"),
        (["--row", "[1]", "--api-key", "é"], "--api-key holds a character that no API key has; a key has letters"),
        (["--row", "-"], "--row is not JSON"),
        (["--row", "[0.5, NaN]"], "NaN"),
        (["--row", "text.json"], "--row needs an array of numbers"),
        (["--row", ROW, "--timeout-seconds", "0"], "Invalid value for '--timeout-seconds'"),
    ],
)
@pytest.mark.usefixtures("picture")
def test_arguments_that_make_no_request_are_exit_code_2(
    plimsoll: RunPlimsoll, one: str, options: list[str], sentence: str
) -> None:
    Path("text.json").write_text('{"row": [1]}')
    ran = plimsoll("predict", "--url", one, *options)
    assert (ran.code, ran.out) == (2, "")
    assert sentence in ran.complaint


def test_what_is_no_picture_is_exit_code_2(plimsoll: RunPlimsoll, one: str) -> None:
    Path("digit.png").write_bytes(b"no picture")
    ran = plimsoll("predict", "--image", "digit.png", "--url", one)
    assert ran == (2, "", "error: this is not a picture that can be read\n")


@pytest.mark.parametrize(
    ("url", "beginning", "end"),
    [
        ("http://127.0.0.1:1", "no answer from {}/v1/predict: ", "; is `plimsoll serve` running there?"),
        ("http://[::1", "{} is not an address: ", "; expected one as http://127.0.0.1:8000"),
        ("ftp://127.0.0.1", "no answer from {}/v1/predict: ", "; is `plimsoll serve` running there?"),
        ("127.0.0.1:1", "no answer from {}/v1/predict: ", "; is `plimsoll serve` running there?"),
    ],
)
def test_where_no_server_answers_is_exit_code_2_with_what_to_do(
    plimsoll: RunPlimsoll, url: str, beginning: str, end: str
) -> None:
    ran = plimsoll("predict", "--row", ROW, "--url", url)
    assert (ran.code, ran.out) == (2, "")
    assert ran.complaint.startswith(f"error: {beginning.format(url)}")
    assert ran.complaint.endswith(end)


@pytest.mark.parametrize(
    ("server", "said"),
    [
        (CannedServer(b"<html>hello</html>", content_type="text/html"), "is this a Plimsoll server?"),
        (CannedServer(b"<html>bad gateway</html>", 502, "text/html"), "502"),
        (CannedServer(b"[1, 2]"), ""),
        (CannedServer(b'{"hello": "world"}'), ""),
        (CannedServer(b'{"predictions": []}'), ""),
        (CannedServer(b'{"error": "upstream is gone"}', 503), "503"),
        (CannedServer(b'{"detail": "Not Found"}', 404), "404"),
    ],
)
def test_another_server_is_told_apart_without_a_trace(plimsoll: RunPlimsoll, server: CannedServer, said: str) -> None:
    with server.running() as url:
        ran = plimsoll("predict", "--row", ROW, "--url", url)
    assert ran.code in (1, 2)
    assert ran.err.startswith("error: ")
    assert said in ran.err


def test_another_server_is_told_apart_for_a_picture_too(plimsoll: RunPlimsoll, picture: str) -> None:
    with CannedServer(b'{"hello": "world"}').running() as url:
        ran = plimsoll("predict", "--image", picture, "--url", url)
    assert ran.code in (1, 2)
    assert ran.complaint


def test_a_picture_is_sent_as_the_row_of_a_request(plimsoll: RunPlimsoll, one: str, picture: str) -> None:
    assert plimsoll("predict", "--image", picture, "--url", one).code == 0
    canned: dict[str, Any] = {
        "versions": [{"state": "failed"}, {"state": "ready", "preprocessing": GLYPH}, {"state": "loading"}]
    }
    canned["predictions"] = [{"class": "one"}]
    server = CannedServer(json.dumps(canned).encode())
    with server.running() as url:
        plimsoll("predict", "--image", picture, "--url", url, "--model", "glyphs")
    assert [path for path, _ in server.received] == ["/v1/models/glyphs", "/v1/models/glyphs/predict"]
    row = json.load(io.BytesIO(server.received[1][1]))["features"]
    assert len(row) == SIDE * SIDE
    assert 0 <= min(row) < max(row) <= 1
