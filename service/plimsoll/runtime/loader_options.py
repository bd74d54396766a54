"""The settings of a loader, for every runtime."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class LoaderOptions:
    """The device, threads and trust with which bundles are loaded.

    `trust_pt2` allows programs of torch.export, whose loader unpickles. Of the factories that bundles name, only those
    in `factories` are called. `threads` is the number of CPU threads of a forward pass; by default the runtime
    chooses. Without `packs_weights` the layers of torch keep their weights as the file has them, which is slower.
    """

    device: str = "cpu"
    trust_pt2: bool = False
    factories: Collection[str] = ()
    threads: int | None = None
    packs_weights: bool = True
