"""Tests how signals end a process; each test starts a process of its own."""

from __future__ import annotations

import signal
import subprocess
import sys
import textwrap
from collections.abc import Iterator

import pytest

PATIENCE_SECONDS = 60
BEGIN = """
import logging, signal, sys, threading, time
logging.basicConfig(format="%(message)s", stream=sys.stdout)
from plimsoll.server.stop_signals import StopSignals, end_on_termination, leave
def say(word):
    print(word, flush=True)
"""


class Script:
    """A process that says `ready` when signals may come; `output` is all that it has written."""

    def __init__(self, code: str) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-c", BEGIN + textwrap.dedent(code)], stdout=subprocess.PIPE, bufsize=0
        )
        self.output = ""
        self.wait_for("ready")

    def wait_for(self, word: str) -> None:
        """Return when it has said the word."""
        assert self._process.stdout is not None
        for line in iter(self._process.stdout.readline, b""):
            self.output += line.decode()
            if word.encode() in line:
                return
        raise AssertionError(f"it ended without writing {word!r}: {self.output}")

    def send(self, number: signal.Signals) -> None:
        """Send it a signal."""
        self._process.send_signal(number)

    def exit_code(self) -> int:
        """Its exit code, once it has ended."""
        rest, _ = self._process.communicate(timeout=PATIENCE_SECONDS)
        self.output += rest.decode()
        return self._process.returncode

    def kill(self) -> None:
        """End it, if it still runs."""
        self._process.kill()
        self._process.wait(PATIENCE_SECONDS)
        assert self._process.stdout is not None
        self._process.stdout.close()


@pytest.fixture
def started(request: pytest.FixtureRequest) -> Iterator[Script]:
    """The script of the test, running."""
    script = Script(request.param)
    yield script
    script.kill()


def scripted(code: str) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("started", [code], indirect=True, ids=["a process"])


@scripted("end_on_termination(); say('ready'); time.sleep(600)")
def test_before_anything_listens_sigterm_ends_the_process(started: Script) -> None:
    started.send(signal.SIGTERM)
    assert started.exit_code() == 128 + signal.SIGTERM


@scripted("StopSignals(60, [signal.SIGTERM]).listen(); say('ready'); time.sleep(600)")
def test_where_nothing_is_served_yet_the_first_signal_ends_it_well(started: Script) -> None:
    started.send(signal.SIGTERM)
    assert started.exit_code() == 0


@scripted("""
    signals = StopSignals(60, [signal.SIGTERM, signal.SIGINT])
    signals.listen()
    signals.on_first(lambda: say("stopping"))
    say("ready")
    time.sleep(600)
""")
def test_the_first_signal_begins_the_stop_and_a_second_one_ends_it_at_once(started: Script) -> None:
    started.send(signal.SIGTERM)
    started.wait_for("stopping")
    started.send(signal.SIGINT)
    assert started.exit_code() == 0
    assert "stopping at once, without draining" in started.output


@scripted("""
    signals = StopSignals(60, [signal.SIGTERM], at_once=[signal.SIGQUIT])
    signals.listen()
    signals.on_first(lambda: say("stopping"))
    say("ready")
    time.sleep(1)
    say("goes on")
    time.sleep(600)
""")
def test_where_signals_for_it_are_named_only_those_end_it_at_once(started: Script) -> None:
    started.send(signal.SIGTERM)
    started.wait_for("stopping")
    started.send(signal.SIGTERM)
    started.wait_for("goes on")
    started.send(signal.SIGQUIT)
    assert started.exit_code() == 0


@scripted("""
    signals = StopSignals(0.2, [signal.SIGTERM])
    signals.listen()
    signals.on_first(lambda: say("stopping"))
    say("ready")
    time.sleep(600)
""")
def test_what_still_runs_after_the_limit_is_named_and_left(started: Script) -> None:
    started.send(signal.SIGTERM)
    assert started.exit_code() == 1
    assert (
        "something still runs 0.2 s after the signal, the process ends now; the main thread is at <string>:"
        in started.output
    )


@scripted("""
    import ctypes
    stopping = threading.Event()
    signals = StopSignals(0.2, [signal.SIGTERM])
    signals.listen()
    signals.on_first(stopping.set)
    say("ready")
    stopping.wait(60)
    ctypes.PyDLL(None).sleep(600)  # which keeps the interpreter's lock
""")
def test_the_process_ends_though_no_thread_can_run_any_more(started: Script) -> None:
    started.send(signal.SIGTERM)
    assert started.exit_code() == 1


@scripted("""
    class Last(logging.Handler):
        def flush(self):
            say("flushed")
    logging.getLogger().addHandler(Last())
    threading.Thread(target=lambda: time.sleep(600)).start()
    say("ready")
    leave(7)
""")
def test_leaving_writes_the_last_log_lines_and_waits_for_no_thread(started: Script) -> None:
    assert started.exit_code() == 7
    assert "flushed" in started.output
