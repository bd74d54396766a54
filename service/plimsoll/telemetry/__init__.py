"""Metrics, traces and logs. The inference line does not import this package; it reports through the `Observer` port."""
