"""Tests the list of commands and the help of each."""

from __future__ import annotations

import pytest
from plimsoll import __version__

from tests.unit.cli.conftest import RunPlimsoll

COMMANDS = ["serve", "predict", "health", "bundle", "keys", "settings"]


def test_the_help_lists_every_command(plimsoll: RunPlimsoll) -> None:
    ran = plimsoll("--help")
    assert ran.code == 0
    assert [command for command in COMMANDS if command not in ran.out] == []


def test_without_a_command_the_help_is_shown_and_nothing_is_served(plimsoll: RunPlimsoll) -> None:
    ran = plimsoll()
    assert ran.code == 2
    assert "Usage: plimsoll" in ran.out + ran.err


@pytest.mark.parametrize("command", [[each] for each in COMMANDS] + [["bundle", "create"], ["keys", "new"]])
def test_every_command_has_help(plimsoll: RunPlimsoll, command: list[str]) -> None:
    ran = plimsoll(*command, "--help")
    assert ran.code == 0
    assert f"plimsoll {' '.join(command)}" in ran.out


def test_the_version_wins_over_a_command(plimsoll: RunPlimsoll) -> None:
    assert plimsoll("--version", "serve") == (0, f"plimsoll {__version__}\n", "")


@pytest.mark.parametrize("arguments", [["serv"], ["serve", "--prot", "1"], ["bundle", "made"]])
def test_a_word_that_is_no_command_is_refused(plimsoll: RunPlimsoll, arguments: list[str]) -> None:
    ran = plimsoll(*arguments)
    assert ran.code == 2
    assert arguments[-1] in ran.complaint or arguments[-2] in ran.complaint
