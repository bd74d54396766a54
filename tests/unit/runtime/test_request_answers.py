from __future__ import annotations

from pathlib import Path

import pytest
from plimsoll.bundle.golden_requests import read_requests
from plimsoll.errors import BundleError
from plimsoll.runtime.loader_options import LoaderOptions
from plimsoll.runtime.request_answers import free_name, with_requests
from plimsoll.tasks import bind_task

from tests.conftest import MakeBundle

CPU = LoaderOptions("cpu")


def test_a_bundle_gets_the_answers_of_its_model_and_task_as_golden_requests(
    make_tiny_bundle: MakeBundle, tmp_path: Path
) -> None:
    bundle = make_tiny_bundle()
    width = bundle.manifest.signature.inputs[0].shape[1]
    body = b'{"features": [%s]}' % b",".join([b"0.5"] * width)
    made = with_requests(tmp_path / "made", bundle, [body], lambda draft: bind_task(draft.manifest, draft.read), CPU)
    assert made.manifest.golden.requests == "requests.json"
    assert made.manifest.version == bundle.manifest.version
    (request,) = read_requests(made)
    assert list(request.predictions[0]) == ["class", "probabilities"]


def test_a_body_that_the_task_refuses_makes_no_bundle(make_tiny_bundle: MakeBundle, tmp_path: Path) -> None:
    bundle = make_tiny_bundle()
    with pytest.raises(BundleError, match="golden request 0 is not answered"):
        with_requests(tmp_path, bundle, [b'{"features": []}'], lambda draft: bind_task(draft.manifest, draft.read), CPU)
    assert not (tmp_path / bundle.manifest.name).exists()


def test_the_requests_get_a_name_that_no_other_file_has() -> None:
    assert free_name([]) == "requests.json"
    assert free_name(["requests.json", "2.requests.json"]) == "3.requests.json"
