"""The schema of a bundle's `manifest.json`."""

from __future__ import annotations

import re
from typing import Annotated, Any, Literal, Self

from pydantic import (
    Field,
    StringConstraints,
    ValidationError,
    model_validator,
)

from plimsoll.bundle.model_formats import FACTORY, AnyModel
from plimsoll.bundle.record import FileName, Record
from plimsoll.bundle.tensor_records import ManifestSignature
from plimsoll.errors import BundleError
from plimsoll.inference.payloads import Signature
from plimsoll.quoting import quote
from plimsoll.validation_faults import Fault, sentence_of

MANIFEST_FILE = "manifest.json"

ModelName = Annotated[str, StringConstraints(pattern=r"^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$")]
"""Lower-case letters, digits and dashes, at most 63: also a valid Kubernetes label value."""
VERSION = re.compile(r"^(0|[1-9][0-9]{0,8})(\.(0|[1-9][0-9]{0,8})){0,3}$")
ModelVersion = Annotated[str, StringConstraints(pattern=VERSION.pattern)]
"""One to four numbers without leading zeros, joined by dots, so that versions have an order."""
Sha256 = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]


_NEWEST_SCHEMA = 3
SCHEMA_OF_PRECISION = 3
"""The first schema in which a model may have a precision."""
_TASKS_OF_SCHEMA_1 = {"classification": "tabular-classification", "tensors": "tensors"}


class ImagePreprocessing(Record):
    """Describes how a picture of one glyph becomes an input row, as the authors of MNIST did it.

    The glyph is cut out, fitted into a square of `box` pixels and placed so that its centre of mass is the centre of
    the `width` x `height` picture. `ink` says whether strokes are lighter or darker than the ground in the row.
    """

    kind: Literal["glyph"]
    width: Annotated[int, Field(ge=1, le=4096)]
    height: Annotated[int, Field(ge=1, le=4096)]
    box: Annotated[int, Field(ge=1, le=4096)]
    ink: Literal["light", "dark"]

    @model_validator(mode="after")
    def _fits(self) -> Self:
        if self.box > min(self.width, self.height):
            raise ValueError(f"a box of {self.box} does not fit into {self.width} x {self.height}")
        return self


class Framework(Record):
    """The framework that made the weights."""

    name: str
    version: str


class Golden(Record):
    """Samples with known answers: `inputs.<name>` and `outputs.<name>` tensors in one safetensors file.

    A loaded model passes when every output lies within `absolute_tolerance + relative_tolerance * |expected|`.
    `requests` names a JSON file of bodies with the predictions that are expected of model and task together.
    """

    file: FileName
    requests: FileName | None = None
    absolute_tolerance: Annotated[float, Field(ge=0)]
    relative_tolerance: Annotated[float, Field(ge=0)]


class TrainingData(Record):
    """The data on which the model was trained."""

    name: str
    source: str
    licence: str
    rows: Annotated[int, Field(ge=1)]


class Metric(Record):
    """A figure measured on held-out data, with the ends of its 95 % interval and how that was computed."""

    value: float
    low: float
    high: float
    rows: Annotated[int, Field(ge=1)]
    method: str


class Manifest(Record):
    """Everything that a server must know about a model before it opens a weight file."""

    schema_version: Literal[1, 2, 3]
    name: ModelName
    version: ModelVersion
    task: Annotated[str, StringConstraints(pattern=rf"^[a-z0-9][a-z0-9-]{{0,63}}$|{FACTORY}", max_length=256)]
    options: dict[str, Any] = Field(default_factory=dict)
    description: str = ""
    licence: str
    signature: ManifestSignature
    preprocessing: ImagePreprocessing | None = None
    framework: Framework
    model: AnyModel
    golden: Golden
    training_data: TrainingData | None = None
    metrics: dict[str, Metric] = Field(default_factory=dict)
    files: dict[FileName, Sha256]

    @model_validator(mode="before")
    @classmethod
    def _of_schema(cls, fields: Any) -> Any:  # noqa: ANN401  # whatever the document holds
        """Read schema 1 as the newest: its tasks had other names, and no options. Before 3 no model had a precision."""
        if not isinstance(fields, dict):
            return fields
        schema = fields.get("schema_version", _NEWEST_SCHEMA)
        if type(schema) is not int:
            raise ValueError(f"field 'schema_version': a whole number from 1 to {_NEWEST_SCHEMA} is expected")
        if schema > _NEWEST_SCHEMA:
            raise ValueError(
                f"schema_version is {schema}, and this server reads 1 to {_NEWEST_SCHEMA}; upgrade Plimsoll to read it"
            )
        model = fields.get("model")
        if schema < SCHEMA_OF_PRECISION and isinstance(model, dict) and "precision" in model:
            raise ValueError(
                f"schema_version is {schema}, which has no 'precision' of a model; it came with {SCHEMA_OF_PRECISION}"
            )
        if schema != 1:
            return fields
        if "options" in fields:
            raise ValueError("schema_version is 1, which has no 'options'; they came with 2")
        task = fields.get("task")
        if not isinstance(task, str):
            return fields  # the field's own check says what is wrong
        if task not in _TASKS_OF_SCHEMA_1:
            known = " and ".join(_TASKS_OF_SCHEMA_1)
            raise ValueError(f"field 'task': schema_version is 1, whose tasks are {known}, and {quote(task)} is given")
        return {**fields, "task": _TASKS_OF_SCHEMA_1[task]}

    @model_validator(mode="after")
    def _coherent(self) -> Self:
        for file in (self.model.file, self.golden.file, self.golden.requests):
            if file is not None and file not in self.files:
                raise ValueError(f"'files' has no digest of {file}")
        if MANIFEST_FILE in self.files:
            raise ValueError(f"'files' lists {MANIFEST_FILE}, whose digest is the bundle's own")
        if self.names_own_task and self.golden.requests is None:
            raise ValueError(
                f"the task '{self.task}' is no part of Plimsoll, and 'golden' names no 'requests', which prove it "
                "together with the weights; `plimsoll bundle add-task` writes them"
            )
        steps = self.preprocessing
        if steps is not None and self.signature.inputs[0].shape[1:] != [steps.width * steps.height]:
            raise ValueError(f"pictures of {steps.width} x {steps.height} do not fill the first input")
        return self

    @property
    def names_own_task(self) -> bool:
        """Whether the task is a factory `package.module:callable` of another package."""
        return ":" in self.task

    def remark(self) -> str:
        """Return one sentence about something that is served but looks like a mistake; empty if there is none."""
        for output in self.signature.outputs:
            if output.labels and output.shape[1:] == [1] and output.threshold is None:
                return (
                    f"its output '{output.name}' is one score a row with one label and no threshold, so every answer "
                    f"is {quote(str(output.labels[0]))}; make the next version with `plimsoll bundle "
                    "create`, which gives it two classes"
                )
        return ""

    def line_signature(self) -> Signature:
        """The signature as the inference line knows it."""
        return Signature(
            inputs=tuple(tensor.spec() for tensor in self.signature.inputs),
            outputs=tuple(tensor.spec() for tensor in self.signature.outputs),
        )


def parse_manifest(document: bytes) -> Manifest:
    """Read a manifest.

    Raises:
        BundleError: with check `manifest`; the message names the first fields at fault and what is wrong with them.
    """
    try:
        return Manifest.model_validate_json(document)
    except ValidationError as error:
        raise BundleError(
            "manifest", f"{MANIFEST_FILE} is not a valid manifest: {sentence_of(error, _describe)}"
        ) from None


def _describe(fault: Fault) -> str:
    return f"field '{fault.place}': {fault.reason}" if fault.location else fault.reason
