from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from plimsoll.errors import InvalidInput, MalformedBody
from plimsoll.rpc.message_head import MOST_FIELDS, model_named
from plimsoll.rpc.open_inference_pb2 import ModelInferRequest


@given(st.text(min_size=1, max_size=40), st.text(max_size=10), st.text(max_size=10), st.binary(max_size=300))
def test_name_and_version_are_those_that_a_parser_reads(name: str, version: str, id_: str, raw: bytes) -> None:
    request = ModelInferRequest(model_name=name, model_version=version, id=id_, raw_input_contents=[raw])
    named = model_named(request.SerializeToString())
    assert named == {"name": name, **({"version": version} if version else {})}


def test_the_last_of_a_repeated_field_counts_and_the_order_is_free() -> None:
    first, last = (ModelInferRequest(model_name=name).SerializeToString() for name in ("a", "b"))
    version = ModelInferRequest(model_version="3").SerializeToString()
    body = version + first + last
    assert model_named(body) == {"name": "b", "version": "3"}
    assert ModelInferRequest.FromString(body).model_name == "b"


@pytest.mark.parametrize("body", [b"\x0a\x05abc", b"\x0a", b"\xff" * 12, b"\x0b", b"\x0a\x02\xff\xfe", b"\x00\x01"])
def test_other_bytes_are_refused(body: bytes) -> None:
    with pytest.raises(MalformedBody) as refused:
        model_named(body)
    assert refused.value.code == "not_protobuf"
    assert refused.value.message == "the message is no ModelInferRequest"


def test_a_request_without_a_name_is_refused() -> None:
    for body in (b"", ModelInferRequest(id="1").SerializeToString()):
        with pytest.raises(InvalidInput, match="names no model"):
            model_named(body)


def test_a_request_of_countless_fields_is_refused_before_it_is_parsed() -> None:
    name = ModelInferRequest(model_name="a").SerializeToString()
    empty_input = b"\x2a\x00"
    assert model_named(name + empty_input * (MOST_FIELDS - 1)) == {"name": "a"}
    with pytest.raises(MalformedBody) as refused:
        model_named(name + empty_input * 4_000_000)
    assert refused.value.given == f"it has more than {MOST_FIELDS} fields"
