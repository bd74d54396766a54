"""Exports the model of a Hugging Face folder to ONNX, with transformers."""

from __future__ import annotations

from pathlib import Path
from typing import Any, NamedTuple

import torch
import transformers
from torch import nn

from plimsoll.errors import BundleError
from plimsoll.inference.payloads import NUMPY_DTYPES, Signature, TensorSpec
from plimsoll.runtime.foreign_code import foreign_code
from plimsoll.runtime.pytorch.onnx_export import export_module

IDS, MASK = "input_ids", "attention_mask"
"""The names of transformers for the tokens of a row, and for the places that count."""
_GENERATIVE = ("ForCausalLM", "LMHeadModel", "ForConditionalGeneration")
_OPEN = (-1, -1)
_ROWS, _TOKENS = 2, 7
"""Of the rows that the export is traced with."""


class Exported(NamedTuple):
    """The ONNX file of a folder's model, and what its configuration says. `pad` is the token of padding."""

    content: bytes
    architecture: str
    vocabulary: int
    positions: int
    pad: int


def export_folder(folder: Path) -> Exported:
    """Export the model of a folder: `IDS` and `MASK`, INT64 of shape [-1, -1], to its own outputs.

    Raises:
        BundleError: with check `format` when the folder has no model that can be exported, `weights` when its weights
            are no safetensors or do not fit.
    """
    with foreign_code("format", "the config.json of the folder cannot be read"):
        config: Any = transformers.AutoConfig.from_pretrained(folder, local_files_only=True, trust_remote_code=False)
    architecture = str((config.architectures or ["nothing"])[0])
    made = getattr(transformers, architecture, None)
    if made is None or not hasattr(made, "from_pretrained"):
        raise BundleError(
            "format",
            f"the folder holds a model of '{architecture[:60]}', which is not part of transformers "
            f"{transformers.__version__}; its code was not run. Export it yourself, and give the .onnx file",
        )
    if architecture.endswith(_GENERATIVE):
        raise BundleError("format", f"{architecture} generates text, and no task of this version does")
    vocabulary = getattr(config, "vocab_size", None)
    if not isinstance(vocabulary, int) or vocabulary < 1:
        raise BundleError(
            "format",
            f"{architecture} takes no tokens: its config.json has no vocab_size. Export it yourself, and give the "
            ".onnx file",
        )
    with foreign_code("weights", f"the weights of {architecture} cannot be read; they have to be safetensors"):
        model = made.from_pretrained(
            folder, local_files_only=True, trust_remote_code=False, use_safetensors=True, attn_implementation="eager"
        ).eval()
    rows = torch.randint(vocabulary, (_ROWS, _TOKENS), generator=torch.Generator().manual_seed(0))
    with foreign_code("format", f"{architecture} cannot be run on tokens alone"), torch.inference_mode():
        outputs = _ByPosition(model)(rows, torch.ones_like(rows))
    specs = tuple(TensorSpec(name, _datatype(name, tensor), (-1,)) for name, tensor in outputs.items())
    inputs = (TensorSpec(IDS, "INT64", _OPEN), TensorSpec(MASK, "INT64", _OPEN))
    traced = {IDS: rows.numpy(), MASK: torch.ones_like(rows).numpy()}
    content = export_module(_ByPosition(model), traced, Signature(inputs, specs))
    pad = getattr(config, "pad_token_id", None) or 0
    positions = int(getattr(config, "max_position_embeddings", 0) or 512)
    return Exported(content, architecture, vocabulary, _usable(positions, model), int(pad))


class _ByPosition(nn.Module):
    """Gives the tensors of a model's answer by name."""

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self.model = model

    def forward(self, ids: torch.Tensor, mask: torch.Tensor) -> dict[str, torch.Tensor]:
        answer = self.model(**{IDS: ids, MASK: mask}, return_dict=True)
        return {name: each for name, each in answer.items() if isinstance(each, torch.Tensor)}


def _datatype(name: str, tensor: torch.Tensor) -> Any:  # noqa: ANN401  # one of the literals
    dtype = tensor.float().numpy().dtype if tensor.is_floating_point() else tensor.numpy().dtype
    found = next((datatype for datatype, known in NUMPY_DTYPES.items() if known == dtype), None)
    if found is None:
        raise BundleError("signature", f"output '{name[:40]}' is {dtype}, which no signature can express")
    return found


def _usable(positions: int, model: nn.Module) -> int:
    """The positions that rows can use: where a position has a row of its own for padding, those before it are lost."""
    embedding = next((each for name, each in model.named_modules() if name.endswith("position_embeddings")), None)
    offset = getattr(embedding, "padding_idx", None)
    return positions if offset is None else positions - int(offset) - 1
