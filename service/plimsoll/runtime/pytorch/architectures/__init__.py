"""Architectures that a bundle may name, one file each.

Each takes the input tensors in the order of the signature and gives one output tensor, or a tuple in that order. The
names in their state dicts are those that bundles hold, so they never change.
"""

from __future__ import annotations

from collections.abc import Mapping

ARCHITECTURES: Mapping[str, str] = {
    "digits-mlp": "plimsoll.runtime.pytorch.architectures.digits_mlp:DigitsMlp",
    "digits-cnn": "plimsoll.runtime.pytorch.architectures.digits_cnn:DigitsCnn",
}
"""The module of each name, as `package.module:callable`; its file is imported when a bundle names it."""
