"""Clients that each ask again as soon as they are answered, and a probe of /livez, for a pod: standard library only.

Writes one line of JSON in the end: how many requests were answered, by status, and how slow /livez was.
"""

from __future__ import annotations

import argparse
import asyncio
import collections
import json
import sys
import time
from pathlib import Path


async def _ask_again_and_again(
    options: argparse.Namespace, body: bytes, ends: float, statuses: collections.Counter[str]
) -> None:
    head = f"POST /v1/predict HTTP/1.1\r\nHost: {options.host}\r\nContent-Type: application/json\r\n"
    request = f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body
    reader, writer = await asyncio.open_connection(options.host, 8000)
    while time.monotonic() < ends:
        writer.write(request)
        answer = await reader.readuntil(b"\r\n\r\n")
        (length,) = (line.split()[1] for line in answer.lower().split(b"\r\n") if line.startswith(b"content-length:"))
        await reader.readexactly(int(length))
        statuses[answer.split()[1].decode()] += 1
    writer.close()


async def _livez_seconds(host: str) -> float:
    """How long /livez takes over a connection of its own, as a kubelet asks."""
    began = time.monotonic()
    reader, writer = await asyncio.open_connection(host, 8000)
    writer.write(f"GET /livez HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n".encode())
    answer = await reader.read()
    writer.close()
    if not answer.startswith(b"HTTP/1.1 200 "):
        raise ValueError(answer[:100])
    return time.monotonic() - began


async def _run(options: argparse.Namespace, body: bytes) -> str:
    ends = time.monotonic() + options.seconds
    statuses: collections.Counter[str] = collections.Counter()
    clients = [asyncio.create_task(_ask_again_and_again(options, body, ends, statuses)) for _ in range(options.clients)]
    probes = []
    while time.monotonic() < ends:
        probes.append(await _livez_seconds(options.host))
        await asyncio.sleep(0.5)
    await asyncio.gather(*clients)
    return json.dumps({"by_status": statuses, "probes": len(probes), "slowest_probe_seconds": round(max(probes), 3)})


def main() -> None:
    """Read the options, ask, report."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--host", required=True)
    parser.add_argument("--clients", type=int, required=True)
    parser.add_argument("--seconds", type=float, required=True)
    parser.add_argument("--body", required=True, help="file with the body of every request")
    options = parser.parse_args()
    sys.stdout.write(asyncio.run(_run(options, Path(options.body).read_bytes())) + "\n")


if __name__ == "__main__":
    main()
