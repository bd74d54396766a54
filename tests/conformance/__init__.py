"""A conformance suite for servers of the Open Inference Protocol (v2); it knows no server, and imports none."""
