"""Asks a pod again and again until it answers a prediction; writes when that was, in seconds since 1970."""

from __future__ import annotations

import http.client
import sys
import time
from pathlib import Path

_PAUSE_SECONDS = 0.01
_PATIENCE_SECONDS = 120.0
_OK = 200


def main(address: str, port: str, body_file: str) -> None:
    """POST the file to /v1/predict until the answer is 200."""
    body = Path(body_file).read_bytes()
    end = time.monotonic() + _PATIENCE_SECONDS
    while time.monotonic() < end:
        connection = http.client.HTTPConnection(address, int(port), timeout=1)
        try:
            connection.request("POST", "/v1/predict", body, {"Content-Type": "application/json"})
            if connection.getresponse().status == _OK:
                sys.stdout.write(f"{time.time()}\n")
                return
        except OSError:
            pass  # nobody listens there yet
        finally:
            connection.close()
        time.sleep(_PAUSE_SECONDS)
    sys.exit(f"{address} has not answered within {_PATIENCE_SECONDS:g} seconds")


if __name__ == "__main__":
    main(*sys.argv[1:])
