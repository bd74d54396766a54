from __future__ import annotations

from typing import Any

import pytest

from tests.doubles.models import EchoModel
from tests.unit.api.conftest import Edge

PREDICT = ["/v1/predict", "/v1/models/{name}/predict", "/v1/models/{name}/versions/{version}/predict"]
INFER = ["/v2/models/{name}/infer", "/v2/models/{name}/versions/{version}/infer"]
KSERVE = ["/v1/models/{name}:predict"]
OPENAI = ["/openai/v1/embeddings"]
TAGS = ("start", "predict", "open inference protocol", "openai", "models", "health")
GET = [
    "/", "/v1/models", "/v1/models/{name}", "/v1/models/{name}/versions/{version}",
    "/v1/models/{name}/versions/{version}/golden",
    "/v1/health", "/v1/health/detailed", "/livez", "/readyz", "/startupz",
    "/openai/v1/models", "/openai/v1/models/{name}",
    "/v2", "/v2/health/live", "/v2/health/ready", "/v2/models", "/v2/models/stats",
    *(
        f"/v2/models/{{name}}{version}{end}"
        for version in ("", "/versions/{version}")
        for end in ("", "/ready", "/config", "/stats")
    ),
]  # fmt: skip
INDEX = "/v2/repository/index"


async def schema_of(edge: Edge) -> dict[str, Any]:
    schema: dict[str, Any] = (await edge.client.get("/openapi.json")).json()
    return schema


async def test_the_schema_lists_every_route_but_the_scrapes(edge: Edge) -> None:
    paths = (await schema_of(edge))["paths"]
    assert sorted(paths) == sorted([*PREDICT, *INFER, *KSERVE, *OPENAI, *GET, INDEX])
    assert sorted(paths[INDEX]) == ["get", "post"]
    assert all(list(paths[path]) == ["post"] for path in PREDICT + INFER + KSERVE + OPENAI)
    assert all(list(paths[path]) == ["get"] for path in GET)


async def test_every_route_has_a_summary_a_tag_and_an_id_of_its_own(edge: Edge) -> None:
    operations = [each for path in (await schema_of(edge))["paths"].values() for each in path.values()]
    assert all(each["summary"] and each["tags"][0] in TAGS for each in operations)
    assert len({each["operationId"] for each in operations}) == len(operations)


@pytest.mark.parametrize("path", PREDICT + INFER)
async def test_a_front_documents_its_body_its_parameters_its_answer_and_its_errors(edge: Edge, path: str) -> None:
    operation = (await schema_of(edge))["paths"][path]["post"]
    tensors = path in INFER
    assert ("properties" if tensors else "oneOf") in operation["requestBody"]["content"]["application/json"]["schema"]
    named = {
        where: [each["name"] for each in operation["parameters"] if each["in"] == where] for where in ("path", "header")
    }
    assert named["path"] == [name for name in ("name", "version") if f"{{{name}}}" in path]
    pins = [] if "{version}" in path else ["x-plimsoll-version"]  # where the path names none
    assert named["header"] == ["X-Request-Timeout-Ms", *pins, "x-plimsoll-user", "Cache-Control"]
    assert set(operation["responses"]) == {
        "200", "400", "401", "403", "404", "408", "413", "415", "429", "500", "503", "504", "507",
    } | (set() if tensors else {"422"})  # fmt: skip
    answer, error = ("InferenceAnswer", "OipError") if tensors else ("PredictAnswer", "ErrorBody")
    assert "x-plimsoll-version" in operation["responses"]["200"]["headers"]
    for status, response in operation["responses"].items():
        reference = response["content"]["application/json"]["schema"]["$ref"]
        assert reference.endswith(answer if status == "200" else error)


@pytest.mark.parametrize("path", ["/v1/predict", "/v1/models/echo/predict", "/v1/models/echo/versions/1/predict"])
async def test_predicting_needs_a_post(edge: Edge, path: str) -> None:
    edge.serve("echo", "1", EchoModel())
    reply = await edge.client.get(path)
    assert (reply.status_code, reply.headers["allow"]) == (405, "POST")


@pytest.mark.parametrize("method", ["POST", "PUT"])
async def test_the_page_of_a_model_takes_no_other_method_and_names_the_routes_that_predict(
    edge: Edge, method: str
) -> None:
    edge.serve("echo", "1", EchoModel())
    reply = await edge.client.request(method, "/v1/models/echo", json={"instances": [[0, 1]]})
    assert (reply.status_code, reply.headers["allow"]) == (405, "GET, HEAD")
    predicts = "POST /v1/models/echo:predict, or POST /v1/models/echo/predict"
    assert reply.json()["error"]["expected"] == (predicts if method == "POST" else "GET, HEAD")
    odd = await edge.client.post("/v1/models/" + "x" * 65)
    assert odd.json()["error"]["expected"] == predicts.replace("echo", "{name}")


async def test_a_verb_of_kserve_that_is_not_here_is_404_in_its_form(edge: Edge) -> None:
    edge.serve("echo", "1", EchoModel())
    reply = await edge.client.post("/v1/models/echo:explain", json={"instances": [[0, 1]]})
    assert (reply.status_code, "allow" in reply.headers) == (404, False)
    predicts = "POST /v1/models/echo:predict, or POST /v1/models/echo/predict"
    assert reply.json() == {"error": f"a model has no ':explain' here; expected {predicts}"}
    page = await edge.client.get("/v1/models/echo:predict")
    assert (page.status_code, page.json()["error"]["code"]) == (404, "model_not_found"), "a GET asks for a page of /v1"


async def test_kserves_route_documents_its_body_its_answer_and_its_errors(edge: Edge) -> None:
    operation = (await schema_of(edge))["paths"][KSERVE[0]]["post"]
    body = operation["requestBody"]["content"]["application/json"]
    assert list(body["schema"]["properties"]) == ["instances", "user"]
    assert [list(example["value"]) for example in body["examples"].values()] == [["instances"]]
    assert [each["name"] for each in operation["parameters"] if each["in"] == "path"] == ["name"]
    for status, name in (("200", "Predictions"), ("400", "OipError"), ("404", "OipError")):
        reference = operation["responses"][status]["content"]["application/json"]["schema"]["$ref"]
        assert reference.endswith(name)
    assert "422" not in operation["responses"]


@pytest.mark.parametrize("path", ["/v1/nowhere", "/v3/health/ready", "/docs/", "/v1/models/echo/versions"])
async def test_any_other_route_is_404_in_the_contract(edge: Edge, path: str) -> None:
    reply = await edge.client.get(path)
    assert (reply.status_code, reply.json()["error"]["code"]) == (404, "not_found")
