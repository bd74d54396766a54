"""The messages of the gRPC side, built at run time from a table, so that no generated code is needed.

Fields are numbered as they are listed, as in open_inference_grpc.proto. A map of parameters is a repeated message of
key and value here, which is the same on the wire.
"""

from __future__ import annotations

import importlib
from typing import Any

SERVICE = "inference.GRPCInferenceService"
_MESSAGES = {
    "ServerLiveRequest": "",
    "ServerLiveResponse": "live:bool",
    "ServerReadyRequest": "",
    "ServerReadyResponse": "ready:bool",
    "ModelReadyRequest": "name:string version:string",
    "ModelReadyResponse": "ready:bool",
    "ServerMetadataRequest": "",
    "ServerMetadataResponse": "name:string version:string extensions:string*",
    "ModelMetadataRequest": "name:string version:string",
    "ModelMetadataResponse": "name:string versions:string* platform:string inputs:TensorMetadata* "
    "outputs:TensorMetadata* properties:Property*",
    "TensorMetadata": "name:string datatype:string shape:int64*",
    "Property": "key:string value:string",
    "ModelInferRequest": "model_name:string model_version:string id:string parameters:Parameter* "
    "inputs:InferTensor* outputs:RequestedOutput* raw_input_contents:bytes*",
    "ModelInferResponse": "model_name:string model_version:string id:string parameters:Parameter* "
    "outputs:InferTensor* raw_output_contents:bytes*",
    "InferTensor": "name:string datatype:string shape:int64* parameters:Parameter* contents:InferTensorContents",
    "RequestedOutput": "name:string parameters:Parameter*",
    "Parameter": "key:string value:InferParameter",
    "InferParameter": "bool_param:bool int64_param:int64 string_param:string double_param:double uint64_param:uint64",
    "InferTensorContents": "bool_contents:bool* int_contents:int32* int64_contents:int64* uint_contents:uint32* "
    "uint64_contents:uint64* fp32_contents:float* fp64_contents:double* bytes_contents:bytes*",
}
METHODS = ("ServerLive", "ServerReady", "ModelReady", "ServerMetadata", "ModelMetadata", "ModelInfer")
CONTENTS = {
    "BOOL": "bool_contents", "INT8": "int_contents", "INT16": "int_contents", "INT32": "int_contents",
    "INT64": "int64_contents", "UINT8": "uint_contents", "UINT16": "uint_contents", "UINT32": "uint_contents",
    "UINT64": "uint64_contents", "FP32": "fp32_contents", "FP64": "fp64_contents", "BYTES": "bytes_contents",
}  # fmt: skip
"""The field of InferTensorContents that holds each datatype; FP16 and BF16 have none."""


def message_classes() -> dict[str, Any]:
    """The class of each message, by its name; needs the package protobuf."""
    descriptor_pb2: Any = importlib.import_module("google.protobuf.descriptor_pb2")
    descriptor_pool: Any = importlib.import_module("google.protobuf.descriptor_pool")
    message_factory: Any = importlib.import_module("google.protobuf.message_factory")
    file = descriptor_pb2.FileDescriptorProto(name="conformance.proto", package="inference", syntax="proto3")
    kind = descriptor_pb2.FieldDescriptorProto
    for name, fields in _MESSAGES.items():
        message = file.message_type.add(name=name)
        for number, spelled in enumerate(fields.split(), start=1):
            field, _, type_name = spelled.partition(":")
            added = message.field.add(name=field, number=number, label=kind.LABEL_OPTIONAL)
            if type_name.endswith("*"):
                added.label = kind.LABEL_REPEATED
                type_name = type_name.removesuffix("*")
            if type_name in _MESSAGES:
                added.type, added.type_name = kind.TYPE_MESSAGE, f".inference.{type_name}"
            else:
                added.type = getattr(kind, f"TYPE_{type_name.upper()}")
            if name == "InferParameter":
                added.oneof_index = 0
        if name == "InferParameter":
            message.oneof_decl.add(name="parameter_choice")
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    found = {name: pool.FindMessageTypeByName(f"inference.{name}") for name in _MESSAGES}
    return {name: message_factory.GetMessageClass(descriptor) for name, descriptor in found.items()}
