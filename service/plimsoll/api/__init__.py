"""The HTTP edge: routes, what surrounds a request, and the one mapping from errors to replies. Never torch."""
