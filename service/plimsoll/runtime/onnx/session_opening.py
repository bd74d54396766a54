"""Opens a session of ONNX Runtime for a graph that has been read and found fit to run."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import onnxruntime

from plimsoll.errors import DeviceError
from plimsoll.runtime.onnx.graph_checks import check_facts
from plimsoll.runtime.onnx.graph_facts import GraphFacts, read_facts
from plimsoll.runtime.onnx.providers import CPU_ONLY, Provider
from plimsoll.runtime.onnx.session_faults import RUNTIME, session_faults

SILENT = 4
"""Fatal messages only: an error is raised as an exception, and the rest would not be a line of our log."""


_ON_CPU, _ = CPU_ONLY[0]
_DISABLED_OPTIMISERS = "optimization.disable_specified_optimizers"
_SLOW_ON_CPU = "SkipLayerNormFusion;BiasGeluFusion"
"""Optimisers that join two operators to one which ONNX Runtime computes more slowly on a CPU than both."""


class OpenSession(NamedTuple):
    """A session with the facts about its graph."""

    session: onnxruntime.InferenceSession
    facts: GraphFacts


def open_session(
    content: bytes, file: str, *, threads: int = 1, providers: Sequence[Provider] = CPU_ONLY
) -> OpenSession:
    """Open a session of a graph with threads of its own; `file` is what messages call it.

    The bytes are read as ONNX and never as ONNX Runtime's own format, which `read_facts` cannot read: a file can be
    made that is both. A graph with a loop (Loop or Scan) is run as it is written: an optimiser may take every operator
    out of the body, and ONNX Runtime ends a run only between two operators.

    Raises:
        BundleError: with check `format` or `weights`.
        DeviceError: ONNX Runtime does not use the first provider.
    """
    facts = read_facts(content, file)
    check_facts(facts, file)
    wanted, _ = providers[0]
    options = session_options(facts, threads, wanted)
    with session_faults(file):
        session = onnxruntime.InferenceSession(content, options, providers=list(providers), enable_fallback=0)
    session._model_bytes = None  # noqa: SLF001  # kept for set_providers, which nothing calls, and as large as the file
    if wanted not in session.get_providers():
        raise DeviceError(f"{RUNTIME} cannot use its {wanted} here; look at its log, or set the device to cpu")
    return OpenSession(session, facts)


def session_options(facts: GraphFacts, threads: int, provider: str) -> onnxruntime.SessionOptions:
    """The options by which ONNX Runtime runs a graph with these facts on a provider."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.log_severity_level = SILENT
    options.add_session_config_entry("session.load_model_format", "ONNX")
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")  # idle threads leave the CPU alone
    if provider == _ON_CPU:
        options.add_session_config_entry(_DISABLED_OPTIMISERS, _SLOW_ON_CPU)
    if facts.has_loop:
        options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    return options
