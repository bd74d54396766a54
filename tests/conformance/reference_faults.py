"""Faults that can be planted in the reference server, each with the test that must find it, while all others pass."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

from tests.conformance.messages import HEADER_LENGTH
from tests.conformance.planting import Fault, answering, asking, message, on_error, split, with_status
from tests.conformance.reference_server import Answer, Call
from tests.conformance.tensors import NUMPY_CODES


def _without_second_names(document: Any, blobs: bytes) -> tuple[Any, bytes]:
    names = [each.get("name") for each in document["inputs"]]
    document["inputs"] = [
        each for place, each in enumerate(document["inputs"]) if each.get("name") not in names[:place]
    ]
    return document, blobs


def _big_endian(document: Any, blobs: bytes) -> tuple[Any, bytes]:
    turned, place = b"", 0
    sizes = [each.get("parameters", {}).get("binary_data_size", 0) for each in document["inputs"]]
    if all(isinstance(size, int) and size > 0 for size in sizes) and sum(sizes) == len(blobs):
        for each, size in zip(document["inputs"], sizes, strict=True):
            data, place = blobs[place : place + size], place + size
            code = NUMPY_CODES.get(each.get("datatype"), "u1")
            width = int(code[-1]) if code[-1].isdigit() else 1
            pieces = [data[at : at + width][::-1] for at in range(0, len(data), width)]
            turned += b"".join(pieces)
        return document, turned
    return document, blobs


def _blobs_turned(document: Any, blobs: bytes) -> tuple[Any, bytes]:
    sizes = [each.get("parameters", {}).get("binary_data_size", 0) for each in document["outputs"]]
    if len([size for size in sizes if size]) < 2 or document["outputs"][0]["name"] == "scaled":
        return document, blobs
    return document, blobs[sizes[0] :] + blobs[: sizes[0]]


def _trailing_cut(document: Any, blobs: bytes) -> tuple[Any, bytes]:
    sizes = [each.get("parameters", {}).get("binary_data_size", 0) for each in document["inputs"]]
    return document, blobs[: sum(sizes)] if all(
        isinstance(size, int) and 0 <= size < 2**31 for size in sizes
    ) else blobs


def _without_choice(document: Any, blobs: bytes) -> tuple[Any, bytes]:
    if document.get("parameters", {}).get("binary_data_output"):
        for output in document.get("outputs", []):
            output.pop("parameters", None)
    return document, blobs


def _without_name(document: Any, blobs: bytes) -> tuple[Any, bytes]:
    document.pop("model_name")
    return document, blobs


def _without_id(document: Any, blobs: bytes) -> tuple[Any, bytes]:
    if not blobs:
        document.pop("id", None)
    return document, blobs


def _without_request_of_one(document: Any, blobs: bytes) -> tuple[Any, bytes]:
    if document.get("outputs") in ([{"name": "scaled"}], [{"name": "loud"}]):
        document.pop("outputs")
    return document, blobs


def _cut_to_shape(document: Any, blobs: bytes) -> tuple[Any, bytes]:
    for each in document["inputs"]:
        data = each.get("data")
        if each.get("shape") == [2, 3] and isinstance(data, list) and len(data) == 3:
            each["data"] = data[:2]
    return document, blobs


def _flat_refused(call: Call, answer: Answer) -> Answer:
    document, blobs = split(call.body, call.headers)
    if answer.status != 200 or blobs or not isinstance(document, dict):
        return answer
    deep = [each for each in document.get("inputs", []) if len(each["shape"]) > 1 and each.get("data")]
    if any(not isinstance(each["data"][0], list) for each in deep):
        return Answer.of({"error": "data has the nesting of the shape"}, 400)
    return answer


def _header_always(call: Call, answer: Answer) -> Answer:
    if answer.status != 200 or not call.path.endswith("/infer"):
        return answer
    return replace(answer, headers={HEADER_LENGTH: str(len(answer.body)), **answer.headers})


def _bare_nan(_: Call, answer: Answer) -> Answer:
    if b"NaN or Infinity" not in answer.body:
        return answer
    output = b'{"name": "scaled", "datatype": "FP32", "shape": [1], "data": [NaN]}'
    return Answer(200, b'{"model_name": "pair", "outputs": [' + output + b"]}", {"Content-Type": "application/json"})


def _any_version(call: Call) -> Call:
    path = call.path.replace("/versions/987654", "") if call.path.endswith("/infer") else call.path
    return replace(call, path=path)


def _nothing_counted(call: Call, answer: Answer) -> Answer:
    if not call.path.endswith("/pair/stats"):
        return answer
    return replace(answer, body=re.sub(rb'"count": \d+', b'"count": 0', answer.body))


def _page(answer: Answer) -> Answer:
    return Answer(answer.status, b"<html>Not Found</html>", {"Content-Type": "text/html"})


def _page_for_unknown_paths(call: Call, answer: Answer) -> Answer:
    return _page(answer) if call.path.endswith("/no-such-path") else answer


def _numbered(call: Call, answer: Answer) -> Answer:
    if "/versions/" in call.path:
        return answer
    return replace(answer, body=answer.body.replace(b'"model_version": "1"', b'"model_version":   1'))


def _always_ready(call: Call, answer: Answer) -> Answer:
    if answer.status == 404 and call.path.endswith("no-such-model/ready"):
        return Answer.of({"name": "no-such-model", "ready": True})
    return answer


def _with_trace(answer: Answer) -> Answer:
    return Answer.of({"error": f'Traceback (most recent call last): File "/srv/model.py" {message(answer)}'}, 400)


def _half_read(call: Call, answer: Answer) -> Answer:
    if b"stream is cut" in answer.body and call.headers.get("content-encoding") == "gzip":
        return replace(answer, status=500)
    return answer


_STATUS = "test_an_error_of_the_client_has_such_a_status"
FAULTS = [
    Fault("validation-is-422", f"{_STATUS}[no-shape]", after=on_error("has no shape", with_status(422))),
    Fault(
        "wrong-shape-is-500", f"{_STATUS}[other-fixed-dimension]", after=on_error("[2, 6] was given", with_status(500))
    ),
    Fault(
        "short-body-is-500",
        f"{_STATUS}[body-too-short]",
        after=on_error("at most 19, the bytes left", with_status(500)),
    ),
    Fault(
        "element-cut-is-500",
        f"{_STATUS}[element-of-4-gigabytes]",
        after=on_error("has 4294967295 bytes", with_status(500)),
    ),
    Fault(
        "error-is-detail",
        "test_a_wrong_request_object_is_an_error[json-array]",
        after=on_error("not another value", lambda answer: Answer.of({"detail": message(answer)}, 400)),
    ),
    Fault(
        "error-has-more-fields",
        "test_an_error_is_only_the_error[json-array]",
        after=on_error("not another value", lambda answer: Answer.of({"error": message(answer), "code": 3}, 400)),
    ),
    Fault(
        "error-has-a-trace",
        "test_an_error_keeps_the_inside_to_itself[unknown-datatype]",
        after=on_error("given is unknown", _with_trace),
    ),
    Fault("id-is-lost", "test_id_is_returned", after=answering(_without_id)),
    Fault("model-name-is-lost", "test_response_names_the_model", after=answering(_without_name)),
    Fault("version-is-a-number", "test_response_names_the_model", after=_numbered),
    Fault("flat-data-refused", "test_flat_data_equals_nested_data", after=_flat_refused),
    Fault(
        "duplicates-accepted",
        "test_a_doubtful_request_is_an_error[duplicate-input]",
        before=asking(_without_second_names),
    ),
    Fault("element-too-many-accepted", "test_wrong_data_is_an_error[one-element-more]", before=asking(_cut_to_shape)),
    Fault("outputs-ignored", "test_only_requested_outputs_are_returned", before=asking(_without_request_of_one)),
    Fault("any-version-answers", "test_an_unknown_model_or_version_is_an_error[version]", before=_any_version),
    Fault("any-model-is-ready", "test_unknown_model_is_not_ready[no-such-model]", after=_always_ready),
    Fault("unknown-path-is-a-page", "test_an_unknown_path_has_the_error_object", after=_page_for_unknown_paths),
    Fault("another-verb-is-404", "test_infer_takes_no_get", after=on_error("is a POST", with_status(404))),
    Fault("statistics-stand-still", "test_statistics_count_an_inference", after=_nothing_counted),
    Fault("bare-nan", "test_nan_is_never_bare_in_json[binary]", after=_bare_nan),
    Fault("big-endian", "test_binary_inputs_equal_json_inputs", before=asking(_big_endian)),
    Fault("header-on-json", "test_json_answer_has_no_header_of_binary_data", after=_header_always),
    Fault(
        "bytes-behind-accepted",
        "test_wrong_binary_data_is_an_error[bytes-after-the-last-input]",
        before=asking(_trailing_cut),
    ),
    Fault("outputs-turned", "test_binary_outputs_stand_in_the_order_of_the_json", after=answering(_blobs_turned)),
    Fault("choice-of-an-output-ignored", "test_an_output_overrides_binary_data_output", before=asking(_without_choice)),
    Fault("cut-stream-is-500", "test_a_broken_stream_is_an_error_of_the_client", after=_half_read),
]
"""Every fault, by what is wrong."""
