"""Makes the loader of a server. Torch is imported by the call, not with this file."""

from __future__ import annotations

from collections.abc import Collection
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from plimsoll.runtime.model_loader import ModelLoader


def new_loader(
    device: str,
    *,
    trust_pt2: bool,
    factories: Collection[str],
    max_batch_rows: int,
    inline_budget_seconds: float,
    threads: int | None = None,
) -> ModelLoader:
    """A loader of bundles for the device, see `ModelLoader`; it warms batches of up to `max_batch_rows` rows.

    Raises:
        DeviceError: the words name no device, or that device is not on this machine.
    """
    from plimsoll.runtime.devices import resolve_device
    from plimsoll.runtime.model_loader import ModelLoader
    from plimsoll.runtime.warmup import batch_sizes_up_to

    return ModelLoader(
        resolve_device(device),
        trust_pt2=trust_pt2,
        factories=factories,
        batch_sizes=batch_sizes_up_to(max_batch_rows),
        inline_budget_seconds=inline_budget_seconds,
        threads=threads,
    )
