"""Makes the loader of a server or a command."""

from __future__ import annotations

from plimsoll.inference.batch_limits import MAX_ELEMENTS
from plimsoll.runtime.devices import check_device
from plimsoll.runtime.loader_options import LoaderOptions
from plimsoll.runtime.model_loader import ModelLoader
from plimsoll.runtime.warmup import MOST_SECONDS, batch_sizes_up_to


def new_loader(
    options: LoaderOptions,
    *,
    max_batch_rows: int,
    inline_budget_seconds: float,
    max_batch_elements: int = MAX_ELEMENTS,
    warmup_seconds: float = MOST_SECONDS,
) -> ModelLoader:
    """A loader of bundles, see `ModelLoader`; it warms batches of up to `max_batch_rows` rows.

    `max_batch_elements` bounds batches of rows of open shapes as well, and `warmup_seconds` the time of a warm-up.

    Raises:
        DeviceError: the words name no device, or that device is not on this machine.
    """
    check_device(options.device)
    return ModelLoader(
        options,
        batch_sizes=batch_sizes_up_to(max_batch_rows),
        inline_budget_seconds=inline_budget_seconds,
        max_batch_elements=max_batch_elements,
        warmup_seconds=warmup_seconds,
    )
