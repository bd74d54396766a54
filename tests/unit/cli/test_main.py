from __future__ import annotations

import os
import runpy
import subprocess
import sys
from pathlib import Path

import pytest
import typer
from plimsoll import __version__
from plimsoll.cli import main
from plimsoll.cli.commands import app
from plimsoll.errors import BundleError, OperatorError
from typer.testing import CliRunner

from tests.unit.cli.conftest import RunPlimsoll


def test_without_arguments_it_teaches_how_to_begin(plimsoll: RunPlimsoll) -> None:
    ran = plimsoll()
    assert ran.code == 2
    for words in ("plimsoll serve", "plimsoll predict --image digit.png", "bundle", "settings"):
        assert words in ran.out + ran.err


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--help"], ["checked before it takes traffic", "serve", "predict", "bundle", "settings", "--version"]),
        (["serve", "--help"], ["--host", "--port", "--workers", "--models", "PLIMSOLL_PORT", "/readyz"]),
        (
            ["predict", "--help"],
            [
                "--text",
                "--image",
                "--row",
                "--column",
                "--file",
                "--golden",
                "--bundle",
                "--url",
                "--expect",
                "smoke tests",
            ],
        ),
        (["bundle", "--help"], ["create", "verify", "inspect"]),
        (["bundle", "create", "--help"], ["--architecture", "--weights", "--example", "golden samples", "SPDX"]),
        (["bundle", "verify", "--help"], ["--trust-pt2", "hostile", "golden samples"]),
        (["bundle", "inspect", "--help"], ["manifest"]),
        (["settings", "--help"], ["--markdown", "default"]),
    ],
)
def test_every_help_text_teaches(arguments: list[str], words: list[str]) -> None:
    result = CliRunner(env={"COLUMNS": "250", "TERM": "dumb"}).invoke(app, arguments)
    assert result.exit_code == 0
    for word in words:
        assert word in result.output


def test_every_option_and_argument_is_described() -> None:
    commands = typer.main.get_command(app)
    groups = [commands, *getattr(commands, "commands", {}).values()]
    for group in groups:
        for command in [group, *getattr(group, "commands", {}).values()]:
            for parameter in command.params:
                assert getattr(parameter, "help", None), f"{command.name} {parameter.name}"


def test_the_version_is_told(plimsoll: RunPlimsoll) -> None:
    assert plimsoll("--version") == (0, f"plimsoll {__version__}\n", "")


@pytest.mark.parametrize("arguments", [["sevre"], ["bundle", "delete"], ["serve", "--prot", "1"], ["settings", "x"]])
def test_a_slip_of_the_pen_is_exit_code_2(plimsoll: RunPlimsoll, arguments: list[str]) -> None:
    ran = plimsoll(*arguments)
    assert ran.code == 2
    assert "Error" in ran.err or "Usage" in ran.err


@pytest.mark.parametrize(
    "sentence",
    [
        "it is broken",
        'expected an object {"features": [numbers]} for one row',
        "in [bold]words[/bold]",
        "a stray [/tag]",
        "a folder C:\\models\\[x]",
    ],
)
def test_an_error_of_ours_is_one_sentence_on_standard_error_word_for_word(
    plimsoll: RunPlimsoll, monkeypatch: pytest.MonkeyPatch, sentence: str
) -> None:
    def fail() -> None:
        raise OperatorError(sentence)

    monkeypatch.setattr("plimsoll.cli.commands.app", fail)
    ran = plimsoll("settings")
    assert ran == (2, "", f"error: {sentence}\n")


def test_an_error_of_a_bundle_is_an_error_of_ours(plimsoll: RunPlimsoll, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail() -> None:
        raise BundleError("golden", "it is off")

    monkeypatch.setattr("plimsoll.cli.commands.app", fail)
    assert plimsoll("settings").err == "error: it is off\n"


def test_a_long_sentence_is_not_broken_into_lines(plimsoll: RunPlimsoll, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PLIMSOLL_PORT", "x" * 300)
    monkeypatch.setenv("COLUMNS", "40")
    ran = plimsoll("settings")
    assert ran.code == 2
    assert ran.err.count("\n") == 1


def test_an_error_that_is_not_ours_keeps_its_trace(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail() -> None:
        raise ZeroDivisionError

    monkeypatch.setattr("plimsoll.cli.commands.app", fail)
    monkeypatch.setattr(sys, "argv", ["plimsoll", "settings"])
    with pytest.raises(ZeroDivisionError):
        main()


def test_the_package_is_the_command(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(sys, "argv", ["plimsoll", "--version"])
    with pytest.raises(SystemExit) as caught:
        runpy.run_module("plimsoll", run_name="__main__")
    assert caught.value.code == 0
    assert capsys.readouterr().out == f"plimsoll {__version__}\n"


def test_importing_the_package_runs_nothing() -> None:
    assert "main" in runpy.run_module("plimsoll.__main__", run_name="imported")


@pytest.mark.skipif(not Path("/proc/self/task").exists(), reason="threads are counted as Linux shows them")
def test_a_command_has_one_thread_though_it_imports_numpy_and_rarely_looks_for_garbage() -> None:
    code = (
        "import sys; sys.argv = ['plimsoll', 'bundle', '--help']\n"
        "from pathlib import Path\n"
        "from plimsoll.cli import main\n"
        "try: main()\n"
        "except SystemExit: pass\n"
        "import gc; print('numpy' in sys.modules, len(list(Path('/proc/self/task').iterdir())), gc.get_threshold()[0])"
    )
    environment = {name: value for name, value in os.environ.items() if name != "OPENBLAS_NUM_THREADS"}
    ran = subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True, timeout=60
    )
    assert ran.stdout.splitlines()[-1] == "True 1 50000"
