"""The configuration of a model in the form of Triton's ModelConfig, for clients and tools that ask for it."""

from __future__ import annotations

import orjson

from plimsoll.bundle.model_formats import platform_of
from plimsoll.control.version_registry import LoadReport
from plimsoll.inference.payloads import TensorSpec
from plimsoll.inference.ports import Json
from plimsoll.inference.served_version import ServedVersion
from plimsoll.tasks.number_rows import MAX_ROWS

_MICROSECONDS = 1_000_000


def config_of(served: ServedVersion, report: LoadReport) -> Json:
    """The fields of Triton's ModelConfig that say something about a version.

    `dims` have no batch dimension. `parameters` hold what Triton has no field for: the version, the labels of outputs
    as JSON, and the most rows of a batch.
    """
    manifest, limits = report.manifest, served.lane.limits.batch
    labels = {spec.name: spec.labels for spec in served.task.wire.outputs if spec.labels}
    parameters = {"version": served.version, "task": manifest.task, "max_batch_rows": str(limits.max_rows)}
    if labels:
        parameters["labels"] = orjson.dumps(labels).decode()
    return {
        "name": served.name,
        "platform": platform_of(manifest.model),
        "backend": manifest.model.backend,
        "max_batch_size": MAX_ROWS,
        "input": [
            {**_tensor(spec), "format": "FORMAT_NONE", "allow_ragged_batch": False, "optional": False}
            for spec in served.task.wire.inputs
        ],
        "output": [{**_tensor(spec), "label_filename": ""} for spec in served.task.wire.outputs],
        "dynamic_batching": {
            "preferred_batch_size": [],
            "max_queue_delay_microseconds": round(limits.max_wait_seconds * _MICROSECONDS),
        },
        "instance_group": [_instance(served.name, report.device)],
        "default_model_filename": manifest.model.file,
        "model_transaction_policy": {"decoupled": False},
        "parameters": {name: {"string_value": value} for name, value in parameters.items()},
    }


def _tensor(spec: TensorSpec) -> Json:
    datatype = "STRING" if spec.datatype == "BYTES" else spec.datatype
    return {"name": spec.name, "data_type": f"TYPE_{datatype}", "dims": list(spec.shape[1:]), "is_shape_tensor": False}


def _instance(name: str, device: str) -> Json:
    """The one instance of a version in this process."""
    kind, _, index = device.partition(":")
    on_gpu = kind == "cuda"
    return {
        "name": name,
        "kind": "KIND_GPU" if on_gpu else "KIND_CPU",
        "count": 1,
        "gpus": [int(index or 0)] if on_gpu else [],
    }
