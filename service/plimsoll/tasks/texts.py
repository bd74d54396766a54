"""Texts, for every task that a model of tokens answers: one as `text`, or up to 100 as `instances`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any, ClassVar

import msgspec
import numpy as np
from numpy.typing import NDArray
from pydantic import ConfigDict, Field, ValidationError

from plimsoll.bundle.padding_options import OPTION as PADDING
from plimsoll.bundle.padding_options import padding_of
from plimsoll.bundle.record import FileName, Record
from plimsoll.bundle.task_files import ReadFile, no_file
from plimsoll.errors import BundleError, UnsupportedMediaType
from plimsoll.inference.padding import Padding
from plimsoll.inference.payloads import Classes, Signature, Tensors, TensorSpec
from plimsoll.inference.ports import Json, Question
from plimsoll.inference.task_limits import DEFAULT_LIMITS, TaskLimits
from plimsoll.tasks.flat_rows import listed
from plimsoll.tasks.json_values import holds_more
from plimsoll.tasks.number_rows import MAX_ROWS, check_count
from plimsoll.tasks.padding import PaddedRows
from plimsoll.tasks.task_options import NO_OPTIONS, Options, check_options
from plimsoll.tasks.text_faults import FORM, explain, explain_surplus, fault_of_texts, not_utf8
from plimsoll.tasks.text_tokens import TextTokenizer, TextTokens
from plimsoll.validation_faults import sentence_of

TYPE_IDS = "token_type_ids"
"""The input by which models of the BERT family part two texts of one row; filled as the tokenizer says."""
_TOKENIZER, _LONGEST = "tokenizer", "longest_tokens"
_TEXT = TensorSpec(FORM.one, "BYTES", (-1,))
_TOKENS, _CUT = TensorSpec("tokens", "INT64", (-1,)), TensorSpec("tokens_cut", "INT64", (-1,))
_DIMENSIONS = 2
_COUNTED_FROM_BYTES = 65_536
"""A longer body has its texts counted before anything is made of them."""


class _Document(msgspec.Struct, forbid_unknown_fields=True):
    text: str | None = None
    instances: list[str] | None = None
    user: str | None = None


class _TextOptions(Record):
    model_config = ConfigDict(strict=True)

    tokenizer: FileName = "tokenizer.json"
    longest_tokens: Annotated[int, Field(ge=1)] | None = None


_decoder = msgspec.json.Decoder(_Document)


class TextRows(PaddedRows):
    """Implements `Question`: the tokens of each text, padded as the longest of them needs."""

    __slots__ = ("_reader", "results", "texts", "tokens")

    def __init__(
        self, reader: TextReader, texts: Sequence[str], tokens: Sequence[TextTokens], user: str | None
    ) -> None:
        super().__init__(reader.padding, [reader.tensors_of(each) for each in tokens], user, single=True)
        self._reader = reader
        self.texts = texts
        self.tokens = tokens
        self.results: list[Any] | None = None

    def row(self, index: int) -> TextRows:
        """One of the texts as a question of its own; see `Question.row`."""
        one = slice(index, index + 1)
        return TextRows(self._reader, self.texts[one], self.tokens[one], self.user)


class TextReader:
    """The part of a `Task` that reads texts, and says how many tokens of each the model has read.

    The model has one input of ids, whole numbers of shape [-1, -1]; perhaps the mask that the option `padding` names,
    and `token_type_ids`. A task sets `name`, the names of its own options, and whether it needs the places of tokens.

    Raises:
        BundleError: with check `task`, when the inputs are others, an option is malformed, or the tokenizer does not
            fit; `files` or `digest` for the file of the tokenizer.
    """

    name: ClassVar[str]
    further_options: ClassVar[tuple[str, ...]] = ()
    with_offsets: ClassVar[bool] = False
    item = FORM.one
    reading_cost = 256
    slow_results: bool = False
    classes: Classes | None = None

    def __init__(
        self,
        signature: Signature,
        options: Options = NO_OPTIONS,
        read_file: ReadFile = no_file,
        limits: TaskLimits = DEFAULT_LIMITS,
    ) -> None:
        check_options(self.name, options, (_TOKENIZER, PADDING, _LONGEST, *self.further_options))
        padding = padding_of(signature, options)
        if padding is None:
            raise BundleError(
                "task",
                f"the task {self.name} needs the option 'padding', because texts differ in length; give the longest "
                "number of tokens and the name of the mask, if the model takes one",
            )
        chosen = _chosen(options)
        longest = min(chosen.longest_tokens or padding.longest, padding.longest, limits.input_tokens)
        content = read_file(chosen.tokenizer)
        self.padding = padding
        self._ids, self._type_ids = self._inputs(signature, padding)
        self._tokenizer = TextTokenizer(self.name, content, longest, offsets=self.with_offsets)
        self._longest = longest
        self._meaning = (type(self), signature.inputs, padding, content, longest)
        self._check_ids()
        self.wire = Signature((_TEXT,), (*self.wire_outputs(signature), _TOKENS, _CUT))

    def __eq__(self, other: object) -> bool:
        """Whether every body means the same question to both."""
        return isinstance(other, TextReader) and self._meaning == other._meaning

    def __hash__(self) -> int:
        return hash(self._meaning)

    def read(self, body: bytes) -> TextRows:
        """The texts of a JSON body; see `Task.read`."""
        if len(body) > _COUNTED_FROM_BYTES and holds_more(body, b",", 2 * (MAX_ROWS + 2)):
            raise explain_surplus(body)
        try:
            parsed = _decoder.decode(body)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            raise explain(body) from None
        if parsed.text is not None and parsed.instances is None:
            return self._question([parsed.text], parsed.user, single=True)
        if parsed.instances is not None and parsed.text is None:
            check_count(len(parsed.instances))
            return self._question(parsed.instances, parsed.user, single=False)
        raise explain(body)

    def of_rows(self, rows: NDArray[Any]) -> TextRows:
        """No rows of numbers.

        Raises:
            UnsupportedMediaType: always; this task reads texts.
        """
        raise UnsupportedMediaType(
            "this model takes texts, not rows of numbers", expected="Content-Type: application/json",
            given=f"{len(rows)} rows",
        )  # fmt: skip

    def of_tensors(self, tensors: Tensors) -> TextRows:
        """The texts of the input of BYTES, each in UTF-8.

        Raises:
            InvalidInput: an element is not UTF-8, empty, or too long, or no token is left of it.
        """
        elements: list[bytes] = tensors[_TEXT.name].tolist()
        single = len(elements) == 1
        return self._question(
            [_decoded(each, None if single else index) for index, each in enumerate(elements)], None, single=single
        )

    def tensors(self, question: Question, outputs: Tensors) -> Tensors:
        """The outputs in `wire`; see `Task.tensors`."""
        tokens = _tokens_of(question)
        return {
            **self.wire_tensors(question, outputs),
            _TOKENS.name: np.array([len(each.ids) for each in tokens], np.int64),
            _CUT.name: np.array([each.cut for each in tokens], np.int64),
        }

    def wire_outputs(self, signature: Signature) -> Sequence[TensorSpec]:
        """The outputs for protocols of tensors; by default those of the model."""
        return signature.outputs

    def wire_tensors(self, question: Question, outputs: Tensors) -> Tensors:
        """The tensors of these outputs; by default those of the model."""
        del question
        return outputs

    def row_schema(self) -> Json:
        """The JSON schema of one text."""
        return {
            "type": "string",
            "minLength": 1,
            "description": f"Any text. The model reads its first {self._longest} tokens; the answer says how many were "
            "cut off.",
        }

    def example_row(self, inputs: Tensors) -> str:
        """A text that has about the tokens of these inputs."""
        return self._tokenizer.text_of(inputs[self._ids.name].tolist()) or "a text"

    def tensors_of(self, tokens: TextTokens) -> Tensors:
        """The inputs of the model for the tokens of one text, [1, tokens] each; the mask is left to the padding."""
        made = {self._ids.name: np.array([tokens.ids], self._ids.dtype)}
        if self._type_ids is not None:
            made[self._type_ids.name] = np.array([tokens.type_ids], self._type_ids.dtype)
        return made

    def _question(self, texts: Sequence[str], user: str | None, *, single: bool) -> TextRows:
        if fault := fault_of_texts(texts, single=single):
            raise fault
        return TextRows(self, texts, self._tokenizer.tokens(texts), user)

    def _inputs(self, signature: Signature, padding: Padding) -> tuple[TensorSpec, TensorSpec | None]:
        """The inputs of ids and of type ids."""
        others = [spec for spec in signature.inputs if spec.name not in (padding.mask, TYPE_IDS)]
        types = next((spec for spec in signature.inputs if spec.name == TYPE_IDS), None)
        read = [*others, *([] if types is None else [types])]
        if len(others) == 1 and all(_holds_ids(spec) for spec in read):
            return others[0], types
        raise BundleError(
            "task",
            f"the task {self.name} cannot fill the inputs {listed(signature.inputs)}; it is for models of one input of "
            f"token ids, whole numbers of shape [-1, -1], with the mask that the option 'padding' names and "
            f"'{TYPE_IDS}', if the model takes them",
        )

    def _check_ids(self) -> None:
        highest, most = self._tokenizer.highest_id, np.iinfo(self._ids.dtype).max
        if self._ids.maximum is not None:
            most = min(most, int(self._ids.maximum))
        if highest > most:
            raise BundleError(
                "task",
                f"the tokenizer has ids up to {highest}, and '{self._ids.name}' takes {most} at most; the tokenizer "
                "belongs to another model",
            )


def counts_of(question: Question) -> list[Json]:
    """`tokens` and `tokens_cut` of each text, as they stand in a result."""
    return [{_TOKENS.name: len(each.ids), _CUT.name: each.cut} for each in _tokens_of(question)]


def counts_schema() -> Json:
    """The JSON schemas of both, by name."""
    return {
        _TOKENS.name: {
            "type": "integer", "minimum": 1,
            "description": "Tokens that the model has read, with those that the tokenizer adds.",
        },
        _CUT.name: {
            "type": "integer", "minimum": 0,
            "description": "Tokens of the text that were cut off, because the model reads no more.",
        },
    }  # fmt: skip


def _tokens_of(question: Question) -> Sequence[TextTokens]:
    assert isinstance(question, TextRows)  # noqa: S101  # it comes from `read` or `of_tensors`
    return question.tokens


def _chosen(options: Options) -> _TextOptions:
    given = {name: options[name] for name in (_TOKENIZER, _LONGEST) if name in options}
    try:
        return _TextOptions.model_validate(given)
    except ValidationError as error:
        raise BundleError("task", f"an option is malformed: {sentence_of(error)}") from None


def _holds_ids(spec: TensorSpec) -> bool:
    return spec.dtype.kind in "iu" and len(spec.shape) == _DIMENSIONS and spec.open_dimensions


def _decoded(element: bytes, index: int | None) -> str:
    try:
        return element.decode()
    except UnicodeDecodeError:
        raise not_utf8(_TEXT.name, index) from None
