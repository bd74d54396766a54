"""Runs bundles with ONNX Runtime. Nothing outside this folder imports onnxruntime, and nothing in it imports torch."""
