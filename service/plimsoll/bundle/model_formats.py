"""The formats of a bundle's model in a manifest."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal, Self

from pydantic import Field, StringConstraints, model_validator

from plimsoll.bundle.record import FileName, Record

FACTORY = r"^[A-Za-z_][A-Za-z0-9_]*(\.[A-Za-z_][A-Za-z0-9_]*)*:[A-Za-z_][A-Za-z0-9_]*$"
"""`package.module:callable`."""


class SafetensorsModel(Record):
    """Weights as safetensors plus an architecture.

    The architecture is registered by name in the server, or made by a factory `package.module:callable` of an installed
    package. A server calls only factories that its operator has allowed. With the `precision` bfloat16,
    products of matrices and convolutions are computed with numbers of 16 bits, whatever datatype the file has.
    """

    backend: ClassVar[str] = "pytorch"
    format: Literal["safetensors"]
    weights: FileName
    architecture: str | None = None
    factory: Annotated[str, StringConstraints(pattern=FACTORY)] | None = None
    parameters: dict[str, str | int | float | bool | list[int]] = Field(default_factory=dict)
    precision: Literal["bfloat16"] | None = None

    @model_validator(mode="after")
    def _one_maker(self) -> Self:
        if (self.architecture is None) == (self.factory is None):
            raise ValueError("give either 'architecture' or 'factory'")
        return self

    @property
    def file(self) -> str:
        """The file that holds the model."""
        return self.weights


class Pt2Model(Record):
    """A program of torch.export. Loading one can run code, so a server opens it only if its operator trusts it."""

    backend: ClassVar[str] = "pytorch"
    format: Literal["pt2"]
    program: FileName

    @property
    def file(self) -> str:
        """The file that holds the model."""
        return self.program


class OnnxModel(Record):
    """A graph of ONNX in one file: it holds its weights, and no code."""

    backend: ClassVar[str] = "onnxruntime"
    format: Literal["onnx"]
    graph: FileName

    @property
    def file(self) -> str:
        """The file that holds the model."""
        return self.graph


AnyModel = Annotated[SafetensorsModel | Pt2Model | OnnxModel, Field(discriminator="format")]
"""The model of a manifest, by its format."""


def platform_of(model: AnyModel) -> str:
    """The platform of a model as clients of Triton know it, such as `onnxruntime_onnx`."""
    return f"{model.backend}_{model.format}"
