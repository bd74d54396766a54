"""The model of a task in a peer: texts or pictures in, scores or vectors out. Needs onnxruntime, tokenizers and Pillow.

`BENCH_BUNDLE` names the folder with the graph and the tokenizer, and `BENCH_WIRE` says what comes in.
"""

from __future__ import annotations

import io
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
from numpy.typing import NDArray
from PIL import Image
from tokenizers import Tokenizer

TEXT, PICTURE = "text", "picture"
_LONGEST = 128
_SIDE, _MEAN, _DEVIATION = 28, 0.286, 0.353
"""What the manifest of `garments` says of its pictures."""


class TaskModel:
    """An ONNX graph on one thread; a batch of texts is padded to the longest of them."""

    def __init__(self, bundle: Path | None = None, wire: str | None = None) -> None:
        folder = bundle or Path(os.environ["BENCH_BUNDLE"])
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        self._session = onnxruntime.InferenceSession(folder / "model.onnx", options, ["CPUExecutionProvider"])
        self._inputs = self._tokens if (wire or os.environ["BENCH_WIRE"]) == TEXT else self._pixels
        self._is_of_vectors = self._session.get_outputs()[0].name == "sentence_embedding"
        if (file := folder / "tokenizer.json").is_file():
            self._tokenizer = Tokenizer.from_file(str(file))
            self._tokenizer.enable_truncation(_LONGEST)
            self._tokenizer.enable_padding()

    def __call__(self, asked: Sequence[Any]) -> NDArray[np.float32]:
        """Probabilities of classes, or vectors of length 1, [asked, classes or width], of texts, files or pictures."""
        (found,) = self._session.run(None, self._inputs(asked))
        found /= np.linalg.norm(found, axis=1, keepdims=True) if self._is_of_vectors else np.float32(1)
        return found  # type: ignore[no-any-return]

    def _tokens(self, texts: Sequence[str]) -> dict[str, NDArray[np.int64]]:
        encoded = self._tokenizer.encode_batch(list(texts))
        ids, mask = ([getattr(each, name) for each in encoded] for name in ("ids", "attention_mask"))
        return {"input_ids": np.array(ids, np.int64), "attention_mask": np.array(mask, np.int64)}

    @staticmethod
    def _pixels(files: Sequence[bytes | Image.Image]) -> dict[str, NDArray[np.float32]]:
        pictures = (file if isinstance(file, Image.Image) else Image.open(io.BytesIO(file)) for file in files)
        small = (picture.resize((_SIDE, _SIDE), Image.Resampling.BILINEAR) for picture in pictures)
        rows = [np.asarray(picture.convert("L"), np.float32) for picture in small]
        return {"pixels": (np.stack(rows)[:, np.newaxis] / np.float32(255) - _MEAN) / np.float32(_DEVIATION)}
