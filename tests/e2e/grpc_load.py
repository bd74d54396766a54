"""A load over gRPC in open loop, at a constant rate, for a pod of an image with gRPC: no retries.

As in load.py, a call is sent when it is due, half of the calls over connections that are kept and half over new ones.
Every call that is not answered with the class expected is a failure. Sends until SIGTERM, then writes one line of JSON.
"""

from __future__ import annotations

import argparse
import asyncio
import collections
import contextlib
import itertools
import json
import signal
import sys
import time
from pathlib import Path

import numpy as np
from grpc import aio
from plimsoll.rpc.open_inference_pb2 import ModelInferRequest, ModelInferResponse

KEPT = 4
"""Connections that are kept, taken in turn."""
PATIENCE_SECONDS = 10
_METHOD = "/inference.GRPCInferenceService/ModelInfer"
_OPTIONS = [("grpc.use_local_subchannel_pool", 1), ("grpc.enable_retries", 0)]


class Load:
    """Sends calls, and counts what becomes of them."""

    def __init__(self, target: str, request: bytes, expected: int) -> None:
        self._target, self._request, self._expected = target, request, expected
        self._kept = [self._channel() for _ in range(KEPT)]
        self._tasks: set[asyncio.Task[None]] = set()
        self.sent = self.ok = 0
        self.errors: collections.Counter[str] = collections.Counter()
        self.versions: collections.Counter[str] = collections.Counter()

    def send(self) -> None:
        """A call is due; begins it and returns."""
        number, self.sent = self.sent, self.sent + 1
        task = asyncio.get_running_loop().create_task(self._send(number))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def finish(self) -> None:
        """Wait for the answers that are still to come."""
        await asyncio.gather(*self._tasks)
        for channel in self._kept:
            await channel.close()

    def _channel(self) -> aio.Channel:
        return aio.insecure_channel(self._target, _OPTIONS)

    async def _send(self, number: int) -> None:
        keeps = number % 2 == 0
        channel = self._kept[number // 2 % KEPT] if keeps else self._channel()
        try:
            answer = ModelInferResponse.FromString(
                await channel.unary_unary(_METHOD)(self._request, timeout=PATIENCE_SECONDS)
            )
            given = int(np.frombuffer(answer.raw_output_contents[0], np.float32).argmax())
            if given == self._expected:
                self.ok += 1
                self.versions[answer.model_version] += 1
            else:
                self.errors[f"class {given} for {self._expected}"] += 1
        except aio.AioRpcError as error:
            self.errors[f"{error.code().name}: {error.details()}"] += 1
        finally:
            if not keeps:
                await channel.close()


def request_of(row: list[float]) -> bytes:
    """The message that asks for one picture."""
    picture = np.array([row], np.float32)
    tensor = ModelInferRequest.InferInputTensor(name="pixels", datatype="FP32", shape=picture.shape)
    request = ModelInferRequest(model_name="digits", inputs=[tensor], raw_input_contents=[picture.tobytes()])
    return bytes(request.SerializeToString())


async def _run(options: argparse.Namespace, request: bytes) -> Load:
    load, stop = Load(f"{options.host}:{options.port}", request, options.expect), asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    started = time.monotonic()
    for number in itertools.count():
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(stop.wait(), max(0.0005, started + number / options.rate - time.monotonic()))
        if stop.is_set():
            break
        load.send()
    await load.finish()
    return load


def main() -> None:
    """Read the options, send, report."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--host", required=True)
    parser.add_argument("--port", type=int, default=8003)
    parser.add_argument("--rate", type=float, default=20, help="calls per second")
    parser.add_argument("--body", required=True, help="file with a body of /v1 with one row")
    parser.add_argument("--expect", type=int, required=True, help="the class that every answer must have")
    options = parser.parse_args()
    row = json.loads(Path(options.body).read_text(encoding="utf-8"))["features"]
    load = asyncio.run(_run(options, request_of(row)))
    report = {"sent": load.sent, "ok": load.ok, "failed": load.sent - load.ok}
    sys.stdout.write(json.dumps({**report, "errors": load.errors, "versions": load.versions}) + "\n")


if __name__ == "__main__":
    main()
