"""The Open Inference Protocol over gRPC. It needs the extra `grpc`, and is imported only if its port is set."""

PROTOCOL = "grpc"
"""The label of the metrics of calls."""
