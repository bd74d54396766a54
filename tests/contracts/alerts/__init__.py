"""The rules of Prometheus, their tests and their runbooks."""
