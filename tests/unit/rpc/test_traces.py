"""One span a call, with those of its batch below it."""

from __future__ import annotations

import pytest
from grpc import aio
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from plimsoll.rpc.open_inference_pb2 import ServerLiveRequest, ServerLiveResponse
from plimsoll.telemetry.batch_spans import TracedBatches
from plimsoll.telemetry.rpc_spans import RpcSpans

from tests.doubles.models import EchoModel
from tests.doubles.observers import RecordingLaneObserver
from tests.unit.rpc.conftest import OpenPort, raw_request


async def test_each_call_is_one_span_and_its_batch_knows_it(open_port: OpenPort) -> None:
    exporter, provider = InMemorySpanExporter(), TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    tracer = provider.get_tracer("test")

    class Traced(RecordingLaneObserver):
        def context(self) -> object:
            return TracedBatches(tracer).context()

    async with open_port(tracer=RpcSpans(tracer)) as port:
        port.lane_observer = Traced()
        port.serve("echo", "1", EchoModel())
        await port.infer(raw_request())
        await port.call("ServerLive", ServerLiveRequest(), ServerLiveResponse)
        with pytest.raises(aio.AioRpcError):
            await port.infer(raw_request(name="ghost"))
        spans = exporter.get_finished_spans()
        codes = [(span.name.rpartition("/")[2], (span.attributes or {})["rpc.response.status_code"]) for span in spans]
        assert codes == [("ModelInfer", "OK"), ("ServerLive", "OK"), ("ModelInfer", "NOT_FOUND")]
        assert len({span.context.trace_id for span in spans}) == 3
        (report,) = port.lane_observer.reports
        (context,) = report.contexts
        assert context.get_span_context().span_id == spans[0].context.span_id
    provider.shutdown()
