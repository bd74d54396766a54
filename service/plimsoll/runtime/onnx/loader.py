"""Makes a model of a bundle that holds an ONNX graph."""

from __future__ import annotations

from collections.abc import Mapping

import onnxruntime

from plimsoll.bundle.folder import Bundle
from plimsoll.bundle.model_formats import OnnxModel as OnnxDescription
from plimsoll.errors import BundleError
from plimsoll.inference.payloads import Signature
from plimsoll.runtime.foreign_code import foreign_code
from plimsoll.runtime.loader_options import LoaderOptions
from plimsoll.runtime.onnx.graph_facts import MAX_FILE_BYTES, check_facts, read_facts
from plimsoll.runtime.onnx.onnx_model import OnnxModel
from plimsoll.runtime.onnx.providers import providers_of
from plimsoll.runtime.onnx.tensor_types import DATATYPES

_QUIET = 3  # errors only: what matters of the rest comes as an exception


class OnnxLoader:
    """Loads bundles onto one device.

    Raises:
        DeviceError: this machine does not have the device, or ONNX Runtime cannot use it.
    """

    def __init__(self, options: LoaderOptions) -> None:
        self._device, self._providers = providers_of(options.device)
        self._threads = options.threads or 0  # as many as there are cores

    def load(self, bundle: Bundle) -> OnnxModel:
        """Open a session of the bundle's graph on the device.

        Raises:
            BundleError: with check `format`, `files`, `digest`, `weights` or `signature`.
        """
        described = bundle.manifest.model
        if not isinstance(described, OnnxDescription):
            raise BundleError("format", f"ONNX Runtime runs no bundle of the format {described.format}")
        with bundle.open_checked(described.graph) as file:
            if file.size > MAX_FILE_BYTES:
                raise BundleError(
                    "format", f"{described.graph} has {file.size} bytes, and an ONNX file at most {MAX_FILE_BYTES}"
                )
            content = file.read(file.size)
        return self.open(content, described.graph, bundle.manifest.line_signature())

    def open(self, content: bytes, file: str, signature: Signature) -> OnnxModel:
        """Open a session of a graph; `file` is what messages call it.

        Raises:
            BundleError: with check `format`, `weights` or `signature`.
        """
        facts = read_facts(content, file)
        check_facts(facts, file)
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = self._threads
        options.inter_op_num_threads = 1
        options.log_severity_level = _QUIET
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")  # idle threads leave the CPU alone
        with foreign_code("weights", f"ONNX Runtime {onnxruntime.__version__} cannot open {file}"):
            session = onnxruntime.InferenceSession(content, options, providers=self._providers)
        _check_signature(session, signature)
        return OnnxModel(session, signature, self._device, facts)


def _check_signature(session: onnxruntime.InferenceSession, signature: Signature) -> None:
    sides = (
        ("input", session.get_inputs(), signature.inputs),
        ("output", session.get_outputs(), signature.outputs),
    )
    for side, theirs, ours in sides:
        graph = {each.name: DATATYPES.get(each.type, each.type) for each in theirs}
        manifest = {spec.name: spec.datatype for spec in ours}
        wrong = set(manifest.items()) - set(graph.items()) if side == "output" else manifest.items() ^ graph.items()
        if wrong:
            raise BundleError(
                "signature",
                f"the {side}s of the graph are {_listed(graph)}, and those of the manifest are {_listed(manifest)}",
            )


def _listed(tensors: Mapping[str, str]) -> str:
    return ", ".join(f"'{name}' {datatype}" for name, datatype in list(tensors.items())[:8]) or "none"
