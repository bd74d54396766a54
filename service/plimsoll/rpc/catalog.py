"""Answers the calls of the inference service that compute nothing: health and metadata."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterable
from typing import TypeVar

from google.protobuf.message import Message

from plimsoll.bundle.model_formats import platform_of
from plimsoll.errors import NotFound, PlimsollError
from plimsoll.inference.call import Call
from plimsoll.inference.payloads import TensorSpec
from plimsoll.rpc.call_scope import Answer, Context
from plimsoll.rpc.message_head import parsed
from plimsoll.rpc.message_reader import MessageReader
from plimsoll.rpc.open_inference_pb2 import (
    ModelMetadataRequest,
    ModelMetadataResponse,
    ModelReadyRequest,
    ModelReadyResponse,
    ServerLiveRequest,
    ServerLiveResponse,
    ServerMetadataRequest,
    ServerMetadataResponse,
    ServerReadyRequest,
    ServerReadyResponse,
)
from plimsoll.rpc.parts import RpcParts

_EXTENSIONS = ("classification",)
"""The extensions of Triton that have a meaning in these messages; the others of `/v2` would be methods of their own."""
_Request = TypeVar("_Request", bound=Message)


class Catalog:
    """Reads the registry, as the routes of the protocol over HTTP do. All but health needs a key with scope predict.

    Without a version in the request, a model is described by the version that a request most likely gets.
    """

    def __init__(self, parts: RpcParts, messages: MessageReader) -> None:
        self._parts = parts
        self._messages = messages

    def answers(self) -> dict[str, Answer]:
        """The answers by the name of their method."""
        return {
            "ServerLive": self._answer(ServerLiveRequest, self._live, public=True),
            "ServerReady": self._answer(ServerReadyRequest, self._ready, public=True),
            "ModelReady": self._answer(ModelReadyRequest, self._model_ready),
            "ServerMetadata": self._answer(ServerMetadataRequest, self._server),
            "ModelMetadata": self._answer(ModelMetadataRequest, self._model),
        }

    def _answer(self, kind: type[_Request], reply: Callable[[_Request], Message], *, public: bool = False) -> Answer:
        async def answer(call: Call, messages: AsyncIterator[bytes], _context: Context) -> bytes:
            if not public:
                self._parts.gate.admit(call, "predict")
            request = parsed(kind, await self._messages.read(messages))
            serialized: bytes = reply(request).SerializeToString()
            return serialized

        return answer

    def _live(self, _request: ServerLiveRequest) -> ServerLiveResponse:
        return ServerLiveResponse(live=self._parts.live())

    def _ready(self, _request: ServerReadyRequest) -> ServerReadyResponse:
        return ServerReadyResponse(ready=self._parts.ready())

    def _model_ready(self, request: ModelReadyRequest) -> ModelReadyResponse:
        """A version that is known and does not answer is not ready; one that is not known is an error."""
        try:
            self._parts.registry.likeliest(request.name or None, request.version or None)
        except NotFound:
            raise
        except PlimsollError:
            return ModelReadyResponse(ready=False)
        return ModelReadyResponse(ready=not self._parts.state.stopping)

    def _server(self, _request: ServerMetadataRequest) -> ServerMetadataResponse:
        return ServerMetadataResponse(name="plimsoll", version=self._parts.version, extensions=_EXTENSIONS)

    def _model(self, request: ModelMetadataRequest) -> ModelMetadataResponse:
        """As over HTTP: without a version, the one that a request most likely gets; with all versions that answer."""
        registry = self._parts.registry
        served, report = registry.likeliest(request.name or None, request.version or None)
        wire = served.task.wire
        return ModelMetadataResponse(
            name=served.name,
            versions=[each.version for each in registry.table.models[served.name].ready],
            platform=platform_of(report.manifest.model),
            inputs=_described(wire.inputs),
            outputs=_described(wire.outputs),
        )


def _described(specs: Iterable[TensorSpec]) -> list[ModelMetadataResponse.TensorMetadata]:
    return [
        ModelMetadataResponse.TensorMetadata(name=spec.name, datatype=spec.datatype, shape=spec.shape) for spec in specs
    ]
