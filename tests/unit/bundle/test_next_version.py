from __future__ import annotations

import pytest
from plimsoll.bundle.next_version import check_version, next_fields, version_after
from plimsoll.errors import BundleError

from tests.conftest import MakeBundle

GRAPH = {"format": "onnx", "graph": "model.onnx"}


def test_a_version_is_followed_by_one_number_more() -> None:
    assert (version_after("2"), version_after("2.0.7")) == ("2.1", "2.0.7.1")
    with pytest.raises(BundleError, match=r"no version follows 1.2.3.4 by one more number; give one with --version"):
        version_after("1.2.3.4")


def test_the_next_manifest_has_the_fields_of_the_old_one_and_another_model(make_tiny_bundle: MakeBundle) -> None:
    bundle = make_tiny_bundle()
    fields = next_fields(bundle, "1.1", GRAPH)
    assert (fields["version"], fields["schema_version"], fields["model"]) == ("1.1", 2, GRAPH)
    assert "files" not in fields
    assert fields["licence"] == bundle.manifest.licence
    assert next_fields(bundle, "1.1", GRAPH, 3)["schema_version"] == 3


@pytest.mark.parametrize("version", ["one", "1.2.3.4.5", "01", "", "1.", "-1", "1\n"])
def test_a_version_that_no_manifest_can_have_is_refused(version: str) -> None:
    check_version("1.2.3.4")
    with pytest.raises(BundleError, match="a version is one to four numbers joined by dots"):
        check_version(version)
