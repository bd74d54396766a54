"""A headless Chromium, driven over its debugging pipe: what a person would see, and what the page asks for."""

from __future__ import annotations

import contextlib
import json
import os
import select
import shutil
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

INSTALL = "apt-get install -y chromium"
_PATIENCE_SECONDS = 60.0
_WIDTH, _HEIGHT = 1280, 1600
_OPTIONS = (
    *("--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync", "--remote-debugging-pipe"),
    # No name leads anywhere: what a page asks of another origin fails, and is seen all the same.
    *("--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1", f"--window-size={_WIDTH},{_HEIGHT}"),
)


def installed() -> bool:
    """Whether the program is there."""
    return shutil.which("chromium") is not None


class Page:
    """One page that is open; keeps every URL that it has asked for, and all that the browser complained of."""

    def __init__(self, commands: int, answers: int) -> None:
        self._commands, self._answers = commands, answers
        self._unread = b""
        self._last = 0
        self._session = ""
        self.requests: list[str] = []
        self.complaints: list[str] = []
        target = self._call("Target.createTarget", url="about:blank")["targetId"]
        self._session = self._call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        for domain in ("Network", "Log", "Runtime", "Page"):
            self._call(f"{domain}.enable")

    def open(self, url: str) -> None:
        """Go there."""
        self._call("Page.navigate", url=url)

    def evaluate(self, script: str) -> Any:  # whatever the script gives
        """The value of a script of JavaScript, or of what it promises."""
        given = self._call("Runtime.evaluate", expression=script, awaitPromise=True, returnByValue=True)
        assert "exceptionDetails" not in given, given["exceptionDetails"]
        return given["result"].get("value")

    def wait_for(self, script: str) -> Any:  # see `evaluate`
        """The value of a script, once it is true of the page."""
        deadline = time.monotonic() + _PATIENCE_SECONDS
        while time.monotonic() < deadline:
            if value := self.evaluate(script):
                return value
            time.sleep(0.05)
        raise AssertionError(f"never true: {script}; complaints: {self.complaints}")

    def _call(self, method: str, **parameters: object) -> Any:  # each method's own
        self._last += 1
        command: dict[str, object] = {"id": self._last, "method": method, "params": parameters}
        if self._session:
            command["sessionId"] = self._session
        os.write(self._commands, json.dumps(command).encode() + b"\0")
        while (message := self._next()).get("id") != self._last:
            self._note(message.get("method", ""), message.get("params", {}))
        assert "error" not in message, message["error"]
        return message["result"]

    def _next(self) -> dict[str, Any]:
        while b"\0" not in self._unread:
            assert select.select([self._answers], [], [], _PATIENCE_SECONDS)[0], "the browser does not answer"
            read = os.read(self._answers, 1 << 20)
            assert read, "the browser has ended"
            self._unread += read
        line, _, self._unread = self._unread.partition(b"\0")
        message: dict[str, Any] = json.loads(line)
        return message

    def _note(self, event: str, facts: dict[str, Any]) -> None:
        if event == "Network.requestWillBeSent":
            self.requests.append(facts["request"]["url"])
        elif event == "Log.entryAdded" and facts["entry"]["level"] in ("warning", "error"):
            self.complaints.append(facts["entry"]["text"] + " " + facts["entry"].get("url", ""))
        elif event == "Runtime.exceptionThrown":
            self.complaints.append(json.dumps(facts["exceptionDetails"]))
        elif event == "Runtime.consoleAPICalled" and facts["type"] in ("warning", "error", "assert"):
            self.complaints.append(json.dumps(facts["args"]))


@contextlib.contextmanager
def headless_page(profile: Path) -> Iterator[Page]:
    """An empty page of a browser of its own; its profile lies in that folder."""
    reads_commands, commands = os.pipe()
    answers, writes_answers = os.pipe()
    browser = subprocess.Popen(
        ["bash", "-c", f'exec "$0" "$@" 3<&{reads_commands} 4>&{writes_answers}', "chromium", *_OPTIONS,
         f"--user-data-dir={profile}"],
        pass_fds=(reads_commands, writes_answers), stderr=subprocess.DEVNULL,
    )  # fmt: skip
    os.close(reads_commands)
    os.close(writes_answers)
    try:
        yield Page(commands, answers)
    finally:
        browser.terminate()
        browser.wait(_PATIENCE_SECONDS)
        os.close(commands)
        os.close(answers)
