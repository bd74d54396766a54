"""`embeddings`: texts in; a vector for each, and the count of tokens, out."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from plimsoll.bundle.task_files import ReadFile, no_file
from plimsoll.errors import BundleError
from plimsoll.inference.payloads import Signature, Tensors, TensorSpec
from plimsoll.inference.ports import Json, Question
from plimsoll.inference.task_limits import DEFAULT_LIMITS, TaskLimits
from plimsoll.tasks.finite_numbers import not_finite
from plimsoll.tasks.flat_rows import listed
from plimsoll.tasks.task_options import NO_OPTIONS, Options
from plimsoll.tasks.texts import TextReader, TextRows, counts_of, counts_schema

NAME = "embeddings"
NORMALISE = "normalise"
_VECTOR = "embedding"
_OF_A_TEXT, _OF_EACH_TOKEN = 2, 3
"""Dimensions of an output that holds a vector for each text, or one for each token."""


class Embeddings(TextReader):
    """Implements `Task`: the texts are read as `TextReader` does, and answered with vectors of length 1.

    The model gives one vector for each text, or one for each token, of which the mean is taken over the tokens of the
    text. With the option `normalise: false` the vectors stay as long as the model makes them.

    Raises:
        BundleError: as `TextReader`, or with check `task` for other outputs.
    """

    name = NAME
    further_options = (NORMALISE,)

    def __init__(
        self,
        signature: Signature,
        options: Options = NO_OPTIONS,
        read_file: ReadFile = no_file,
        limits: TaskLimits = DEFAULT_LIMITS,
    ) -> None:
        if not _holds_vectors(signature.outputs):
            raise BundleError(
                "task",
                f"the task {NAME} cannot read vectors from the outputs {listed(signature.outputs)}; it is for models "
                "of one output in FP16, FP32 or FP64, of shape [-1, LENGTH] for each text or [-1, -1, LENGTH] for each "
                "token",
            )
        self._output = signature.outputs[0]
        self.dimensions = self._output.shape[-1]
        self.slow_results = len(self._output.shape) == _OF_EACH_TOKEN  # the mean over all tokens of a batch takes long
        super().__init__(signature, options, read_file, limits)
        normalise = options.get(NORMALISE, True)
        if not isinstance(normalise, bool):
            raise BundleError("task", f"the option '{NORMALISE}' of the task {NAME} is true or false")
        self._normalises = normalise

    def of_texts(self, texts: Sequence[str], user: str | None, *, single: bool) -> TextRows:
        """The question of some texts; errors name one by its index unless there is a `single` one.

        Raises:
            InvalidInput: a text is empty or too long, or no token is left of it.
        """
        return self._question(texts, user, single=single)

    def results(self, question: Question, outputs: Tensors) -> list[Any]:
        """`{"embedding", "tokens", "tokens_cut"}` of each text; see `Task.results`."""
        assert isinstance(question, TextRows)  # noqa: S101  # it comes from `read`, `of_texts` or `of_tensors`
        if question.results is None:
            vectors = self._vectors(question, outputs)
            if not np.isfinite(vectors).all():
                raise not_finite(vectors)
            question.results = [
                {_VECTOR: row, **counts} for row, counts in zip(vectors, counts_of(question), strict=True)
            ]
        return question.results

    def wire_outputs(self, signature: Signature) -> Sequence[TensorSpec]:
        """The vectors, for protocols of tensors."""
        del signature
        return (TensorSpec(_VECTOR, "FP32", (-1, self.dimensions)),)

    def wire_tensors(self, question: Question, outputs: Tensors) -> Tensors:
        """The same vectors as in `results`."""
        return {_VECTOR: np.stack([each[_VECTOR] for each in self.results(question, outputs)])}

    def result_schema(self) -> Json:
        """The JSON schema of one result."""
        size = self.dimensions
        vector = {"type": "array", "items": {"type": "number"}, "minItems": size, "maxItems": size}
        properties = {_VECTOR: vector, **counts_schema()}
        return {"type": "object", "properties": properties, "required": list(properties)}

    def _vectors(self, question: TextRows, outputs: Tensors) -> NDArray[np.float32]:
        """One vector for each text, [texts, dimensions]."""
        given = outputs[self._output.name]
        if given.ndim == _OF_EACH_TOKEN:
            means = [row[:length].mean(0, np.float32) for row, length in zip(given, question.lengths, strict=True)]
            vectors = np.stack(means)
        else:
            vectors = given.astype(np.float32, copy=False)
        return _normalised(vectors) if self._normalises else vectors


def _normalised(vectors: NDArray[np.float32]) -> NDArray[np.float32]:
    """The same directions at the length 1; a vector of zeros has none, and stays as it is."""
    largest = np.abs(vectors).max(axis=1, keepdims=True)  # so that no square is beyond float32
    scaled = np.zeros_like(vectors)
    with np.errstate(invalid="ignore"):  # what is not finite stays so, and is refused
        np.divide(vectors, largest, out=scaled, where=largest != 0)
    lengths = np.sqrt(np.einsum("rd,rd->r", scaled, scaled))[:, np.newaxis]
    np.divide(scaled, lengths, out=scaled, where=lengths != 0)
    return scaled


def _holds_vectors(outputs: Sequence[TensorSpec]) -> bool:
    if len(outputs) != 1:
        return False
    (spec,) = outputs
    return (
        spec.dtype.kind == "f"
        and len(spec.shape) in (_OF_A_TEXT, _OF_EACH_TOKEN)
        and spec.shape[-1] > 0
        and all(size < 0 for size in spec.shape[:-1])
    )
