"""Metrics, traces and logs. Nothing in the inference line imports this room; it is told through the `Observer` port."""
