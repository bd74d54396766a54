"""A stream and a session at once, from inside a pod: says when both are open, and then how each of them ended.

`python streams.py HOST MODEL ROWS`. Writes `open` and, at the end, one line of JSON. Needs the library websockets,
which our image has.
"""

from __future__ import annotations

import http.client
import json
import sys
import threading
import time
from typing import Any

from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect

_PORT = 8000
_ROW = [0.0] * 784
_PAUSE_SECONDS = 0.2


def stream(host: str, rows: int, begun: threading.Event, report: dict[str, Any]) -> None:
    """Read a stream of so many rows to its end; the names of its events, and the code of an error."""
    events: list[str] = report.setdefault("events", [])
    connection = http.client.HTTPConnection(host, _PORT, timeout=60)
    body = json.dumps({"instances": [_ROW] * rows})
    headers = {"Content-Type": "application/json", "Accept": "text/event-stream"}
    try:
        connection.request("POST", "/v1/predict", body, headers)
        answer = connection.getresponse()
        report["status"] = answer.status
        for line in answer:  # http.client raises where the last chunk is missing
            if line.startswith(b"event: "):
                events.append(line.split()[1].decode())
                begun.set()
    except (OSError, http.client.HTTPException) as error:
        report["broken"] = type(error).__name__


def converse(host: str, model: str, begun: threading.Event, report: dict[str, Any]) -> None:
    """Ask one row after the other until the server closes; the close code, and how many were answered."""
    with connect(f"ws://{host}:{_PORT}/v1/models/{model}/session") as session:
        try:
            for number in range(1000):
                session.send(json.dumps({"id": number, "features": _ROW}))
                answer = json.loads(session.recv(30))
                if answer["id"] != number or "predictions" not in answer:
                    report.setdefault("wrong", []).append(answer)
                report["answered"] = number + 1
                begun.set()
                time.sleep(_PAUSE_SECONDS)
        except ConnectionClosed as closed:
            report["code"] = None if closed.rcvd is None else closed.rcvd.code
            report["reason"] = "" if closed.rcvd is None else closed.rcvd.reason


def main(host: str, model: str, rows: str) -> None:
    """Run both until they end."""
    report: dict[str, dict[str, Any]] = {"stream": {}, "session": {}}
    begun = threading.Event(), threading.Event()
    threads = [
        threading.Thread(target=stream, args=(host, int(rows), begun[0], report["stream"])),
        threading.Thread(target=converse, args=(host, model, begun[1], report["session"])),
    ]
    for thread in threads:
        thread.start()
    if all(each.wait(60) for each in begun):
        print("open", flush=True)  # noqa: T201  # the test waits for it
    for thread in threads:
        thread.join(120)
    print(json.dumps(report), flush=True)  # noqa: T201  # what the test reads


if __name__ == "__main__":
    main(*sys.argv[1:])
