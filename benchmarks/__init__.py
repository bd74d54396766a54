"""Measurements against a server that is started for them; run by hand and nightly, never by `make test`."""
