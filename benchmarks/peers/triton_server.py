"""The model behind Triton, from NVIDIA's package: `python -m benchmarks.peers.triton_server HTTP GRPC METRICS`.

Triton batches, and hands each batch to one of the two Python callables of this program.
"""

from __future__ import annotations

import sys

import numpy as np
from numpy.typing import NDArray
from pytriton.decorators import batch
from pytriton.model_config import DynamicBatcher, ModelConfig, Tensor
from pytriton.triton import Triton, TritonConfig

from benchmarks.peers.perceptron import COLUMNS, Perceptron
from benchmarks.peers.tuning import tuning

_WORKERS = 2
_CLASSES = 10


def _infer() -> object:
    model = Perceptron()

    @batch  # type: ignore[untyped-decorator]  # not installed where types are checked
    def infer(features: NDArray[np.float32]) -> dict[str, NDArray[np.float32]]:
        return {"probabilities": model(np.ascontiguousarray(features))}

    return infer


def main(arguments: list[str]) -> None:
    """Serve until a signal comes."""
    http, grpc, metrics = map(int, arguments)
    address = "127.0.0.1"
    config = TritonConfig(
        http_address=address, http_port=http, grpc_address=address, grpc_port=grpc, metrics_port=metrics
    )
    chosen = tuning()
    batching = DynamicBatcher(max_queue_delay_microseconds=int(chosen.wait_ms * 1000))
    with Triton(config=config, workspace="workspace") as triton:
        triton.bind(
            model_name="digits",
            infer_func=[_infer() for _ in range(_WORKERS)],
            inputs=[Tensor(name="features", dtype=np.float32, shape=(COLUMNS,))],
            outputs=[Tensor(name="probabilities", dtype=np.float32, shape=(_CLASSES,))],
            config=ModelConfig(max_batch_size=chosen.batch_rows, batcher=batching),
        )
        triton.serve()


if __name__ == "__main__":
    main(sys.argv[1:])
