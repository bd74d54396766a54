"""A command that is started without standard streams, or with an encoding that holds few characters."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

PATIENCE_SECONDS = 60
IMPORT = "from plimsoll.cli.standard_streams import hold_standard_streams, show_every_character\n"


def run(code: str, redirection: str = "", **environment: str) -> subprocess.CompletedProcess[bytes]:
    """Run Python code from a shell, which can close streams."""
    command = ["sh", "-c", f'exec "$0" -c "$1" {redirection}', sys.executable, IMPORT + code]
    return subprocess.run(
        command, env={**os.environ, **environment}, capture_output=True, check=False, timeout=PATIENCE_SECONDS
    )


@pytest.mark.parametrize("redirection", ["<&-", ">&-", "2>&-", "<&- >&- 2>&-"])
def test_no_file_takes_the_number_of_a_stream_that_is_closed(redirection: str, tmp_path: Path) -> None:
    found = tmp_path / "found"
    code = f"""
import os
hold_standard_streams()
number = os.open({str(found)!r}, os.O_CREAT | os.O_WRONLY)
os.write(number, str(number).encode())
for stream in (1, 2):
    os.write(stream, b'into the log')
"""
    assert run(code, redirection).returncode == 0
    assert int(found.read_bytes()) > 2


def test_streams_that_are_open_stay_as_they_are() -> None:
    assert run("hold_standard_streams(); print('heard')").stdout == b"heard\n"


def test_a_character_that_the_encoding_lacks_is_escaped() -> None:
    code = "show_every_character(); import sys; print('gr\\u00f6\\u00dfer \\udcff'); print('\\u20ac', file=sys.stderr)"
    ran = run(code, PYTHONIOENCODING="ascii", PYTHONUTF8="0")
    assert (ran.stdout, ran.stderr) == (b"gr\\xf6\\xdfer \\udcff\n", b"\\u20ac\n")


def test_other_characters_stay_as_they_are() -> None:
    ran = run("show_every_character(); print('gr\\u00f6\\u00dfer')", PYTHONIOENCODING="utf-8")
    assert ran.stdout == "größer\n".encode()
