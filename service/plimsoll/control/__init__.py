"""The desired state, the state of each version, and the reconciler that brings them together."""
