"""The model `pair` behind Triton, by PyTriton: `python pytriton_pair.py`, on the ports 8000 and 8001."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from pytriton.decorators import batch
from pytriton.model_config import ModelConfig, Tensor
from pytriton.triton import Triton, TritonConfig


@batch  # type: ignore[untyped-decorator]  # PyTriton is not installed where types are checked
def pair(numbers: npt.NDArray[np.float32], texts: npt.NDArray[np.object_]) -> dict[str, npt.NDArray[np.generic]]:
    """Double numbers, and raise texts."""
    loud = np.array([text.upper() for text in texts.reshape(-1)], dtype=np.object_).reshape(texts.shape)
    return {"scaled": numbers * np.float32(2) + np.float32(1), "loud": loud}


if __name__ == "__main__":
    with Triton(config=TritonConfig(http_address="127.0.0.1", grpc_address="127.0.0.1")) as triton:
        triton.bind(
            model_name="pair",
            infer_func=pair,
            inputs=[
                Tensor(name="numbers", dtype=np.float32, shape=(3,)),
                Tensor(name="texts", dtype=np.bytes_, shape=(1,)),
            ],
            outputs=[
                Tensor(name="scaled", dtype=np.float32, shape=(3,)),
                Tensor(name="loud", dtype=np.bytes_, shape=(1,)),
            ],
            config=ModelConfig(max_batch_size=64),
        )
        triton.serve()
