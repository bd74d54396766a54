"""Programs that print what a test says, by the beginning of their command line."""

from __future__ import annotations

from plimsoll.rollout.programs import ProgramFailed


class ScriptedPrograms:
    """Answers by the longest beginning that fits; an exception is raised. `calls` has all commands."""

    def __init__(self, **answers: str | ProgramFailed) -> None:
        self.answers: dict[str, str | ProgramFailed] = dict(answers)
        self.calls: list[str] = []
        self.inputs: list[str | None] = []

    def run(self, program: str, *arguments: str, stdin: str | None = None, timeout_seconds: float = 60.0) -> str:
        del timeout_seconds
        command = " ".join([program, *arguments])
        self.calls.append(command)
        self.inputs.append(stdin)
        fitting = [beginning for beginning in self.answers if command.startswith(beginning)]
        answer = self.answers[max(fitting, key=len)] if fitting else ""
        if isinstance(answer, ProgramFailed):
            raise answer
        return answer


def failed(program: str, said: str, printed: str = "") -> ProgramFailed:
    """A program that ended with these words on standard error, and these on standard output."""
    return ProgramFailed(program, said, printed)
