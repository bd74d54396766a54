"""Further extensions of Triton's, each tested where the server advertises it; nothing is loaded or unloaded."""

from __future__ import annotations

from typing import Any

import httpx
import numpy as np
import pytest

from tests.conformance.messages import described, read_reply, shown, strict_json
from tests.conformance.server import Server, error_of
from tests.conformance.tensors import Array


def allowed(response: httpx.Response) -> httpx.Response:
    """A successful answer; skips where the server keeps the call for others."""
    if response.status_code in (401, 403):
        pytest.skip(f"the server restricts this call; {described(response)}")
    assert response.status_code == 200, described(response)
    return response


def test_repository_index_lists_the_model(server: Server) -> None:
    """Each model has a name and a state, and a loaded one is READY.

    Extension with model_repository: Index.
    """
    response = allowed(server.http.post("/v2/repository/index", json={}))
    found = [each for each in strict_json(response.content) if each.get("name") == server.target.model]
    assert found, f"{server.target.model} is not in {shown(response.content)}"
    for each in found:
        assert all(isinstance(each.get(key, ""), str) for key in ("version", "state", "reason")), shown(each)
    assert any(each.get("state") == "READY" for each in found), shown(found)


def test_repository_index_of_ready_models(server: Server) -> None:
    """`{"ready": true}` lists only models that are ready.

    Extension with model_repository: Index.
    """
    response = allowed(server.http.post("/v2/repository/index", json={"ready": True}))
    states = {each.get("state") for each in strict_json(response.content)}
    assert states <= {"READY"}, f"READY alone expected, not {sorted(map(str, states))}"


def test_model_configuration(server: Server) -> None:
    """The configuration is an object with the model's name.

    Extension with model_configuration: Model Configuration Extension.
    """
    response = allowed(server.get(f"{server.model_path}/config"))
    assert strict_json(response.content).get("name") == server.target.model, described(response)


def test_model_configuration_of_an_unknown_model_is_an_error(server: Server) -> None:
    """A model that the server does not have has no configuration.

    Extension with model_configuration: Model Configuration Extension.
    """
    error_of(server.get("/v2/models/no-such-model/config"))


def test_statistics_count_an_inference(server: Server) -> None:
    """Counts of a model grow with each request that was answered, within a second.

    Extension with statistics: Statistics Extension.
    """
    before = _successes(server)
    for _ in range(3):
        read_reply(server.infer(server.request(server.tensors)))
    assert _successes(server) >= before + 3, "three requests were answered, and fewer are counted"


def test_statistics_of_all_models(server: Server) -> None:
    """Without a model in the path, all models are listed.

    Extension with statistics: Statistics Extension.
    """
    response = allowed(server.get("/v2/models/stats"))
    names = [each.get("name") for each in strict_json(response.content)["model_stats"]]
    assert server.target.model in names, f"{server.target.model} is not in {names}"


def test_statistics_of_an_unknown_model_are_an_error(server: Server) -> None:
    """A model that the server does not have has no statistics.

    Extension with statistics: Statistics Extension.
    """
    error_of(server.get("/v2/models/no-such-model/stats"))


def test_classification(steady: Server) -> None:
    """The best classes of an output of numbers come as texts "value:index" or "value:index:label", the best first.

    The prose has BYTES and the shape [batch, count], its example STRING and [count]; both are taken.

    Extension with classification: Classification Extension.
    """
    raw = next((each for each in steady.reply.outputs if each.array.dtype.kind in "fiu" and each.array.ndim >= 1), None)
    if raw is None or raw.array.shape[-1] < 2:
        pytest.skip("the model has no output of at least two numbers")
    asked = [{"name": raw.name, "parameters": {"classification": 2}}]
    (output,) = read_reply(steady.infer(steady.request(steady.tensors, outputs=asked))).outputs
    assert output.datatype in ("BYTES", "STRING"), shown(output)
    texts = [text.decode() for text in output.array.reshape(-1)]
    rows = raw.array.reshape(-1, raw.array.shape[-1])
    assert len(texts) == 2 * len(rows), f"2 classes of {len(rows)} rows expected: {texts}"
    for place, row in enumerate(rows):
        _assert_best(row, texts[2 * place : 2 * place + 2])


def test_classification_of_no_number_is_an_error(server: Server) -> None:
    """The number of classes is a positive whole number.

    Extension with classification: Classification Extension.
    """
    asked = [{"name": server.reply.names[0], "parameters": {"classification": "many"}}]
    error_of(server.infer(server.request(server.tensors, outputs=asked)))


@pytest.mark.parametrize("parameters", [{"priority": 0}, {"timeout": 60_000_000}], ids=["priority", "timeout"])
def test_schedule_policy_parameters_are_taken(server: Server, parameters: dict[str, Any]) -> None:
    """The default priority and a timeout of a minute, in microseconds, change nothing.

    Extension with schedule_policy: Schedule Policy Extension.
    """
    read_reply(server.infer(server.request(server.tensors, parameters=parameters)))


def _successes(server: Server) -> int:
    response = allowed(server.get(f"{server.model_path}/stats"))
    found = [each for each in strict_json(response.content)["model_stats"] if each["name"] == server.target.model]
    assert found, f"{server.target.model} is not in {shown(response.content)}"
    return sum(int(each["inference_stats"]["success"]["count"]) for each in found)


def _assert_best(row: Array, texts: list[str]) -> None:
    places = [int(text.split(":")[1]) for text in texts]
    values = [float(text.split(":")[0]) for text in texts]
    assert len(set(places)) == len(places), f"a class comes twice: {texts}"
    best = np.sort(row.astype(float))[::-1][: len(places)]
    assert np.allclose(row[places].astype(float), best, rtol=1e-3), f"{texts} are not the best of {shown(row)}"
    assert np.allclose(values, best, rtol=1e-3, atol=1e-5), f"{texts} have other values than {shown(best)}"
