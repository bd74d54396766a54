"""A process in the environment of the clients, which `make test` installs into build/clients."""

from __future__ import annotations

import os
import socket
import subprocess
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

REPOSITORY = Path(__file__).parents[2]
CLIENTS = REPOSITORY / "build" / "clients" / "bin"
_PATIENCE_SECONDS = 60


class ClientRaised(Exception):  # named for what happened
    """The client has raised an exception of the class `kind`; the message is its text."""

    def __init__(self, kind: str, text: str) -> None:
        super().__init__(text)
        self.kind = kind


class ClientProcess:
    """Calls the functions of one of `tests.clients.programs`, which runs until `close`."""

    def __init__(self, program: str) -> None:
        python = CLIENTS / "python"
        assert python.exists(), "the clients are not installed: run `make build/clients/clients.done`"
        ours, theirs = socket.socketpair()
        with theirs:
            self._process = subprocess.Popen(
                [python, "-m", f"tests.clients.programs.{program}", str(theirs.fileno())],
                cwd=REPOSITORY,
                env={"PATH": os.environ["PATH"], "PYTHONWARNINGS": "ignore"},
                pass_fds=[theirs.fileno()],
            )
        self._connection = Connection(ours.detach())

    def __call__(self, function: str, *arguments: Any, **options: Any) -> Any:
        """What the function returns.

        Raises:
            ClientRaised: an exception of the client.
        """
        self._connection.send((function, arguments, options))
        assert self._connection.poll(_PATIENCE_SECONDS), f"{function} did not return"
        answer = self._connection.recv()
        if len(answer) == 1:
            return answer[0]
        raise ClientRaised(*answer)

    def close(self) -> None:
        """End the process."""
        self._connection.close()
        try:
            self._process.wait(10)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait(60)
