"""Plimsoll: serve a PyTorch model on Kubernetes."""

__version__ = "0.2.0"
