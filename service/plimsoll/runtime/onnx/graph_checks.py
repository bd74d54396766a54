"""Refuses graphs that no server should hand to ONNX Runtime."""

from __future__ import annotations

from plimsoll.errors import BundleError
from plimsoll.quoting import quote
from plimsoll.runtime.onnx.graph_facts import OWN_DOMAINS, GraphFacts


def check_facts(facts: GraphFacts, file: str) -> None:
    """Refuse a graph that names other files, uses operators that ONNX Runtime does not bring, or could never end well.

    Raises:
        BundleError: with check `format`.
    """
    if facts.external:
        raise BundleError(
            "format",
            f"the numbers of tensor {quote(facts.external)} are in another file, which {file} names; that file was not "
            "opened. Put everything into one file: onnx.save_model(onnx.load(PATH), NEW_PATH)",
        )
    known = {domain for domain, _ in facts.functions} | OWN_DOMAINS
    for domain, name in sorted(facts.operators):
        if domain not in known:
            raise BundleError(
                "format",
                f"{file} uses the operator {quote(name)} of the domain {quote(domain)}, which ONNX Runtime does not "
                "have; export the model with standard operators",
            )
    if facts.idle_loop:
        raise BundleError(
            "format",
            f"{file} has a Loop or Scan whose body computes nothing, which could run for ever and could not be ended; "
            "take it out of the graph",
        )
    if facts.empty_control:
        raise BundleError(
            "format",
            f"{file} has a Loop whose number of steps or condition is a tensor without an element, on which ONNX "
            "Runtime ends the process; give one number, or leave the number of steps out",
        )
    if facts.has_loop and any(domain in OWN_DOMAINS for domain, _ in facts.functions):
        raise BundleError(
            "format",
            f"{file} has a Loop or Scan, and defines functions in a domain of ONNX Runtime's own operators, so a body "
            "that computes nothing would not be seen; give the functions a domain of their own",
        )
