"""Faults of the gRPC side, each with the test that must find it, while all others pass."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from tests.conformance.reference_grpc import Respond, answer


@dataclass(frozen=True)
class GrpcFault:
    """One deviation: a change of the fields of a response, or of how a request is answered."""

    name: str
    fails: str
    respond: Respond


def _changed(change: Callable[[Any, dict[str, Any]], None]) -> Respond:
    def respond(method: str, request: Any) -> dict[str, Any]:
        fields = answer(method, request)
        if method == "ModelInfer":
            change(request, fields)
        return fields

    return respond


def _outputs_ignored(method: str, request: Any) -> dict[str, Any]:
    if method == "ModelInfer" and len(request.outputs) == 1 and request.outputs[0].name != "no-such-output":
        del request.outputs[:]
    return answer(method, request)


def _fails_on_a_cut_content(method: str, request: Any) -> dict[str, Any]:
    if method == "ModelInfer" and any(len(content) == 23 for content in request.raw_input_contents):
        raise RuntimeError("23 bytes cannot be reshaped")
    return answer(method, request)


def _raw_only(method: str, request: Any) -> dict[str, Any]:
    if method == "ModelInfer" and not request.raw_input_contents and len(request.inputs) > 1:
        return answer(method, request) | {"outputs": [], "raw_output_contents": []}
    return answer(method, request)


GRPC_FAULTS = [
    GrpcFault(
        "grpc-id-is-lost",
        "test_grpc_infer_names_the_model_and_the_id",
        _changed(lambda _, fields: fields.update(id="")),
    ),
    GrpcFault("grpc-outputs-ignored", "test_grpc_only_requested_outputs_are_returned", _outputs_ignored),
    GrpcFault(
        "grpc-cut-content-is-unknown",
        "test_grpc_an_error_of_the_client_has_such_a_code[raw-content-cut]",
        _fails_on_a_cut_content,
    ),
    GrpcFault("grpc-typed-contents-unread", "test_grpc_infer_equals_http[typed]", _raw_only),
]
"""Every fault of the gRPC side, by what is wrong."""
