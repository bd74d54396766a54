"""The HTTP edge: routes, request scope, and the one mapping from errors to replies. Never imports torch."""
