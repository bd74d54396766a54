"""Makes a model of a bundle that holds an ONNX graph."""

from __future__ import annotations

import os
from pathlib import Path

from plimsoll.bundle.folder import Bundle
from plimsoll.bundle.model_formats import OnnxModel as OnnxDescription
from plimsoll.errors import BundleError
from plimsoll.runtime.loader_options import LoaderOptions
from plimsoll.runtime.onnx.onnx_model import OnnxModel
from plimsoll.runtime.onnx.providers import providers_of
from plimsoll.runtime.onnx.session_opening import open_session
from plimsoll.runtime.onnx.session_tensors import check_signature
from plimsoll.runtime.onnx_file import MAX_FILE_BYTES


class OnnxLoader:
    """Loads bundles onto one device.

    Raises:
        DeviceError: this machine does not have the device, or ONNX Runtime cannot use it.
    """

    def __init__(self, options: LoaderOptions) -> None:
        self._device, self._providers = providers_of(options.device)
        # Asked for 0 threads, ONNX Runtime binds each to a core, which a container may not have.
        self._threads = options.threads or os.cpu_count() or 1

    def load(self, bundle: Bundle) -> OnnxModel:
        """Open a session of the bundle's graph on the device.

        Raises:
            BundleError: with check `format`, `files`, `digest`, `weights` or `signature`.
            DeviceError: ONNX Runtime cannot use the device.
        """
        described = bundle.manifest.model
        if not isinstance(described, OnnxDescription):
            raise BundleError("format", f"ONNX Runtime runs no bundle of the format {described.format}")
        if (size := _size(bundle.path / described.graph)) > MAX_FILE_BYTES:
            raise BundleError(
                "format", f"{described.graph} has {size} bytes, and an ONNX file has at most {MAX_FILE_BYTES}"
            )
        with bundle.open_checked(described.graph) as file:
            content = file.read(MAX_FILE_BYTES)
        session, facts = open_session(content, described.graph, threads=self._threads, providers=self._providers)
        signature = bundle.manifest.line_signature()
        check_signature(session, signature)
        return OnnxModel(session, signature, self._device, facts)


def _size(path: Path) -> int:
    """The length of a file in bytes; 0 if it cannot be had, since opening the file says why."""
    try:
        return path.stat().st_size
    except OSError:
        return 0
