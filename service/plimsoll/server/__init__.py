"""Processes that serve, alone or as workers, and HTTP/1.1 over TCP: connections, requests, answers and their limits."""
