from __future__ import annotations

import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from plimsoll.errors import BundleError
from plimsoll.runtime.onnx.bounded_run import run_bounded
from plimsoll.runtime.onnx.session_opening import open_session

from tests.doubles.onnx_graphs import endless, relu

ROWS = {"x": np.array([[-1, 0, 1, 2]], np.float32)}
REPOSITORY = Path(__file__).parents[4]
ENDLESS = """
import signal
import numpy as np
from plimsoll.runtime.onnx.bounded_run import run_bounded
from plimsoll.runtime.onnx.session_opening import open_session
from tests.doubles.onnx_graphs import endless
signal.signal(signal.SIGINT, signal.default_int_handler)  # a job in the background of a shell ignores it
session = open_session(endless().SerializeToString(), "m").session
print("runs", flush=True)
try: run_bounded(session, ["y"], {"x": np.zeros((1, 4), np.float32)}, 100)
except KeyboardInterrupt: print("interrupted", flush=True)
"""


def test_a_run_gives_the_outputs_asked_for() -> None:
    (given,) = run_bounded(open_session(relu().SerializeToString(), "m").session, ["y"], ROWS, 60)
    assert given.tolist() == [[0, 0, 1, 2]]


def test_a_run_without_end_is_ended_and_explained() -> None:
    session = open_session(endless().SerializeToString(), "m").session
    with pytest.raises(BundleError, match=r"not answered the example after 0.2 s, and the run was ended; it may have"):
        run_bounded(session, ["y"], ROWS, 0.2)


def test_an_error_of_the_runtime_is_raised_here() -> None:
    with pytest.raises(Exception, match="Unexpected input data type"):
        run_bounded(open_session(relu().SerializeToString(), "m").session, ["y"], {"x": np.zeros((1, 4))}, 60)


def test_a_ctrl_c_ends_the_run() -> None:
    with subprocess.Popen(
        [sys.executable, "-c", ENDLESS], stdout=subprocess.PIPE, text=True, cwd=REPOSITORY
    ) as process:
        try:
            assert process.stdout is not None
            assert process.stdout.readline() == "runs\n"
            time.sleep(0.3)
            process.send_signal(signal.SIGINT)
            assert process.communicate(timeout=30)[0] == "interrupted\n"
        finally:
            process.kill()
