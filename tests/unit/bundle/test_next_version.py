from __future__ import annotations

import pytest
from plimsoll.bundle.next_version import next_fields, version_after
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
