"""A shop's counters of outcomes, for a pod: visits of both tracks, and how many of them bought. Standard library only.

`python outcomes.py RELEASE STABLE CANARY`: of the visits of each track, the shares that buy. Each track has so many
visits a second; whether the canary gets requests is no concern of the shop's.
"""

from __future__ import annotations

import random
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

PORT = 9100
VISITS_A_SECOND = 5


class Shop:
    """Counts visits and conversions of both tracks."""

    def __init__(self, release: str, shares: dict[str, float]) -> None:
        self._release = release
        self._shares = shares
        self._chance = random.Random()  # noqa: S311  # no secret
        self._visits = dict.fromkeys(shares, 0)
        self._conversions = dict.fromkeys(shares, 0)

    def visit(self) -> None:
        """One visit of each track."""
        for track, share in self._shares.items():
            self._visits[track] += 1
            self._conversions[track] += self._chance.random() < share

    def run(self) -> None:
        """Have visits, for ever."""
        while True:
            time.sleep(1 / VISITS_A_SECOND)
            self.visit()

    def metrics(self) -> str:
        """The counters, in the text format of Prometheus."""
        counters = {"shop_visits_total": self._visits, "shop_conversions_total": self._conversions}
        lines = []
        for name, counts in counters.items():
            lines.append(f"# TYPE {name} counter")
            lines += [f'{name}{{release="{self._release}",track="{track}"}} {value}' for track, value in counts.items()]
        return "\n".join([*lines, ""])


def serve(shop: Shop) -> ThreadingHTTPServer:
    """A server of the counters on every address."""

    class Metrics(BaseHTTPRequestHandler):
        """Answers every path with the counters."""

        def do_GET(self) -> None:
            """Write them."""
            body = shop.metrics().encode()
            self.send_response(200)
            self.send_header("Content-Type", "text/plain; version=0.0.4")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *arguments: object) -> None:
            """Log nothing."""

    return ThreadingHTTPServer(("", PORT), Metrics)  # the pod's own


def main(release: str, stable: str, canary: str) -> None:
    """Count and serve until the pod ends."""
    shop = Shop(release, {"stable": float(stable), "canary": float(canary)})
    threading.Thread(target=shop.run, daemon=True).start()
    serve(shop).serve_forever()


if __name__ == "__main__":
    main(*sys.argv[1:])
