from __future__ import annotations

import numpy as np

from tests.doubles.models import EchoModel
from tests.unit.rpc.conftest import Port, raw_request


async def test_a_row_of_bytes_is_answered_with_bytes(port: Port) -> None:
    port.serve("echo", "3", EchoModel())
    call = port.infer(raw_request(id="7"), metadata=(("x-request-id", "r-1"),))
    answer = await call
    assert (answer.model_name, answer.model_version, answer.id) == ("echo", "3", "7")
    (output,) = answer.outputs
    assert (output.name, output.datatype, list(output.shape)) == ("y", "FP32", [1, 2])
    assert np.frombuffer(answer.raw_output_contents[0], np.float32).tolist() == [0.25, 0.75]
    assert dict(await call.trailing_metadata())["x-request-id"] == "r-1"
    assert port.observer.last == ("echo", "3", 200)
    assert (port.observer.in_flight, port.state.in_flight) == (0, 0)
