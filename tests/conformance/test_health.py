"""Health of the server and of the model."""

from __future__ import annotations

import httpx
import pytest

from tests.conformance.messages import described, shown, strict_json
from tests.conformance.server import Server


@pytest.mark.parametrize("path", ["live", "ready"])
def test_health_is_200(server: Server, path: str) -> None:
    """A server that is up answers both probes with 200.

    Required: Health/Readiness/Liveness Probes.
    """
    response = server.get(f"/v2/health/{path}")
    assert response.status_code == 200, described(response)


@pytest.mark.parametrize("path", ["live", "ready"])
def test_health_body_is_empty_or_the_object_of_the_text(server: Server, path: str) -> None:
    """The prose has an object, the OpenAPI document no body; both are taken, and so is `ready` for the ready probe.

    Required: Server Live, Server Ready.
    """
    response = server.get(f"/v2/health/{path}")
    if response.content:
        document = strict_json(response.content)
        flags = [document[key] for key in ("live", path) if key in document]
        assert flags, f'{{"live": true}} expected, not {shown(response.content)}'
        assert all(flag is True for flag in flags), f"true expected, not {shown(response.content)}"


@pytest.mark.parametrize("path", ["live", "ready"])
def test_health_has_a_body(server: Server, path: str) -> None:
    """KServe's client reads the flag out of the body.

    Recommended: Server Live, Server Ready.
    """
    response = server.get(f"/v2/health/{path}")
    assert response.content, 'the body is empty; {"live": true} expected'


def test_model_is_ready(server: Server) -> None:
    """A loaded model answers 200; a body, where there is one, has its name and `"ready": true`.

    Required: Model Ready.
    """
    _assert_ready(server.get(f"{server.model_path}/ready"), server.target.model)


def test_model_ready_by_version(server: Server) -> None:
    """Each version of the metadata is ready under its own path.

    Required: Model Ready.
    """
    if not server.versions:
        pytest.skip("the metadata lists no versions")
    for version in server.versions:
        response = server.get(f"/v2/models/{server.target.model}/versions/{version}/ready")
        _assert_ready(response, server.target.model)


def test_model_ready_has_a_body(server: Server) -> None:
    """The prose has an object with name and ready, the OpenAPI document no body.

    Recommended: Model Ready.
    """
    response = server.get(f"{server.model_path}/ready")
    assert response.content, 'the body is empty; {"name": ..., "ready": true} expected'


@pytest.mark.parametrize("path", ["no-such-model", "{model}/versions/987654"])
def test_unknown_model_is_not_ready(server: Server, path: str) -> None:
    """A model or version that the server does not have is never called ready.

    Required: Model Ready.
    """
    if "versions" in path and not server.versions:
        pytest.skip("the metadata lists no versions")
    response = server.get(f"/v2/models/{path.format(model=server.target.model)}/ready")
    if response.status_code == 200:
        assert response.content, "200 without a body, which means ready"
        assert strict_json(response.content).get("ready") is False, described(response)


def _assert_ready(response: httpx.Response, model: str) -> None:
    assert response.status_code == 200, described(response)
    if response.content:
        document = strict_json(response.content)
        assert document.get("ready") is True, described(response)
        assert document.get("name") == model, described(response)
