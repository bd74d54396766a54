"""HTTP/1.1 over TCP: connections, requests, answers, and what bounds each of them. Knows ASGI, and no model."""
