"""Polls /livez as a kubelet does, a new connection each time, from a process that does nothing else.

Writes one line of JSON: how long each answer took, and how late this process itself was woken up, in seconds.
"""

from __future__ import annotations

import http.client
import json
import sys
import time

_INTERVAL_SECONDS = 0.02


def main(host: str, port: int, seconds: float) -> None:
    """Poll for that long."""
    answers: list[float] = []
    lags: list[float] = []
    started = due = time.perf_counter()
    while due < started + seconds:
        time.sleep(max(0.0, due - time.perf_counter()))
        sent = time.perf_counter()
        lags.append(sent - due)
        connection = http.client.HTTPConnection(host, port, timeout=10)
        connection.request("GET", "/livez", headers={"Connection": "close"})
        status = connection.getresponse().status
        connection.close()
        now = time.perf_counter()
        answers.append(now - sent if status == http.HTTPStatus.OK else float("inf"))
        due = max(due + _INTERVAL_SECONDS, now)
    sys.stdout.write(json.dumps({"answers": answers, "lags": lags}) + "\n")


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), float(sys.argv[3]))
