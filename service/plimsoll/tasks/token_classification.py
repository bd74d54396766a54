"""`token-classification`: texts in; the entities that the model finds in them, with their places, out."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import orjson
from numpy.typing import NDArray

from plimsoll.bundle.task_files import ReadFile, no_file
from plimsoll.errors import BundleError
from plimsoll.inference.payloads import Signature, Tensors, TensorSpec
from plimsoll.inference.ports import Json, Question
from plimsoll.inference.task_limits import DEFAULT_LIMITS, TaskLimits
from plimsoll.tasks.entity_spans import OUTSIDE, EntityLabels, Span, spans_of
from plimsoll.tasks.finite_numbers import not_finite
from plimsoll.tasks.flat_rows import listed
from plimsoll.tasks.task_options import NO_OPTIONS, Options
from plimsoll.tasks.texts import TextReader, TextRows, counts_of, counts_schema
from plimsoll.tasks.wire_tensors import elements_of

NAME = "token-classification"
_ENTITIES = TensorSpec("entities", "BYTES", (-1,))
_DIMENSIONS = 3


class TokenClassification(TextReader):
    """Implements `Task`: the texts are read as `TextReader` does, and the model gives each token a score by label.

    The labels are `O`, and `B-KIND` and `I-KIND` for the first and for further words of an entity. The first token of
    a word decides for the whole word, and the most probable labels of all words count in which each entity is whole.

    Raises:
        BundleError: as `TextReader`, or with check `task` for other outputs or labels.
    """

    name = NAME
    with_offsets = True
    slow_results = True
    """They take some 10 us of Python a token, and a batch may have 262144 tokens."""

    def __init__(
        self,
        signature: Signature,
        options: Options = NO_OPTIONS,
        read_file: ReadFile = no_file,
        limits: TaskLimits = DEFAULT_LIMITS,
    ) -> None:
        if fault := _fault_of_output(signature):
            raise BundleError(
                "task",
                f"nothing can ask this model: {fault}; the task {NAME} is for models of one output, a probability in "
                f"FP16, FP32 or FP64 for each token and label, whose labels are '{OUTSIDE}', 'B-KIND' and 'I-KIND'",
            )
        super().__init__(signature, options, read_file, limits)
        (spec,) = signature.outputs
        self._output = spec.name
        self._labels = EntityLabels([str(label) for label in spec.labels])

    def results(self, question: Question, outputs: Tensors) -> list[Any]:
        """`{"entities": [...], "tokens", "tokens_cut"}` of each text; see `Task.results`."""
        assert isinstance(question, TextRows)  # noqa: S101  # it comes from `read` or `of_tensors`
        if question.results is None:
            spans = self._spans(question, outputs)
            question.results = [
                {"entities": [_entity(each, text) for each in found], **counts}
                for found, text, counts in zip(spans, question.texts, counts_of(question), strict=True)
            ]
        return question.results

    def wire_outputs(self, signature: Signature) -> Sequence[TensorSpec]:
        """One element of BYTES for each text, the JSON of its entities."""
        del signature
        return (_ENTITIES,)

    def wire_tensors(self, question: Question, outputs: Tensors) -> Tensors:
        """The JSON of the entities of each text."""
        results = self.results(question, outputs)
        return {_ENTITIES.name: elements_of([orjson.dumps(each[_ENTITIES.name]) for each in results])}

    def result_schema(self) -> Json:
        """The JSON schema of one result."""
        place = {"type": "integer", "minimum": 0}
        entity = {
            "entity": {"enum": self._labels.kinds, "description": "The kind of the entity."},
            "start": {**place, "description": "Its first character, counted in code points of the text."},
            "end": {**place, "description": "The character after its last one."},
            "text": {"type": "string", "description": "The part of the text from start to end."},
            "confidence": {"type": "number", "description": "The mean probability of the labels of its words."},
        }
        entities = {
            "type": "array",
            "items": {"type": "object", "properties": entity, "required": list(entity)},
            "description": "In the order of the text; no two overlap.",
        }
        properties = {"entities": entities, **counts_schema()}
        return {"type": "object", "properties": properties, "required": list(properties)}

    def _spans(self, question: TextRows, outputs: Tensors) -> list[list[Span]]:
        found = []
        for row, tokens in enumerate(question.tokens):
            scores: NDArray[Any] = outputs[self._output][row, : len(tokens.ids)]
            if not np.isfinite(scores).all():
                raise not_finite(scores[np.newaxis], row if question.rows > 1 else None)
            found.append(spans_of(question.texts[row], tokens, scores, self._labels))
        return found


def _entity(span: Span, text: str) -> Json:
    return {
        "entity": span.kind, "start": span.start, "end": span.end, "text": text[span.start : span.end],
        "confidence": span.confidence,
    }  # fmt: skip


def _fault_of_output(signature: Signature) -> str:
    if len(signature.outputs) != 1:
        return f"it has {len(signature.outputs)} outputs, {listed(signature.outputs)}"
    (spec,) = signature.outputs
    given = f"its output '{spec.name}' is {spec.datatype} {list(spec.shape)}"
    if not spec.datatype.startswith("FP") or len(spec.shape) != _DIMENSIONS or spec.shape[1] != -1:
        return f"{given}; give one score for each token and label"
    if not spec.labels:
        return f"{given} without labels; name them"
    wrong = [str(each) for each in spec.labels if str(each) != OUTSIDE and str(each)[:2] not in ("B-", "I-")]
    if wrong or OUTSIDE not in spec.labels:
        return f"{given} with the label '{wrong[0]}'" if wrong else f"{given} without the label '{OUTSIDE}'"
    return ""
