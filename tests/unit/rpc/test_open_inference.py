"""The generated code is that of the .proto file, and the .proto file is that of the protocol."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from google.protobuf import descriptor_pb2
from plimsoll.rpc import open_inference_pb2

PROTO = Path(open_inference_pb2.__file__).with_name("open_inference.proto")
FIELD = re.compile(r"(?P<repeated>repeated )?(?P<type>[\w.]+|map<string, \w+>) (?P<name>\w+) = (?P<number>\d+);")
TYPES = {
    number: name.removeprefix("TYPE_").lower() for name, number in descriptor_pb2.FieldDescriptorProto.Type.items()
}
REPEATED = descriptor_pb2.FieldDescriptorProto.LABEL_REPEATED


def written() -> set[tuple[str, ...]]:
    """Every field and method in the text of the file, by the message that holds it."""
    found: set[tuple[str, ...]] = set()
    path: list[str] = []
    for line in PROTO.read_text(encoding="utf-8").splitlines():
        text = line.partition("//")[0].strip()
        if text.startswith(("message ", "service ", "oneof ")) and text.endswith("{"):
            path.append(text.split()[1])
        elif text.startswith("rpc "):
            method = re.fullmatch(r"rpc (\w+)\((\w+)\) returns \((\w+)\) \{\}", text)
            assert method, text
            found.add((".".join(path), *method.groups()))
        elif text == "}":
            path.pop()
        elif field := FIELD.fullmatch(text):
            holder = [each for each in path if each != "parameter_choice"]
            kind = (field["repeated"] or "") + field["type"].replace(", ", ",")
            found.add((".".join(holder), field["name"], field["number"], kind))
    assert path == []
    return found


def generated() -> set[tuple[str, ...]]:
    """The same in the descriptor of the generated code."""
    file = descriptor_pb2.FileDescriptorProto.FromString(open_inference_pb2.DESCRIPTOR.serialized_pb)
    (service,) = file.service
    methods = {
        (service.name, each.name, each.input_type.rpartition(".")[2], each.output_type.rpartition(".")[2])
        for each in service.method
    }
    return methods | {each for message in file.message_type for each in fields_of(message, message.name)}


def fields_of(message: Any, path: str) -> Iterator[tuple[str, ...]]:
    nested = {each.name: each for each in message.nested_type}
    for field in message.field:
        kind = field.type_name.rpartition(".")[2] or TYPES[field.type]
        entry = nested.get(kind)
        if entry is not None and entry.options.map_entry:
            kind = f"map<string,{entry.field[1].type_name.rpartition('.')[2]}>"
        elif field.label == REPEATED:
            kind = f"repeated {kind}"
        yield path, field.name, str(field.number), kind
    for name, inner in nested.items():
        if not inner.options.map_entry:
            yield from fields_of(inner, f"{path}.{name}")


def test_the_generated_code_is_that_of_the_file() -> None:
    assert generated() == written()
    assert len(written()) == 62


def test_the_messages_have_the_numbers_of_the_protocol() -> None:
    """Bytes as another implementation writes them, by the numbers of the protocol's own specification."""
    tensor = bytes.fromhex("0a0178 1204 46503332 1a02 0102")  # name, datatype, shape
    request = b"\x0a\x01m\x12\x011\x1a\x02id\x2a" + bytes([len(tensor)]) + tensor + b"\x3a\x04abcd"
    read = open_inference_pb2.ModelInferRequest.FromString(request)
    assert (read.model_name, read.model_version, read.id) == ("m", "1", "id")
    assert (read.inputs[0].name, read.inputs[0].datatype, list(read.inputs[0].shape)) == ("x", "FP32", [1, 2])
    assert list(read.raw_input_contents) == [b"abcd"]
    answer = open_inference_pb2.ModelInferResponse(model_name="m", id="id", raw_output_contents=[b"a"])
    assert answer.SerializeToString() == b"\x0a\x01m\x1a\x02id\x32\x01a"
