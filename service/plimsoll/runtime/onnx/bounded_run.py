"""Runs a session for a command, which a person may interrupt and which must end."""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from typing import Any

import onnxruntime

from plimsoll.errors import BundleError
from plimsoll.runtime.onnx.session_opening import SILENT

_ENDING_SECONDS = 10.0
"""A run ends after its current operator."""


def run_bounded(
    session: onnxruntime.InferenceSession, names: Sequence[str], inputs: Mapping[str, Any], seconds: float
) -> list[Any]:
    """Run a session in another thread, since Python sees no Ctrl-C while a run lasts; returns the outputs of `names`.

    A run that takes longer than `seconds`, or that is interrupted, is ended.

    Raises:
        BundleError: with check `weights`, when the run takes too long.
        Exception: any error of ONNX Runtime.
    """
    options = onnxruntime.RunOptions()
    options.log_severity_level = SILENT
    outputs: list[Any] = []
    errors: list[BaseException] = []

    def run() -> None:
        try:
            outputs.extend(session.run(list(names), dict(inputs), options))
        except BaseException as error:  # noqa: BLE001  # raised by the caller's thread
            errors.append(error)

    thread = threading.Thread(target=run, name="onnx-run", daemon=True)
    thread.start()
    try:
        thread.join(seconds)
        in_time = not thread.is_alive()
    finally:
        options.terminate = True
        thread.join(_ENDING_SECONDS)
    if not in_time:
        raise BundleError(
            "weights",
            f"the graph had not answered the example after {seconds:g} s, and the run was ended; it may have a loop "
            "that never ends",
        )
    if errors:
        raise errors[0]
    return outputs
