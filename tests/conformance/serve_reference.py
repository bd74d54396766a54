"""Serves the models of reference_models.py: `python -m tests.conformance.serve_reference --port 8000 --fault NAME`."""

from __future__ import annotations

import argparse
import sys
import threading

from tests.conformance.reference_faults import FAULTS
from tests.conformance.reference_models import MODELS
from tests.conformance.reference_server import ReferenceServer, Respond, served


def main() -> None:
    """Serve until the process is interrupted."""
    parser = argparse.ArgumentParser(description="A small, honest server of the Open Inference Protocol.")
    parser.add_argument("--port", type=int, default=8000)
    parser.add_argument("--fault", choices=[fault.name for fault in FAULTS], help="plant this fault")
    options = parser.parse_args()
    respond: Respond = ReferenceServer()
    for fault in FAULTS:
        if fault.name == options.fault:
            respond = fault.planted(respond)
    with served(respond, options.port) as url:
        sys.stdout.write(f"{url} serves {', '.join(MODELS)}\n")
        sys.stdout.flush()
        stopped = threading.Event()
        while not stopped.wait(3600):
            pass


if __name__ == "__main__":
    try:
        main()
    except KeyboardInterrupt:
        sys.exit(130)
