"""Runs helm and kubectl, with a time limit for each call."""

from __future__ import annotations

import shutil
import subprocess
from typing import Protocol

from plimsoll.errors import OperatorError

_INSTALL = {
    "helm": "install Helm 3.14 or later",
    "kubectl": "install kubectl, and check that `kubectl get pods` works with the same KUBECONFIG",
}


class ProgramMissing(OperatorError):
    """A program that a rollout needs is not found."""


class ProgramFailed(OperatorError):
    """A program ended with an error, or did not end in time. `said` holds its standard error, `printed` its output."""

    def __init__(self, program: str, said: str, printed: str = "") -> None:
        said = said or printed
        last = said.strip().splitlines()[-1:] or ["it gives no reason"]
        super().__init__(f"{program} failed: {last[0]}")
        self.program = program
        self.said = said
        self.printed = printed


class Programs(Protocol):
    """Starts programs and gives back what they print."""

    def run(self, program: str, *arguments: str, stdin: str | None = None, timeout_seconds: float = 60.0) -> str:
        """The standard output of a program that succeeded.

        Raises:
            ProgramMissing: PATH has no such program.
            ProgramFailed: it ended with an error, or was ended because its time was over.
        """
        ...


class LocalPrograms:
    """Programs on PATH. Each runs in a session of its own: Ctrl-C does not interrupt an upgrade half-way."""

    def run(self, program: str, *arguments: str, stdin: str | None = None, timeout_seconds: float = 60.0) -> str:
        """As `Programs.run`."""
        path = shutil.which(program)
        if path is None:
            raise ProgramMissing(f"{program} is not on PATH; {_INSTALL.get(program, 'install it')}")
        try:
            done = subprocess.run(  # noqa: S603  # the same program, with the same rights, as its user would start
                [path, *arguments],
                input=stdin or "",
                capture_output=True,
                text=True,
                timeout=timeout_seconds,
                check=False,
                start_new_session=True,
            )
        except subprocess.TimeoutExpired:
            raise ProgramFailed(program, f"no answer within {timeout_seconds:.0f} s, and it was ended") from None
        except OSError as error:
            raise ProgramMissing(f"{path} cannot be started: {error.strerror}; {_INSTALL.get(program, '')}") from None
        if done.returncode:
            raise ProgramFailed(program, done.stderr, done.stdout)
        return done.stdout
