"""Facts about ONNX files that both runtimes need."""

GRAPH_FILE = "model.onnx"
"""The name of the graph in a new bundle."""
MAX_FILE_BYTES = (1 << 31) - 1
"""No protobuf message is longer."""
