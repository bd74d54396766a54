"""A real gRPC server on loopback over echo models, and a real client of it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pytest
from grpc import aio
from plimsoll.api.access_log import AccessLog
from plimsoll.api.auth import Gate
from plimsoll.api.error_responses import settle
from plimsoll.api.request_scope import name_in_log
from plimsoll.api.serving_state import Phase, ServingState
from plimsoll.control.version_registry import VersionRegistry
from plimsoll.inference.admission import AdmissionLimits
from plimsoll.inference.batch_lane import BatchLane, LaneLimits
from plimsoll.inference.batch_limits import BatchLimits
from plimsoll.inference.deadlines import DeadlineLimits
from plimsoll.inference.line import Line
from plimsoll.inference.payloads import Signature
from plimsoll.inference.ports import Model, Task
from plimsoll.inference.reading_pool import ReadingPool
from plimsoll.inference.served_version import ServedVersion
from plimsoll.rpc.open_inference_pb2 import ModelInferRequest, ModelInferResponse
from plimsoll.rpc.parts import RpcLimits, RpcParts, Tracer
from plimsoll.rpc.rpc_server import RpcServer
from plimsoll.tasks.tabular_classification import TabularClassification

from tests.conftest import MakeBundle
from tests.doubles.bundles import report_on
from tests.doubles.models import EchoModel
from tests.doubles.observers import RecordingLaneObserver, RecordingObserver
from tests.doubles.registries import Wishes

SERVICE = "/inference.GRPCInferenceService/"
LIMITS = RpcLimits(
    message_bytes=100_000,
    metadata_bytes=8_000,
    connections=64,
    handshake_seconds=10,
    idle_seconds=60,
    message_seconds=10,
    slow_messages=2,
    longest_seconds=60,
)
LANE_LIMITS = LaneLimits(AdmissionLimits(requests=8, bytes=1_000_000), BatchLimits(max_rows=128, max_wait_seconds=0.0))
ROW = np.array([[0.25, 0.75]], np.float32)


@dataclass
class Port:
    """A server with everything behind it within reach; it serves nothing until it is told to."""

    channel: aio.Channel
    address: str
    parts: RpcParts
    server: RpcServer
    state: ServingState
    registry: VersionRegistry
    observer: RecordingObserver
    gate: Gate
    report: Any
    lane_observer: RecordingLaneObserver = field(default_factory=RecordingLaneObserver)
    lanes: list[BatchLane] = field(default_factory=list)
    _wishes: Wishes = field(default_factory=Wishes)

    def desire(self, name: str, *versions: str) -> None:
        """Have the registry know these versions of a model as desired too, as yet loading."""
        self._wishes.add(self.registry, name, *versions)

    def serve(
        self,
        name: str,
        version: str,
        model: Model,
        limits: LaneLimits = LANE_LIMITS,
        task: Callable[[Signature], Task] = TabularClassification,
    ) -> BatchLane:
        """Desire a version and have it answer from now on; returns its lane."""
        self.desire(name, version)
        lane = BatchLane(model, limits, self.lane_observer)
        self.lanes.append(lane)
        self.registry.ready(ServedVersion(name, version, model.signature, task(model.signature), lane), self.report)
        return lane

    def call(self, method: str, request: Any, answer: Any, **options: Any) -> aio.UnaryUnaryCall[Any, Any]:
        """Call a method of the inference service; `answer` is the class of its message."""
        stub = self.channel.unary_unary(SERVICE + method, type(request).SerializeToString, answer.FromString)
        return stub(request, **options)

    def infer(self, request: ModelInferRequest, **options: Any) -> aio.UnaryUnaryCall[Any, Any]:
        """Call ModelInfer."""
        return self.call("ModelInfer", request, ModelInferResponse, **options)

    def send(self, body: bytes, **options: Any) -> aio.UnaryUnaryCall[Any, Any]:
        """Call ModelInfer with any bytes."""
        return self.channel.unary_unary(SERVICE + "ModelInfer")(body, **options)


OpenPort = Callable[..., Any]


@pytest.fixture
def open_port(make_tiny_bundle: MakeBundle) -> OpenPort:
    """Opens ports with limits and a tracer of one's own."""

    @asynccontextmanager
    async def opened(limits: RpcLimits = LIMITS, tracer: Tracer | None = None) -> AsyncIterator[Port]:
        state, registry, observer, gate = ServingState(), VersionRegistry(), RecordingObserver(), Gate(None)
        state.phase = Phase.SERVING
        reading = ReadingPool(inline_bytes=1000)
        parts = RpcParts(
            version="1.2.3",
            line=Line(registry, DeadlineLimits(default_ms=30_000, longest_ms=60_000), reading, observer),
            gate=gate,
            state=state,
            registry=registry,
            observer=observer,
            access_log=AccessLog(1_000_000),
            settle=settle,
            identify=name_in_log,
            ready=lambda: bool(registry.answering()) and not state.stopping,
            live=lambda: True,
            tracer=tracer,
        )
        server = RpcServer(parts, limits)
        address = f"127.0.0.1:{await server.start('127.0.0.1:0')}"
        options = [("grpc.use_local_subchannel_pool", 1), ("grpc.max_receive_message_length", 1 << 30)]
        async with aio.insecure_channel(address, options) as channel:
            port = Port(channel, address, parts, server, state, registry, observer, gate, report_on(make_tiny_bundle()))
            yield port
        await server.stop(0)
        reading.close()
        for lane in port.lanes:
            lane.close()

    return opened


@pytest.fixture
async def port(open_port: OpenPort) -> AsyncIterator[Port]:
    """A server that serves nothing yet; `serve` adds a version."""
    async with open_port() as opened:
        yield opened


@pytest.fixture
async def echo(port: Port) -> Port:
    """A server with the echo model of two numbers."""
    port.serve("echo", "1", EchoModel())
    return port


def infer_input(
    name: str = "x", datatype: str = "FP32", shape: tuple[int, ...] = (1, 2), **more: Any
) -> ModelInferRequest.InferInputTensor:
    """The description of an input."""
    return ModelInferRequest.InferInputTensor(name=name, datatype=datatype, shape=shape, **more)


def raw_request(rows: np.ndarray[Any, Any] = ROW, name: str = "echo", **more: Any) -> ModelInferRequest:
    """A request for the echo model with its input as bytes."""
    inputs = [infer_input(shape=rows.shape)]
    return ModelInferRequest(model_name=name, inputs=inputs, raw_input_contents=[rows.tobytes()], **more)
