"""Metadata of the server and of the model."""

from __future__ import annotations

from typing import Any

import pytest

from tests.conformance.messages import described, shown, strict_json
from tests.conformance.server import Server, error_of
from tests.conformance.tensors import DATATYPES


def test_server_metadata(server: Server) -> None:
    """Name, version and extensions stand under /v2, without a redirect.

    Required: Server Metadata.
    """
    response = server.get("/v2")
    assert response.status_code == 200, described(response)
    document = strict_json(response.content)
    assert isinstance(document.get("name"), str), described(response)
    assert isinstance(document.get("version"), str), described(response)
    extensions = document.get("extensions")
    assert isinstance(extensions, list), described(response)
    assert all(isinstance(extension, str) for extension in extensions), described(response)


def test_server_metadata_with_a_slash(server: Server) -> None:
    """The OpenAPI document has /v2/, the prose v2; a redirect from one to the other is taken.

    Recommended: Server Metadata.
    """
    response = server.http.get("/v2/", follow_redirects=True)
    assert response.status_code == 200, described(response)
    assert strict_json(response.content).get("name") == server.metadata.get("name"), described(response)


def test_model_metadata(server: Server) -> None:
    """Name and platform, and name, datatype and shape of each input and output.

    Required: Model Metadata.
    """
    response = server.get(server.model_path)
    assert response.status_code == 200, described(response)
    document = strict_json(response.content)
    assert document.get("name") == server.target.model, described(response)
    assert isinstance(document.get("platform"), str), described(response)
    for side in ("inputs", "outputs"):
        assert isinstance(document.get(side), list), f"{side} is no list: {described(response)}"
        for tensor in document[side]:
            _assert_tensor(tensor)


def test_model_metadata_names_tensors(server: Server) -> None:
    """A client can make a request from the metadata alone: it lists at least one input and one output.

    Recommended: Model Metadata.
    """
    assert server.model_metadata.get("inputs"), "the metadata lists no inputs"
    assert server.model_metadata.get("outputs"), "the metadata lists no outputs"


def test_versions_are_texts(server: Server) -> None:
    """Versions are texts, such as "1".

    Required: Model Metadata.
    """
    versions = server.model_metadata.get("versions")
    if versions is None:
        pytest.skip("the metadata has no versions")
    assert isinstance(versions, list), f"versions is {shown(versions)}"
    assert all(isinstance(version, str) for version in versions), f"versions is {shown(versions)}"


def test_model_metadata_by_version(server: Server) -> None:
    """Each version of the metadata has metadata under its own path.

    Required: Model Metadata.
    """
    if not server.versions:
        pytest.skip("the metadata lists no versions")
    for version in server.versions:
        response = server.get(f"/v2/models/{server.target.model}/versions/{version}")
        assert response.status_code == 200, described(response)
        assert strict_json(response.content).get("name") == server.target.model, described(response)


@pytest.mark.parametrize("path", ["no-such-model", "{model}/versions/987654"])
def test_metadata_of_an_unknown_model_is_an_error(server: Server, path: str) -> None:
    """There is no metadata of a model or version that the server does not have.

    Required: Model Metadata Response JSON Error Object.
    """
    if "versions" in path and not server.versions:
        pytest.skip("the metadata lists no versions")
    error_of(server.get(f"/v2/models/{path.format(model=server.target.model)}"))


def _assert_tensor(tensor: dict[str, Any]) -> None:
    assert isinstance(tensor, dict), f"a tensor is {shown(tensor)}"
    assert isinstance(tensor.get("name"), str), f"the name of a tensor: {shown(tensor)}"
    assert tensor.get("datatype") in DATATYPES, f"the datatype of a tensor: {shown(tensor)}"
    shape = tensor.get("shape")
    assert isinstance(shape, list), f"the shape of a tensor: {shown(tensor)}"
    whole = all(isinstance(size, int) and not isinstance(size, bool) and size >= -1 for size in shape)
    assert whole, f"a dimension is a whole number, or -1 where it is open: {shown(tensor)}"
