"""tritonclient and the calls about models: statistics, configuration, index, load and unload."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.clients.client_process import ClientProcess, ClientRaised
from tests.clients.served import PIXELS, Served
from tests.integration.served_process import ServedProcess

ways = pytest.mark.parametrize("way", ["http", "http.aio"])
KEY = {"X-API-Key": "right"}


@ways
def test_triton_http_statistics(triton: ClientProcess, served: Served, way: str) -> None:
    def count(*model: str) -> int:
        (of_model,) = triton("call", way, served.address, "get_inference_statistics", *model)["model_stats"]
        assert (of_model["name"], of_model["version"]) == ("digits", "2")
        return int(of_model["inference_count"])

    before = count("digits", "2")
    triton("infer", way, served.address, "digits", [("pixels", "FP32", PIXELS, True)], model_version="2")
    assert count("digits", "2") == before + len(PIXELS)
    everything = triton("call", way, served.address, "get_inference_statistics")["model_stats"]
    assert {(each["name"], each["version"]) for each in everything} >= {("digits", "1"), ("places", "1")}


@ways
def test_triton_http_model_config(triton: ClientProcess, served: Served, way: str) -> None:
    for arguments in (["places"], ["places", "1"]):
        config = triton("call", way, served.address, "get_model_config", *arguments)
        assert config["name"] == "places"
        assert [(each["name"], each["data_type"]) for each in config["input"]] == [
            ("place", "TYPE_INT64"), ("measured", "TYPE_FP32")
        ]  # fmt: skip
        assert config["max_batch_size"] > 0


@ways
def test_triton_http_repository_index(triton: ClientProcess, served: Served, way: str) -> None:
    index = triton("call", way, served.address, "get_model_repository_index")
    assert ("digits", "1", "READY") in {(each["name"], each["version"], each["state"]) for each in index}


@pytest.fixture(scope="module")
def guarded(models: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Served, Served]]:
    """A server with keys and a desired state of one version: its main port and its admin port."""
    folder = tmp_path_factory.mktemp("guarded")
    keys, desired = folder / "keys.yaml", folder / "desired-state.yaml"
    digest = hashlib.sha256(b"right").hexdigest()
    keys.write_text(f"keys: [{{label: op, sha256: {digest}, scopes: [predict, admin]}}]")
    desired.write_text('models: [{name: digits, versions: [{version: "1"}]}]')
    process = ServedProcess(models=models)
    process.start(PLIMSOLL_DESIRED_STATE=str(desired), PLIMSOLL_KEYS_FILE=str(keys))
    main = Served(process.ready(), process)
    yield main, Served(process.wait_for_log(r"admin API on (http://[0-9.]+:\d+)")[1], process)
    process.kill()


@ways
@pytest.mark.parametrize("method", ["load_model", "unload_model"])
def test_triton_http_load_on_the_main_port(
    triton: ClientProcess, guarded: tuple[Served, Served], way: str, method: str
) -> None:
    main, _ = guarded
    with pytest.raises(ClientRaised, match=r"^\[404\] .*admin port"):
        triton("call", way, main.address, method, "digits", headers=dict(KEY))


@ways
def test_triton_http_load_and_unload(triton: ClientProcess, guarded: tuple[Served, Served], way: str) -> None:
    main, admin = guarded

    def call(method: str, *arguments: Any) -> Any:
        return triton("call", way, admin.address, method, *arguments, headers=dict(KEY))

    def ask() -> Any:
        inputs = [("pixels", "FP32", PIXELS, True)]
        return triton("infer", way, main.address, "digits", inputs, headers=dict(KEY))[0]["model_version"]

    def states() -> set[tuple[str, str]]:
        index = call("get_model_repository_index")
        return {(each["version"], each["state"]) for each in index if each["name"] == "digits"}

    call("load_model", "digits")
    assert ("2", "READY") in states()
    assert ask() == "2", "it answers as soon as the call has returned"
    call("unload_model", "digits")
    assert ("2", "READY") not in states()
    with pytest.raises(ClientRaised, match=r"^\[404\] there is no model 'digits'"):
        ask()
    with pytest.raises(ClientRaised, match=r"^\[401\] this server asks for an API key"):
        triton("call", way, admin.address, "load_model", "digits")
    with pytest.raises(ClientRaised, match=r"^\[404\] there is no bundle of model 'nobody'"):
        call("load_model", "nobody")


@ways
@pytest.mark.parametrize(
    "method",
    [
        "get_trace_settings", "get_log_settings", "get_system_shared_memory_status", "get_cuda_shared_memory_status",
        "unregister_system_shared_memory",
    ],
)  # fmt: skip
def test_triton_http_calls_that_are_not_here(triton: ClientProcess, served: Served, way: str, method: str) -> None:
    with pytest.raises(ClientRaised, match=r"^\[404\] this server (does not|has no) "):
        triton("call", way, served.address, method)


@ways
@pytest.mark.parametrize(("model", "columns"), [("nobody", 784), ("places", 784), ("digits", 783)])
def test_triton_http_errors(triton: ClientProcess, served: Served, way: str, model: str, columns: int) -> None:
    inputs = [("pixels", "FP32", PIXELS[:, :columns], True)]
    body, length = triton("request_body", inputs)
    headers = {"Inference-Header-Content-Length": str(length)}
    sentence = served.sentence("POST", f"/v2/models/{model}/infer", content=body, headers=headers)
    with pytest.raises(ClientRaised) as raised:
        triton("infer", way, served.address, model, inputs)
    assert str(raised.value) == f"[{404 if model == 'nobody' else 400}] {sentence}"
