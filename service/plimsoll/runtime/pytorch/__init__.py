"""Runs bundles with PyTorch. Nothing outside this folder imports torch."""
