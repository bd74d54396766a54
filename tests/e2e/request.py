"""One HTTP request from inside a pod: writes status, headers and body as one line of JSON. Standard library only."""

from __future__ import annotations

import json
import sys
import urllib.error
import urllib.request
from pathlib import Path


def main(url: str, body_file: str = "", *headers: str) -> None:
    """GET the URL, or POST the file to it as JSON; `name=value` adds a header. Status 0: nobody listens there."""
    body = Path(body_file).read_bytes() if body_file else None
    more = dict(header.split("=", 1) for header in headers)
    request = urllib.request.Request(url, data=body, headers={"Content-Type": "application/json", **more})  # noqa: S310
    try:
        answer = urllib.request.urlopen(request, timeout=10)  # noqa: S310  # the test's own Service
    except urllib.error.HTTPError as error:
        answer = error
    except urllib.error.URLError as error:
        sys.stdout.write(json.dumps({"status": 0, "headers": {}, "body": str(error.reason)}) + "\n")
        return
    with answer:
        given = {name.lower(): value for name, value in answer.headers.items()}
        document = {"status": answer.status, "headers": given, "body": answer.read().decode()}
    sys.stdout.write(json.dumps(document) + "\n")


if __name__ == "__main__":
    main(*sys.argv[1:])
